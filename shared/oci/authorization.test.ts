import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { selfSigned } from '../../test/scenario/certificate.ts';
import { HttpClient } from '../network/http.ts';
import { parseChallenges } from './challenge.ts';
import { checkRealm } from './realm.ts';
import { openRegistry, type RegistryCredentials, type RegistryOptions } from './registry.ts';
import { type Intercept, json, type LoopbackRegistry, startLoopbackRegistry } from './testing/loopback-registry.ts';

let server: LoopbackRegistry;
/** The token server, under a name: numbers of private addresses are refused. */
let tokens: LoopbackRegistry;
let realm: string;
let allowed: string;
before(async () => {
  [server, tokens] = await Promise.all([startLoopbackRegistry(), startLoopbackRegistry()]);
  realm = `http://localhost:${tokens.host.split(':')[1]}/token?account=x`;
  server.artifact('org/app', 'v1', Buffer.from('layer'));
});
after(async () => {
  await Promise.all([server.close(), tokens.close()]);
});
beforeEach(() => {
  server.asked.length = 0;
  tokens.asked.length = 0;
  allowed = 'token-1';
  server.intercept = bearer(
    () => `Bearer realm="${realm}",service="registry, \\"it\\"",scope="repository:org/app:pull"`,
  );
  tokens.intercept = (_, answer) => Boolean(json(answer, 'GET', 200, { token: allowed }));
});

/** Lets in who has the allowed token; the others get the challenge. */
const bearer =
  (challenge: () => string): Intercept =>
  ({ headers, path, method }, answer) => {
    if (headers.authorization === `Bearer ${allowed}` && path !== '/v2/') return false;
    answer.setHeader('www-authenticate', challenge());
    json(answer, method, 401, { errors: [{ code: 'UNAUTHORIZED', message: 'who are you' }] });
    return true;
  };

const open = (credentials?: RegistryCredentials, options: Partial<RegistryOptions> = {}) =>
  openRegistry({ url: `oci://${server.host}/org/app`, http: new HttpClient(), credentials, ...options });
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

describe('tokens', () => {
  test('one is asked for, with the credentials, and used for all requests', async () => {
    const registry = open({ username: 'me', password: 'geheim:ü' });
    await registry.resolve('v1');
    await registry.manifest('v1');
    assert.equal(tokens.asked.length, 1);
    const [asked] = tokens.asked;
    const { searchParams } = new URL(asked!.path, 'http://x');
    assert.deepEqual(Object.fromEntries(searchParams), {
      account: 'x',
      service: 'registry, "it"',
      scope: 'repository:org/app:pull',
    });
    assert.equal(asked!.headers.authorization, basic('me:geheim:ü'));
  });

  test('nobody gets one, too', async () => {
    await open().resolve('v1');
    assert.equal(tokens.asked[0]?.headers.authorization, undefined);
  });

  test('one that expired is asked for anew, once', async () => {
    const registry = open();
    await registry.resolve('v1');
    allowed = 'token-2';
    await registry.resolve('v1');
    assert.equal(tokens.asked.length, 2);
    tokens.intercept = (_, answer) => Boolean(json(answer, 'GET', 200, { access_token: 'wrong' }));
    allowed = 'token-3';
    await assert.rejects(registry.manifest('v1'), {
      code: 'AuthenticationFailed',
      message: /wants credentials \(401\).*UNAUTHORIZED: who are you/,
    });
    assert.equal(tokens.asked.length, 3);
  });

  test('an identity token is exchanged by OAuth 2, and by GET where that is not known', async () => {
    await open({ identityToken: 'refresh-me' }).resolve('v1');
    const [asked] = tokens.asked;
    assert.equal(asked?.method, 'POST');
    assert.deepEqual(Object.fromEntries(new URLSearchParams(asked?.body)), {
      grant_type: 'refresh_token',
      refresh_token: 'refresh-me',
      client_id: 'sluice',
      scope: 'repository:org/app:pull',
      service: 'registry, "it"',
    });
    tokens.intercept = ({ method }, answer) =>
      Boolean(method === 'POST' ? json(answer, method, 404, {}) : json(answer, method, 200, { token: allowed }));
    await open({ identityToken: 'refresh-me' }).resolve('v1');
    assert.deepEqual(
      tokens.asked.map(({ method }) => method),
      ['POST', 'POST', 'GET'],
    );
  });

  test('a token of the registry itself is sent as it is', async () => {
    await open({ bearerToken: 'token-1' }).resolve('v1');
    assert.equal(tokens.asked.length, 0);
    await assert.rejects(open({ bearerToken: 'a\r\nx: y' }).resolve('v1'), { code: 'InvalidCredentials' });
  });

  test('a scope that the registry names is asked for, if it is for reading', async () => {
    let scope = 'repository:org/base:pull';
    server.intercept = bearer(() => `Bearer realm="${realm}",scope="${scope}"`);
    const registry = open();
    allowed = 'token-2';
    tokens.intercept = ({ path }, answer) =>
      Boolean(json(answer, 'GET', 200, { token: path.includes('base') ? 'token-2' : 'token-1' }));
    await registry.resolve('v1');
    const scopes = () => new URL(tokens.asked.at(-1)!.path, 'http://x').searchParams.getAll('scope');
    assert.deepEqual(scopes(), ['repository:org/base:pull', 'repository:org/app:pull']);
    scope = 'repository:org/app:pull,push';
    allowed = 'token-3';
    await assert.rejects(registry.manifest('v1'), { code: 'AuthenticationFailed' });
    assert.ok(!scopes().some(one => one.includes('push')));
  });

  const answers: [name: string, intercept: Intercept, code: string, message: RegExp][] = [
    [
      'refuses',
      (_, answer) => Boolean(json(answer, 'GET', 401, { errors: [{ code: 'UNAUTHORIZED' }] })),
      'AuthenticationFailed',
      /the token server http:\/\/localhost:\d+\/token: .*does not accept the credentials \(401\): UNAUTHORIZED/,
    ],
    ['answers no token', (_, answer) => Boolean(json(answer, 'GET', 200, {})), 'NotRegistry', /without a token/],
    [
      'answers what no header may hold',
      (_, answer) => Boolean(json(answer, 'GET', 200, { token: 'a\nb' })),
      'InvalidCredentials',
      /no header may hold/,
    ],
    [
      'answers without end',
      (_, answer) => Boolean(answer.end(Buffer.alloc(2 ** 21, 'x'))),
      'TooLarge',
      /more than 1048576 bytes/,
    ],
    [
      'redirects to the metadata service',
      (_, answer) => Boolean(answer.writeHead(302, { location: 'http://169.254.169.254/' }).end()),
      'AuthenticationFailed',
      /a private address/,
    ],
    [
      'redirects in a circle',
      (_, answer) => Boolean(answer.writeHead(302, { location: '/token' }).end()),
      'RedirectRefused',
      /more than 5 times/,
    ],
  ];
  for (const [name, intercept, code, message] of answers)
    test(`a token server that ${name} is said to do so, without the credentials`, async () => {
      tokens.intercept = intercept;
      const failure = open({ username: 'me', password: 'geheim' }).resolve('v1');
      await assert.rejects(failure, { code, message });
      await assert.rejects(failure, error => !/geheim|account=/.test(String(error)));
    });

  test('credentials do not follow a redirect to another host', async () => {
    tokens.intercept = (_, answer) => Boolean(answer.writeHead(302, { location: `${server.origin}/v2/token` }).end());
    server.intercept = ({ path, headers, method }, answer) => {
      if (path !== '/v2/token')
        return bearer(() => `Bearer realm="${realm}"`)({ path, headers, method, body: '' }, answer);
      json(answer, method, 200, { token: allowed });
      return true;
    };
    await open({ username: 'me', password: 'geheim' }).resolve('v1');
    assert.equal(server.asked.find(({ path }) => path === '/v2/token')?.headers.authorization, undefined);
    assert.equal(tokens.asked[0]?.headers.authorization, basic('me:geheim'));
  });
});

describe('token servers', () => {
  const secure = { host: 'ghcr.io', plain: false };
  const plain = { host: '10.0.0.5:5000', plain: true };
  const table: [realm: string, owner: typeof secure, why: RegExp | undefined][] = [
    ['https://auth.docker.io/token', secure, undefined],
    ['http://auth.docker.io/token', secure, /by https only/],
    ['http://10.0.0.5:5000/token', plain, undefined],
    ['https://10.0.0.6/token', plain, /private address/],
    ['http://169.254.169.254/latest/meta-data', plain, /private address/],
    ['https://[fd00:ec2::254]/', secure, /private address/],
    ['https://[::1]/', secure, /private address/],
    ['https://0x7f.1/', secure, /private address/],
    ['file:///etc/passwd', secure, /no address|by https only/],
    ['https://user:pass@auth.example.com/', secure, /holds credentials/],
    ['', secure, /no address/],
  ];
  for (const [address, owner, why] of table)
    test(`${address || 'none'} of ${owner.host}: ${why ? 'refused' : 'allowed'}`, () => {
      if (why) assert.throws(() => checkRealm(address, owner), { code: 'AuthenticationFailed', message: why });
      else assert.equal(checkRealm(address, owner).href, address);
    });

  test('what must not be connected to is not, whatever its name', async () => {
    const http = new HttpClient({ rules: { refuseLoopback: true } });
    await assert.rejects(open(undefined, { http }).resolve('v1'), { code: 'AddressRefused' });
  });
});

describe('without tokens', () => {
  test('Basic goes with each request, and only where it is asked for', async () => {
    server.intercept = ({ headers, method }, answer) => {
      if (headers.authorization === basic('me:geheim')) return false;
      answer.setHeader('www-authenticate', 'Negotiate, Basic realm="r"');
      json(answer, method, 401, {});
      return true;
    };
    await open({ username: 'me', password: 'geheim' }).resolve('v1');
    await assert.rejects(open({ username: 'me', password: 'falsch' }).manifest('v1'), {
      code: 'AuthenticationFailed',
      message: /does not accept the credentials/,
    });
    await assert.rejects(open().manifest('v1'), {
      code: 'AuthenticationFailed',
      message: /wants credentials \(401\); give them by spec\.secretRef/,
    });
    server.intercept = undefined;
    server.asked.length = 0;
    await open({ username: 'me', password: 'geheim' }).resolve('v1');
    assert.ok(server.asked.every(({ headers }) => headers.authorization === undefined));
  });

  test('what is no registry, and sign-ins that nobody knows, are said to be that', async () => {
    server.intercept = (_, answer) => Boolean(answer.writeHead(404).end('<html>'));
    await assert.rejects(open().resolve('v1'), {
      code: 'NotFound',
      message: /^the registry 127\.0\.0\.1:\d+: not found/,
    });
    server.intercept = (_, answer) => Boolean(answer.writeHead(401, { 'www-authenticate': 'Negotiate' }).end());
    await assert.rejects(open().resolve('v1'), { code: 'AuthenticationFailed', message: /neither Basic nor Bearer/ });
  });

  test('https comes first; plain http only for registries nearby, or with insecure', async () => {
    const { key, cert } = await selfSigned();
    const secure = await startLoopbackRegistry({ tls: { key, cert } });
    try {
      secure.artifact('org/app', 'v1', Buffer.from('layer'));
      const url = `${secure.host}/org/app`;
      await openRegistry({ url, http: new HttpClient({ tls: { ca: cert } }) }).resolve('v1');
      await openRegistry({ url, http: new HttpClient({ tls: { insecureSkipVerify: true } }), insecure: true }).resolve(
        'v1',
      );
      await assert.rejects(openRegistry({ url, http: new HttpClient() }).resolve('v1'), { code: 'TlsFailed' });
    } finally {
      await secure.close();
    }
  });
});

const headers: [header: string | undefined, expected: object[]][] = [
  [undefined, []],
  ['', []],
  ['Basic realm="a b"', [{ scheme: 'basic', parameters: { realm: 'a b' } }]],
  [
    'Bearer realm="https://x/?a=b,c",scope="a:b:pull,push", service=x',
    [{ scheme: 'bearer', parameters: { realm: 'https://x/?a=b,c', scope: 'a:b:pull,push', service: 'x' } }],
  ],
  [
    'Negotiate, Basic realm="x", Bearer realm="y"',
    [
      { scheme: 'negotiate', parameters: {} },
      { scheme: 'basic', parameters: { realm: 'x' } },
      { scheme: 'bearer', parameters: { realm: 'y' } },
    ],
  ],
  ['Bearer realm="a\\"b\\\\"', [{ scheme: 'bearer', parameters: { realm: 'a"b\\' } }]],
  ['Bearer realm="a", realm="b"', [{ scheme: 'bearer', parameters: { realm: 'a' } }]],
  ['Bearer realm="open', [{ scheme: 'bearer', parameters: { realm: '' } }]],
  ['=x', []],
  [`Bearer realm="${'a'.repeat(9000)}"`, []],
  ['Bearer __proto__="x"', [{ scheme: 'bearer', parameters: JSON.parse('{"__proto__":"x"}') }]],
];
for (const [header, expected] of headers)
  test(`challenges: ${header?.slice(0, 60)}`, () => {
    const found = parseChallenges(header).map(({ scheme, parameters }) => ({ scheme, parameters: { ...parameters } }));
    assert.equal(JSON.stringify(found), JSON.stringify(expected));
  });
