import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSubmodules } from './submodule-config.ts';
import { submoduleAccess, submoduleUrl } from './submodule-url.ts';

test('.gitmodules is read as Git reads its configuration', () => {
  const text = `# a comment
[core]
	path = not/this
[submodule "one"]
	path = lib/one
	url = https://example.com/one.git ; the first
	branch = main
	shallow
[SubModule "two \\"quoted\\"] \\\\"] path = "lib/with # and ;"
	URL = "../t\\"wo.git" # behind
[submodule "one"]
	url = https://example.com/\\
new.git
[submodule "no path"]
	url = ../x
[submodule "no url"]
	path = nowhere
`;
  assert.deepEqual(
    [...parseSubmodules(text).values()],
    [
      { path: 'lib/one', url: 'https://example.com/new.git' },
      { path: 'lib/with # and ;', url: '../t"wo.git' },
    ],
  );
  assert.equal(parseSubmodules('').size, 0);
});

const broken: [string, RegExp][] = [
  ['[submodule "x"\npath = y', /line 1 holds a section without an end/],
  ['[submodule "x"]\n  path y', /line 2 holds a variable without "="/],
  ['[submodule "x"]\n path = "y', /line 2 holds a value that is not closed/],
  ['[submodule "x"]\n path = \\q', /line 2 holds a value/],
  ['[submodule "x"]\n = y', /line 2 holds neither/],
];
for (const [text, message] of broken)
  test(`.gitmodules that is broken says where: ${JSON.stringify(text)}`, () =>
    assert.throws(() => parseSubmodules(text), { code: 'Corrupt', message }));

const parent = 'https://git.example.com/team/app.git';
const addresses: [written: string, from: string, url: string | RegExp][] = [
  ['https://other.example.com/x.git', parent, 'https://other.example.com/x.git'],
  ['http://user@h/x', parent, 'http://user@h/x'],
  ['ssh://git@h:2222/x', parent, 'ssh://git@h:2222/x'],
  ['git@github.com:org/x.git', parent, 'ssh://git@github.com/org/x.git'],
  ['host.example.com:/srv/x.git', parent, 'ssh://git@host.example.com/srv/x.git'],
  ['../lib.git', parent, 'https://git.example.com/team/lib.git'],
  ['../../infra/lib.git', parent, 'https://git.example.com/infra/lib.git'],
  ['./nested', parent, 'https://git.example.com/team/app.git/nested'],
  ['../lib.git', 'ssh://git@h:22/team/app.git', 'ssh://git@h:22/team/lib.git'],
  ['../lib.git', `${parent}/?a=b`, 'https://git.example.com/team/lib.git'],
  ['../../../../x', parent, /beyond the root of the server/],
  ['../%2e%2E/x', parent, /disguises a step upwards/],
  ['file:///etc', parent, /names no host|none of https/],
  ['file://host/etc', parent, /none of https, http and ssh/],
  ['git://h/x', parent, /none of https, http and ssh/],
  ['ext::sh -c touch% /tmp/x', parent, /a space or a control character/],
  ['ext::sh', parent, /./],
  ['/srv/x.git', parent, /no URL/],
  ['C:\\repos\\x', parent, /./],
  ['x/y', parent, /no URL/],
  ['--upload-pack=touch', parent, /no URL/],
  ['-oProxyCommand=x:y', parent, /./],
  ['ssh://-oProxyCommand=x/y', parent, /no URL|no host/],
  ['https://h/a\nb', parent, /control character/],
];
for (const [written, from, url] of addresses)
  test(`the address ${JSON.stringify(written)} in ${from}`, () => {
    if (url instanceof RegExp)
      assert.throws(() => submoduleUrl(written, from, 'lib'), { code: 'SubmoduleRefused', message: url });
    else assert.equal(submoduleUrl(written, from, 'lib'), url);
  });

test('a refused address is told without its password', () =>
  assert.throws(
    () => submoduleUrl('git://me:hunter2@h/x', parent, 'lib'),
    (error: Error) => error.message.includes('git://h/x') && !error.message.includes('hunter2'),
  ));

test('credentials stay with the server they were given for', () => {
  const auth = { username: 'u', password: 'p', ca: 'CA', clientCert: 'C', clientKey: 'K' };
  const sent = (url: string, own = parent) => submoduleAccess(url, own, auth).auth;
  assert.deepEqual(sent('https://git.example.com/x'), auth);
  for (const url of [
    'https://git.example.com.evil.com/x',
    'https://evil.com/git.example.com',
    'https://git.example.com:444/x',
    'http://git.example.com/x',
    'https://git.example.com@evil.com/x',
  ])
    assert.deepEqual(sent(url), { ca: 'CA' }, url);
  assert.deepEqual(sent('ssh://git@git.example.com/x'), {});

  const ssh = { identity: 'i', knownHosts: 'k' };
  assert.deepEqual(submoduleAccess('ssh://git@h2/x', 'ssh://git@h/y', { ssh }).auth, { ssh });
  assert.deepEqual(submoduleAccess('https://h/x', 'ssh://git@h/y', { ssh }).auth, {});
});

test('who asks is named once', () => {
  const own = 'https://me:pass@h/app.git';
  assert.equal(submoduleAccess('https://git@h/x', own).url, 'https://me:pass@h/x');
  assert.equal(submoduleAccess('https://git@h2/x', own).url, 'https://git@h2/x');
  assert.equal(submoduleAccess('https://git@h/x', 'https://h/app.git', { bearerToken: 't' }).url, 'https://h/x');
});
