import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { app, appKey, type GitHubApi, startGitHubApi } from '../../../../test/programs/github-api.ts';
import { HttpClient } from '../../../network/http.ts';
import { sourceSecret } from '../secret.ts';
import { forgetToken, type GitHubApp, installationToken, readApp } from './provider-github.ts';

const secret = (data: Record<string, string>) => {
  const encoded = Object.fromEntries(Object.entries(data).map(([k, v]) => [k, Buffer.from(v).toString('base64')]));
  return sourceSecret({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data: encoded }, 'ns/s');
};

let api: GitHubApi;
const http = new HttpClient();
before(async () => {
  api = await startGitHubApi();
});
after(() => {
  http.close();
  api.close();
});

const clock = { ahead: 0, now: () => Date.now() + clock.ahead };
const installed = (): GitHubApp => ({
  id: app.id,
  installationId: String(app.installation),
  privateKey: appKey,
  baseUrl: api.url,
});
const token = (of: GitHubApp) => installationToken(of, http, clock);

describe('a GitHub App', () => {
  beforeEach(() => {
    clock.ahead = 0;
    api.requests.length = 0;
    api.lifeMs = 3_600_000;
    forgetToken(installed());
  });

  test('signs in with its key, and all who ask at once share one token until shortly before it expires', async () => {
    const [one, two] = await Promise.all([token(installed()), token(installed())]);
    assert.equal(one, api.tokens.at(-1));
    assert.equal(two, one);
    clock.ahead = 54 * 60_000;
    assert.equal(await token(installed()), one);
    assert.deepEqual(api.requests, [`POST /app/installations/${app.installation}/access_tokens 201`]);
    forgetToken(installed());
    clock.ahead = 0;
    api.lifeMs = 4 * 60_000;
    const short = await token(installed());
    assert.notEqual(await token(installed()), short, 'one that is about to expire is not used again');
  });

  test('is found by the organization or the user that it is installed for', async () => {
    const of = (owner: string): GitHubApp => ({ id: app.id, owner, privateKey: appKey, baseUrl: api.url });
    await token(of(app.organization));
    await token(of(app.user));
    await assert.rejects(token(of('nobody/..')), {
      code: 'AuthenticationFailed',
      message: /is not installed for 'nobody/,
    });
    assert.deepEqual(
      api.requests.filter(line => line.startsWith('GET')),
      [
        'GET /orgs/acme/installation 200',
        'GET /orgs/jane/installation 404',
        'GET /users/jane/installation 200',
        'GET /orgs/nobody%2F../installation 404',
        'GET /users/nobody%2F../installation 404',
      ],
    );
  });

  test('that is refused says why, is asked again next time, and shares no token with another key', async () => {
    await token(installed());
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    });
    const stranger = { ...installed(), privateKey: other.toString() };
    await assert.rejects(token(stranger), {
      code: 'AuthenticationFailed',
      message: /answered 401 .*could not be decoded/,
    });
    await assert.rejects(token({ ...installed(), installationId: '1' }), {
      message: /check 'githubAppInstallationID'/,
    });
    forgetToken(installed());
    api.next = { status: 403, body: { message: 'secondary rate limit' }, headers: { 'retry-after': '30' } };
    await assert.rejects(token(installed()), { afterMs: 30_000, message: /secondary rate limit/ });
    api.next = { status: 201, body: { token: 'a b', expires_at: 'soon' } };
    await assert.rejects(token(installed()), { message: /what GitHub's API does not/ });
    assert.equal(await token(installed()), api.tokens.at(-1));
  });

  const keys: [string, string, RegExp][] = [
    ['no PEM', 'secret-text', /is no private key in PEM/],
    ['a cut one', appKey.slice(0, 200), /is no private key in PEM/],
    [
      'an EC key',
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      /is no RSA key/,
    ],
    [
      'a short key',
      generateKeyPairSync('rsa', { modulusLength: 1024 })
        .privateKey.export({ type: 'pkcs1', format: 'pem' })
        .toString(),
      /fewer than 2048 bits/,
    ],
  ];
  for (const [name, privateKey, message] of keys)
    test(`with ${name} says so, and not what it holds`, async () =>
      assert.rejects(token({ ...installed(), privateKey }), (error: Error & { code: string }) => {
        assert.equal(error.code, 'AuthenticationFailed');
        assert.match(error.message, message);
        return !error.message.includes('secret-text');
      }));
});

const whole = { githubAppID: ' 1\n', githubAppInstallationID: '2', githubAppPrivateKey: 'k' };
const secrets: [string, Record<string, string>, object | RegExp][] = [
  [
    'by installation',
    whole,
    { id: '1', installationId: '2', owner: undefined, privateKey: 'k', baseUrl: 'https://api.github.com' },
  ],
  [
    'by owner, at a server of one’s own',
    {
      githubAppID: 'Iv23lix',
      githubAppInstallationOwner: 'acme',
      githubAppPrivateKey: 'k',
      githubAppBaseURL: 'https://ghe.example.com/api/v3/',
    },
    {
      id: 'Iv23lix',
      installationId: undefined,
      owner: 'acme',
      privateKey: 'k',
      baseUrl: 'https://ghe.example.com/api/v3',
    },
  ],
  ['without an id', { ...whole, githubAppID: '' }, /'githubAppID' not found/],
  ['with a strange id', { ...whole, githubAppID: '1"}' }, /'githubAppID' is neither/],
  ['without a key', { ...whole, githubAppPrivateKey: '' }, /'githubAppPrivateKey' not found/],
  ['with both', { ...whole, githubAppInstallationOwner: 'a' }, /exactly one of/],
  ['with neither', { ...whole, githubAppInstallationID: '' }, /exactly one of/],
  ['with a path for a number', { ...whole, githubAppInstallationID: '1/../2' }, /is no number/],
  ['with a file for a server', { ...whole, githubAppBaseURL: 'file:///etc' }, /'githubAppBaseURL' is no address/],
];
for (const [name, data, expected] of secrets)
  test(`a Secret of a GitHub App ${name}`, () => {
    if (!(expected instanceof RegExp)) return assert.deepEqual(readApp(secret(data)), expected);
    assert.throws(() => readApp(secret(data)), { code: 'InvalidProviderConfiguration', message: expected });
  });
