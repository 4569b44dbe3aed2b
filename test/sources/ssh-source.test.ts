/** GitRepositories over SSH, from the manifest to the artifact, on OpenSSH. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fingerprint } from '../../shared/git/ssh-known-hosts.ts';
import { commitFiles, createRepository } from '../../shared/local/git-server.ts';
import { makeKey, startOpenSsh } from '../programs/openssh.ts';
import { gitRepository, receiver, secret, yaml } from '../scenario/manifests.ts';
import { conditionOf, githubPush, startWorld, until } from '../scenario/world.ts';

const keys = await mkdtemp(join(tmpdir(), 'sluice-ssh-keys-'));
const server = await startOpenSsh(join(keys, 'server'), {}, console.error);
after(async () => {
  await server.stop();
  await rm(keys, { recursive: true, force: true });
});
const key = await makeKey(keys, 'id');
await server.authorize(key.publicKey);

const world = await startWorld();
const ns = 'ssh';
await world.namespace(ns);
const credentials = { identity: key.privateKey, 'identity.pub': key.publicKey, known_hosts: server.knownHosts };
const urlOf = (name: string) => `${server.url}${world.repositories}/${name}`;

test('a GitRepository over ssh is fetched, and a push that its webhook tells of', async () => {
  const repo = await createRepository(world.repositories, 'app.git', { 'a.txt': '1' }, { branch: 'main' });
  await world.apply(
    yaml(
      secret(ns, 'ssh', credentials),
      secret(ns, 'webhook-token', { token: 'token' }),
      gitRepository(ns, 'app', urlOf('app.git'), { secretRef: { name: 'ssh' } }),
      receiver(ns, 'github'),
    ),
  );
  const first = await world.condition('GitRepository', ns, 'app', 'Ready', 'True', 'Succeeded');
  assert.match(first.status.artifact.revision, /^main@sha1:[0-9a-f]{40}$/);
  const hook = await world.condition('Receiver', ns, 'github', 'Ready', 'True');
  const sha = await commitFiles(repo, { 'a.txt': '2' }, { branch: 'main' });
  assert.equal((await githubPush(`${world.runtime.gateway}${hook.status.webhookPath}`, 'token')).status, 200);
  await until('the push is fetched', async () => {
    const found = await world.get('GitRepository', ns, 'app');
    return found?.status.artifact?.revision === `main@sha1:${sha}`;
  });
  const stored = await world.runtime.stored();
  assert.deepEqual(
    stored.filter(([, text]) => text.includes(key.privateKey.split('\n')[2]!)).map(([where]) => where),
    [],
    'the key is kept nowhere',
  );
});

test('bad credentials and a changed host key say what is wrong, and the last artifact stays', async () => {
  await createRepository(world.repositories, 'bad.git', { 'a.txt': '1' }, { branch: 'main' });
  const encrypted = await makeKey(keys, 'encrypted', { passphrase: 'right' });
  const expired = await makeKey(keys, 'expired');
  const other = await makeKey(keys, 'other');
  await server.authorize(encrypted.publicKey);
  await server.authorize(expired.publicKey, 'expiry-time="20200101"');
  const host = `[127.0.0.1]:${server.port}`;
  const hostKey = fingerprint(Buffer.from(server.knownHosts.split(' ')[2]!, 'base64'));
  const { identity: _, ...withoutIdentity } = credentials;
  const { known_hosts: __, ...withoutHosts } = credentials;
  const cases: [name: string, data: Record<string, string>, reason: string, message: RegExp][] = [
    ['no-identity', withoutIdentity, 'AuthenticationFailed', /secret 'ssh\/bad-no-identity'.*'identity' is required/],
    ['no-hosts', withoutHosts, 'AuthenticationFailed', /'known_hosts' is required/],
    [
      'encrypted',
      { ...credentials, identity: encrypted.privateKey },
      'AuthenticationFailed',
      /SSH identity key is encrypted but no 'password' field was provided in the secret 'ssh\/bad-encrypted'/,
    ],
    [
      'passphrase',
      { ...credentials, identity: encrypted.privateKey, password: 'wrong' },
      'GitOperationFailed',
      /'password' in the Secret is not its passphrase/,
    ],
    ['malformed', { ...credentials, identity: 'no key' }, 'GitOperationFailed', /not a private key/],
    [
      'stranger',
      { ...credentials, identity: other.privateKey },
      'GitOperationFailed',
      /does not let git in with the key/,
    ],
    ['expired', { ...credentials, identity: expired.privateKey }, 'GitOperationFailed', /may also have expired/],
    [
      'unknown',
      { ...credentials, known_hosts: `example.com ${other.publicKey}` },
      'GitOperationFailed',
      /the host key of \[127\.0\.0\.1\]:\d+ \(ssh-ed25519 SHA256:\S+\) is unknown/,
    ],
    [
      'changed',
      { ...credentials, known_hosts: `${host} ${other.publicKey}` },
      'GitOperationFailed',
      /is not the one in 'known_hosts'/,
    ],
    ['garbled', { ...credentials, known_hosts: 'one two' }, 'GitOperationFailed', /line 1 of 'known_hosts'/],
  ];
  const source = (name: string, secretName: string) =>
    gitRepository(ns, `bad-${name}`, urlOf('bad.git'), { secretRef: { name: secretName } });
  await world.apply(yaml(secret(ns, 'good', credentials), ...cases.map(([name]) => source(name, 'good'))));
  for (const [name] of cases) await world.condition('GitRepository', ns, `bad-${name}`, 'Ready', 'True', 'Succeeded');
  await world.apply(
    yaml(...cases.flatMap(([name, data]) => [secret(ns, `bad-${name}`, data), source(name, `bad-${name}`)])),
  );
  for (const [name, , reason, message] of cases) {
    const failed = await world.condition('GitRepository', ns, `bad-${name}`, 'Ready', 'False', reason);
    const said = conditionOf(failed, 'FetchFailed');
    assert.equal(said?.reason, reason, name);
    assert.match(said.message, message, name);
    assert.ok(failed.status.artifact.revision, 'the last artifact stays');
    assert.equal(conditionOf(failed, 'Stalled'), undefined, 'a Secret may be mended at any time');
    if (name === 'changed' || name === 'unknown') assert.ok(said.message.includes(hostKey), said.message);
  }
  const mended = { ...credentials, identity: encrypted.privateKey, password: 'right' };
  await world.apply(yaml(secret(ns, 'mended', mended), source('passphrase', 'mended')));
  await world.condition('GitRepository', ns, 'bad-passphrase', 'Ready', 'True', 'Succeeded');
});

test('no Secret, and no repository, are told', async () => {
  await world.apply(
    yaml(
      secret(ns, 'ssh', credentials),
      gitRepository(ns, 'bare', urlOf('app.git')),
      gitRepository(ns, 'gone', urlOf('gone.git'), { secretRef: { name: 'ssh' } }),
      gitRepository(ns, 'wrong', 'ssh://git@127.0.0.1', { secretRef: { name: 'ssh' } }),
    ),
  );
  const bare = await world.condition('GitRepository', ns, 'bare', 'Ready', 'False', 'AuthenticationFailed');
  assert.match(conditionOf(bare, 'Ready')!.message, /'identity' is required: set spec\.secretRef/);
  const gone = await world.condition('GitRepository', ns, 'gone', 'Ready', 'False', 'GitOperationFailed');
  assert.match(conditionOf(gone, 'Ready')!.message, /there is no repository/);
  const wrong = await world.condition('GitRepository', ns, 'wrong', 'Stalled', 'True', 'URLInvalid');
  assert.match(conditionOf(wrong, 'Ready')!.message, /names no repository/);
});

test('a passphrase, an ecdsa key and an rsa key sign in', async () => {
  await createRepository(world.repositories, 'keys.git', { 'a.txt': '1' }, { branch: 'main' });
  const made = {
    ecdsa: await makeKey(keys, 'ecdsa', { type: 'ecdsa', bits: 384 }),
    rsa: await makeKey(keys, 'rsa', { type: 'rsa', passphrase: 'right' }),
  };
  for (const [name, { privateKey, publicKey }] of Object.entries(made)) {
    await server.authorize(publicKey);
    const data = { ...credentials, identity: privateKey, ...(name === 'rsa' ? { password: 'right' } : {}) };
    await world.apply(
      yaml(secret(ns, name, data), gitRepository(ns, name, urlOf('keys.git'), { secretRef: { name } })),
    );
  }
  for (const name of Object.keys(made)) await world.condition('GitRepository', ns, name, 'Ready', 'True', 'Succeeded');
});
