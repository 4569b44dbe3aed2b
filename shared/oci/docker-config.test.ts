import assert from 'node:assert/strict';
import { test } from 'node:test';
import { credentialsFor, type PullSecret } from './docker-config.ts';

const secret = (key: string, type: string, value: unknown): PullSecret => ({
  where: 'ns/pull',
  type,
  text: asked => (asked === key ? (typeof value === 'string' ? value : JSON.stringify(value)) : undefined),
});
const config = (value: unknown) => secret('.dockerconfigjson', 'kubernetes.io/dockerconfigjson', value);
const base64 = (text: string) => Buffer.from(text).toString('base64');
const login = (name: string) => ({ username: name, password: 'p' });
const ghcr = { host: 'ghcr.io', repository: 'org/app' };

const table: [name: string, secrets: PullSecret[], target: typeof ghcr, expected: object | undefined | RegExp][] = [
  ['username and password', [config({ auths: { 'ghcr.io': login('a') } })], ghcr, login('a')],
  ['auth', [config({ auths: { 'ghcr.io': { auth: base64('ä:p:q') } } })], ghcr, { username: 'ä', password: 'p:q' }],
  [
    'auth before username',
    [config({ auths: { 'ghcr.io': { ...login('a'), auth: base64('b:c') } } })],
    ghcr,
    { username: 'b', password: 'c' },
  ],
  [
    'an identity token',
    [config({ auths: { 'ghcr.io': { ...login('a'), identitytoken: 't' } } })],
    ghcr,
    { identityToken: 't' },
  ],
  [
    'an identity token as a password',
    [config({ auths: { 'ghcr.io': { auth: base64('<token>:t') } } })],
    ghcr,
    { identityToken: 't' },
  ],
  ['a token of the registry', [config({ auths: { 'ghcr.io': { registrytoken: 't' } } })], ghcr, { bearerToken: 't' }],
  ['a URL as key', [config({ auths: { 'https://ghcr.io/v2/': login('a') } })], ghcr, login('a')],
  ['another host', [config({ auths: { 'quay.io': login('a') } })], ghcr, undefined],
  ['another port', [config({ auths: { 'ghcr.io:443': login('a') } })], ghcr, undefined],
  [
    'a path that begins the repository',
    [config({ auths: { 'ghcr.io/org': login('a'), 'ghcr.io': login('b') } })],
    ghcr,
    login('a'),
  ],
  [
    'a path of somebody else',
    [config({ auths: { 'ghcr.io/other': login('a'), 'ghcr.io': login('b') } })],
    ghcr,
    login('b'),
  ],
  [
    'a pattern',
    [config({ auths: { '*.example.com': login('a') } })],
    { host: 'r.example.com', repository: 'x' },
    login('a'),
  ],
  [
    'a pattern does not cross dots',
    [config({ auths: { '*.com': login('a') } })],
    { host: 'r.example.com', repository: 'x' },
    undefined,
  ],
  [
    'a pattern in the middle',
    [config({ auths: { 'a*b?.io': login('a') } })],
    { host: 'axxbc.io', repository: 'x' },
    login('a'),
  ],
  [
    'a pattern that would explode',
    [config({ auths: { [`${'a*'.repeat(25)}b.io`]: login('a') } })],
    { host: `${'a'.repeat(60)}.io`, repository: 'x' },
    undefined,
  ],
  [
    'Docker Hub by its old name',
    [config({ auths: { 'https://index.docker.io/v1/': login('a') } })],
    { host: 'index.docker.io', repository: 'library/x' },
    login('a'),
  ],
  [
    'Docker Hub by its short name',
    [config({ auths: { 'docker.io': login('a') } })],
    { host: 'index.docker.io', repository: 'library/x' },
    login('a'),
  ],
  [
    'the first Secret of two',
    [config({ auths: { 'ghcr.io': login('a') } }), config({ auths: { 'ghcr.io': login('b') } })],
    ghcr,
    login('a'),
  ],
  ['the older form', [secret('.dockercfg', 'kubernetes.io/dockercfg', { 'ghcr.io': login('a') })], ghcr, login('a')],
  [
    'a Secret of another type',
    [secret('.dockerconfigjson', 'Opaque', { auths: { 'ghcr.io': login('a') } })],
    ghcr,
    undefined,
  ],
  ['no JSON', [config('geheim')], ghcr, /^secret 'ns\/pull': key '\.dockerconfigjson' is not JSON$/],
  ['not a config', [config({ auths: { 'ghcr.io': { username: 7 } } })], ghcr, /see auths\.ghcr\.io\.username$/],
  [
    'an auth without a colon',
    [config({ auths: { 'ghcr.io': { auth: base64('geheim') } } })],
    ghcr,
    /not the base64 of username:password/,
  ],
  [
    'a credential helper',
    [config({ credsStore: 'desktop', auths: { 'ghcr.io': {} } })],
    ghcr,
    /names a credential helper/,
  ],
];
for (const [name, secrets, target, expected] of table)
  test(`credentials: ${name}`, () => {
    if (!(expected instanceof RegExp)) assert.deepEqual(credentialsFor(target, secrets), expected);
    else {
      assert.throws(() => credentialsFor(target, secrets), { code: 'InvalidCredentials', message: expected });
      assert.throws(
        () => credentialsFor(target, secrets),
        error => !/geheim/.test(String(error)),
      );
    }
  });
