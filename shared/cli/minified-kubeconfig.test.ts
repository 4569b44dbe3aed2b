import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { minifyKubeconfig } from './minified-kubeconfig.ts';
import { age, oneLine, table } from './table.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-kubeconfig-'));
after(() => rmSync(dir, { recursive: true, force: true }));
mkdirSync(join(dir, 'pki'));
for (const name of ['ca', 'client', 'key']) writeFileSync(join(dir, 'pki', `${name}.pem`), `PEM of ${name}`);

const file = join(dir, 'config');
const base64 = (text: string) => Buffer.from(text).toString('base64');
const config = {
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'files',
  preferences: {},
  contexts: [
    { name: 'files', context: { cluster: 'one', user: 'files', namespace: 'x' } },
    { name: 'plugin', context: { cluster: 'two', user: 'plugin' } },
    { name: 'nobody', context: { cluster: 'two' } },
  ],
  clusters: [
    { name: 'one', cluster: { server: 'https://one:6443', 'certificate-authority': 'pki/ca.pem' } },
    { name: 'two', cluster: { server: 'https://two:6443', 'certificate-authority-data': base64('inline') } },
  ],
  users: [
    { name: 'files', user: { 'client-certificate': 'pki/client.pem', 'client-key': join(dir, 'pki', 'key.pem') } },
    {
      name: 'plugin',
      user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: './bin/login' }, tokenFile: 'token' },
    },
  ],
};
const minify = (context?: string, change = {}) => minifyKubeconfig(stringify({ ...config, ...change }), file, context);

describe('minifyKubeconfig', () => {
  it('keeps the current context alone, with the files put in', () => {
    const { context, server, text } = minify();
    assert.deepEqual([context, server], ['files', 'https://one:6443']);
    assert.deepEqual(parse(text), {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'files',
      contexts: [config.contexts[0]],
      clusters: [
        { name: 'one', cluster: { server: 'https://one:6443', 'certificate-authority-data': base64('PEM of ca') } },
      ],
      users: [
        {
          name: 'files',
          user: { 'client-certificate-data': base64('PEM of client'), 'client-key-data': base64('PEM of key') },
        },
      ],
    });
  });

  it('makes paths absolute that have to stay paths', () => {
    const user = parse(minify('plugin').text).users[0].user;
    assert.equal(user.exec.command, join(dir, 'bin/login'));
    assert.equal(user.tokenFile, join(dir, 'token'));
  });

  it('leaves commands that are looked up on the PATH', () => {
    const users = [{ name: 'plugin', user: { exec: { command: 'aws' } } }];
    assert.equal(parse(minify('plugin', { users }).text).users[0].user.exec.command, 'aws');
  });

  it('takes a context without a user', () => assert.equal(parse(minify('nobody').text).users, undefined));

  it('says which file of it is missing', () => {
    const clusters = [{ name: 'one', cluster: { server: 'https://one', 'certificate-authority': 'pki/gone.pem' } }];
    assert.throws(
      () => minify('files', { clusters }),
      /certificate-authority of .*config cannot be read: ENOENT.*gone\.pem/,
    );
  });
});

describe('table', () => {
  it('lines columns up and leaves no spaces behind', () => {
    assert.deepEqual(
      table(
        ['A', 'LONG', 'C'],
        [
          ['xyz', 'é', ''],
          ['x', '', 'last'],
        ],
      ),
      ['A    LONG  C', 'xyz  é', 'x          last'],
    );
  });
  for (const [ms, text] of [
    [-5, '0s'],
    [119_000, '119s'],
    [120_000, '2m'],
    [7_199_000, '119m'],
    [7_200_000, '2h'],
    [172_800_000, '2d'],
  ] as const)
    it(`shows ${ms} ms as ${text}`, () => assert.equal(age(ms), text));
  it('shows one line, bounded, without control characters', () => {
    assert.equal(oneLine('a\u001b[31mb\nc', 10), 'a [31mb');
    assert.equal(oneLine('🔥🔥🔥🔥', 3), '🔥🔥…');
  });
});
