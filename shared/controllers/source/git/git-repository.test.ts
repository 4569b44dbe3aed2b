import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GitError } from '../../../git/errors.ts';
import { RetryError } from '../../../reconcile/errors.ts';
import { sourceSecret } from '../secret.ts';
import { authFromSecret } from './credentials.ts';
import { fetchFailure } from './failure.ts';
import { shortMessage } from './git-repository.ts';

const secret = (data: Record<string, string>) => {
  const encoded = Object.fromEntries(Object.entries(data).map(([k, v]) => [k, Buffer.from(v).toString('base64')]));
  return sourceSecret({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data: encoded }, 'ns/s');
};

const credentials: [string, Record<string, string>, object | RegExp][] = [
  ['basic', { username: 'u', password: 'pä' }, { username: 'u', password: 'pä' }],
  ['bearer wins over basic', { bearerToken: 't\n', username: 'u', password: 'p' }, { bearerToken: 't' }],
  ['ca.crt before caFile', { 'ca.crt': 'a', caFile: 'b' }, { ca: 'a' }],
  ['caFile alone', { caFile: 'b' }, { ca: 'b' }],
  ['mutual TLS', { 'tls.crt': 'c', 'tls.key': 'k' }, { clientCert: 'c', clientKey: 'k' }],
  ['a certificate without its key', { 'tls.crt': 'c' }, /'tls.crt' and 'tls.key'/],
  ['a password without a name', { password: 'p' }, /'password' requires 'username'/],
  ['a GitHub App', { githubAppID: '1' }, /provider is not set to github/],
  ['an empty Secret', {}, {}],
];
for (const [name, data, expected] of credentials)
  test(`credentials: ${name}`, () => {
    if (expected instanceof RegExp)
      assert.throws(() => authFromSecret(secret(data), 'https://example.com/a'), expected);
    else assert.deepEqual(authFromSecret(secret(data), 'https://example.com/a'), expected);
  });

const failures: [string, unknown, string, boolean][] = [
  ['a refused login', new GitError('AuthenticationFailed', 'x'), 'GitOperationFailed', false],
  ['unusable credentials', new GitError('InvalidCredentials', 'x'), 'AuthenticationFailed', false],
  ['a missing Secret', new RetryError('AuthenticationFailed', 'x'), 'AuthenticationFailed', false],
  ['an empty repository', new GitError('EmptyRepository', 'x'), 'EmptyGitRepository', false],
  ['a bad address', new GitError('InvalidUrl', 'x'), 'URLInvalid', true],
  ['a bad range', new GitError('InvalidReference', 'x'), 'GitOperationFailed', true],
  ['a wrapped time-out', new Error('o', { cause: new GitError('Timeout', 'x') }), 'GitOperationFailed', false],
  ['anything else', new TypeError('x'), 'GitOperationFailed', false],
];
for (const [name, error, reason, stalled] of failures)
  test(`failure: ${name}`, () => {
    const failure = fetchFailure(error);
    assert.deepEqual([failure.reason, failure.stalled], [reason, stalled]);
  });

test('the first line of a commit message, shortened by characters', () => {
  assert.equal(shortMessage('One line\n\nbody'), 'One line');
  assert.equal(shortMessage('ü'.repeat(50)), 'ü'.repeat(50));
  assert.equal(shortMessage('🚀'.repeat(51)), `${'🚀'.repeat(50)}...`);
});
