import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { commitFiles, createRepository } from '../../shared/local/git-server.ts';
import { gitRepository, receiver, secret, yaml } from './manifests.ts';
import { githubPush, startWorld, until } from './world.ts';

const world = await startWorld();
const ns = 'hooks';
const token = 'receiver-token';
await world.namespace(ns);
const repo = await createRepository(world.repositories, 'hooks.git', { 'a.txt': '1' }, { branch: 'main' });
await world.apply(
  yaml(
    secret(ns, 'webhook-token', { token }),
    gitRepository(ns, 'app', `${world.git.url}/hooks.git`),
    receiver(ns, 'github'),
    receiver(ns, 'gitlab', { type: 'gitlab', events: ['Push Hook'] }),
    receiver(ns, 'generic', { type: 'generic', events: undefined }),
    receiver(ns, 'hmac', { type: 'generic-hmac', events: undefined }),
    receiver(ns, 'wildcard', {
      type: 'generic',
      events: undefined,
      resources: [{ kind: 'GitRepository', name: '*', matchLabels: { hook: 'yes' } }],
    }),
    {
      ...gitRepository(ns, 'labelled', `${world.git.url}/hooks.git`),
      metadata: { namespace: ns, name: 'labelled', labels: { hook: 'yes' } },
    },
    {
      ...gitRepository(ns, 'unlabelled', `${world.git.url}/hooks.git`),
      metadata: { namespace: ns, name: 'unlabelled' },
    },
  ),
);
for (const name of ['app', 'labelled', 'unlabelled']) await world.condition('GitRepository', ns, name, 'Ready', 'True');
const paths: Record<string, string> = {};
for (const name of ['github', 'gitlab', 'generic', 'hmac', 'wildcard'])
  paths[name] = (await world.condition('Receiver', ns, name, 'Ready', 'True')).status.webhookPath;

const post = (name: string, headers: Record<string, string>, body = '{}') =>
  fetch(`${world.runtime.gateway}${paths[name]}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });
const sign = (algorithm: string, body: string, key = token) => createHmac(algorithm, key).update(body).digest('hex');

test('the path is the one that Flux computes', () => {
  for (const name of Object.keys(paths))
    assert.equal(paths[name], `/hook/${createHash('sha256').update(`${token}${name}${ns}`).digest('hex')}`);
});

test('every type verifies its requests and answers as Flux does', async () => {
  const body = '{"ref":"refs/heads/main"}';
  const table: [string, Record<string, string>, number][] = [
    ['github', { 'x-github-event': 'push', 'x-hub-signature-256': `sha256=${sign('sha256', body)}` }, 200],
    ['github', { 'x-github-event': 'ping', 'x-hub-signature-256': `sha256=${sign('sha256', body)}` }, 200],
    ['github', { 'x-github-event': 'issues', 'x-hub-signature-256': `sha256=${sign('sha256', body)}` }, 400],
    ['github', { 'x-github-event': 'push', 'x-hub-signature-256': `sha256=${sign('sha256', body, 'other')}` }, 400],
    ['github', { 'x-github-event': 'push' }, 400],
    ['gitlab', { 'x-gitlab-event': 'Push Hook', 'x-gitlab-token': token }, 200],
    ['gitlab', { 'x-gitlab-event': 'Push Hook', 'x-gitlab-token': 'other' }, 400],
    ['gitlab', { 'x-gitlab-event': 'Tag Push Hook', 'x-gitlab-token': token }, 400],
    ['generic', {}, 200],
    ['hmac', { 'x-signature': `sha256=${sign('sha256', body)}` }, 200],
    ['hmac', { 'x-signature': `sha512=${sign('sha512', body)}` }, 200],
    ['hmac', { 'x-signature': `sha256=${sign('sha256', 'other body')}` }, 400],
    ['hmac', { 'x-signature': 'nonsense' }, 400],
    ['hmac', {}, 400],
  ];
  for (const [name, headers, status] of table)
    assert.equal((await post(name, headers, body)).status, status, `${name} ${JSON.stringify(headers)}`);
  assert.equal((await fetch(`${world.runtime.gateway}/hook/${'0'.repeat(64)}`, { method: 'POST' })).status, 404);
  assert.equal((await fetch(`${world.runtime.gateway}/hook/nothing`, { method: 'POST' })).status, 404);
});

test('a body of 20 MB is refused and harms nothing', async () => {
  const answer = await post('generic', {}, 'x'.repeat(20_000_000)).catch(() => undefined);
  if (answer) assert.equal(answer.status, 413);
  assert.equal((await post('generic', {})).status, 200);
});

test('a wildcard reaches the objects with the labels, and no others', async () => {
  const sha = await commitFiles(repo, { 'a.txt': 'wild' }, { message: 'Wild', branch: 'main' });
  assert.equal((await post('wildcard', {})).status, 200);
  const revision = async (name: string) => (await world.get('GitRepository', ns, name))?.status.artifact.revision;
  await until('the labelled one is reconciled', async () => (await revision('labelled')) === `main@sha1:${sha}`);
  assert.notEqual(await revision('unlabelled'), `main@sha1:${sha}`);
});

test('a push that comes while the cluster is away is kept, and carried out when it is back', async () => {
  const sha = await commitFiles(repo, { 'a.txt': 'kept' }, { message: 'Kept', branch: 'main' });
  await world.target.pause();
  const answer = await githubPush(`${world.runtime.gateway}${paths.github}`, token);
  assert.equal(answer.status, 202);
  const forged = await githubPush(`${world.runtime.gateway}${paths.github}`, 'not the token');
  assert.equal(forged.status, 202);
  await world.target.resume();
  await until(
    'the kept push is carried out',
    async () => (await world.get('GitRepository', ns, 'app'))?.status.artifact.revision === `main@sha1:${sha}`,
  );
});
