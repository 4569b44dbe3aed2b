import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { commitFiles, createRepository, startGitServer } from '../../shared/local/git-server.ts';
import {
  alert,
  configMap,
  deployment,
  gitRepository,
  kustomization,
  provider,
  receiver,
  secret,
  yaml,
} from './manifests.ts';
import { conditionOf, githubPush, onAws, startWorld, until } from './world.ts';

const world = await startWorld();
const { cluster, runtime } = world;
const ns = 'marked';
/** Every secret on the way of a push, each with a mark of its own. */
const marks = {
  git: 'mark-git-password-0001',
  url: 'mark-url-password-0002',
  query: 'mark-url-query-0003',
  variable: 'mark-variable-0004',
  webhook: 'mark-webhook-token-0005',
  hookUrl: 'markchataddress00000006',
  refused: 'mark refused value 0007',
  gitlab: 'mark-gitlab-token-0008',
};

const root = join(runtime.dir, '..', 'private');
await mkdir(root);
const git = await startGitServer({ root, auth: { username: 'robot', password: marks.git } });
after(() => git.close());
await world.namespace(ns);

test('no secret that passes through is written anywhere but where it belongs', async () => {
  world.sinks.failNext('slack', Array(100).fill(404));
  await prepare();
  const repository = await createRepository(root, 'app', {
    'settings.yaml': yaml(configMap('settings', { value: '$' + '{variable}' })),
    'web.yaml': yaml(deployment('web', 'web:1')),
  });
  await applyAll();
  await world.condition('Kustomization', ns, 'app', 'Ready', 'True');
  assert.equal((await world.get('ConfigMap', ns, 'settings'))?.data.value, marks.variable);
  const hook = (await world.condition('Receiver', ns, 'push', 'Ready', 'True')).status.webhookPath;
  const gitlab = (await world.condition('Receiver', ns, 'gitlab', 'Ready', 'True')).status.webhookPath;
  assert.equal((await githubPush(`${runtime.gateway}${hook}`, 'not the token')).status, 400);
  const headers = { 'x-gitlab-token': `${marks.gitlab}x`, 'x-gitlab-event': 'Push Hook' };
  await fetch(`${runtime.gateway}${gitlab}`, { method: 'POST', body: '{}', headers });
  // A Secret that the API server refuses, and quotes.
  await commitFiles(repository, {
    'refused.yaml': yaml({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'refused' },
      data: { x: marks.refused },
    }),
  });
  assert.equal((await githubPush(`${runtime.gateway}${hook}`, marks.webhook)).status, 200);
  await until('the Secret is refused', async () => {
    const object = await world.get('Kustomization', ns, 'app');
    return (
      conditionOf(object, 'Ready')?.status === 'False' && /refused/.test(conditionOf(object, 'Ready')?.message ?? '')
    );
  });
  await until('the credentials in the URLs were refused', async () => {
    const objects = await Promise.all(['in-url', 'in-query'].map(name => world.get('GitRepository', ns, name)));
    return objects.every(object => conditionOf(object, 'Ready')?.status === 'False');
  });
  await until('an announcement failed and was logged', async () =>
    (await runtime.stored()).some(([, text]) => text.includes('status code 404')),
  );
  await world.target.pause();
  await fetch(`${runtime.gateway}${gitlab}`, {
    method: 'POST',
    body: '{}',
    headers: { ...headers, 'x-gitlab-token': marks.gitlab },
  });
  const found = [...(await inStores()), ...inOutput()];
  await world.target.resume();
  assert.deepEqual([...found, ...(await inCluster())], []);
});

test('the state directory is for its owner alone', { skip: onAws && 'there is none on AWS' }, () => {
  assert.equal(statSync(runtime.dir).mode & 0o077, 0);
  for (const name of readdirSync(join(runtime.dir, 'secrets')))
    assert.equal(statSync(join(runtime.dir, 'secrets', name)).mode & 0o077, 0, name);
});

async function prepare(): Promise<void> {
  await world.apply(
    yaml(
      secret(ns, 'git', { username: 'robot', password: marks.git }),
      secret(ns, 'variables', { variable: marks.variable }),
      secret(ns, 'webhook-token', { token: marks.webhook }),
      secret(ns, 'gitlab-token', { token: marks.gitlab }),
      secret(ns, 'chat', { address: world.sinks.url('slack', marks.hookUrl) }),
    ),
  );
}

async function applyAll(): Promise<void> {
  const withUser = git.url.replace('http://', `http://robot:${marks.url}@`);
  await world.apply(
    yaml(
      gitRepository(ns, 'app', `${git.url}/app.git`, { secretRef: { name: 'git' } }),
      gitRepository(ns, 'in-url', `${withUser}/app.git`),
      gitRepository(ns, 'in-query', `${git.url}/app.git?token=${marks.query}`),
      kustomization(ns, 'app', {
        retryInterval: '5s',
        postBuild: { substituteFrom: [{ kind: 'Secret', name: 'variables' }] },
      }),
      receiver(ns, 'push'),
      receiver(ns, 'gitlab', { type: 'gitlab', events: ['Push Hook'], secretRef: { name: 'gitlab-token' } }),
      provider(ns, 'chat', { type: 'slack', secretRef: { name: 'chat' } }),
      alert(ns, 'all'),
    ),
  );
}

/** What has to be found, lest the search look in the wrong places. */
const kept = onAws
  ? ['s3/', 'dynamodb/', 'messages', 'sluice.log', '.gz']
  : ['queue.db', 'index.db', 'sluice.log', '.gz'];

async function inStores(): Promise<string[]> {
  const stored = await runtime.stored();
  assert.ok(kept.every(name => stored.some(([where]) => where.includes(name))));
  return stored.flatMap(([where, text]) =>
    Object.entries(marks)
      // What lies in the repository lies in its artifact.
      .filter(([name, mark]) => text.includes(mark) && !(name === 'refused' && /(^s3|\/store|\/tmp)\//.test(where)))
      .map(([name]) => `${name} in ${where}`),
  );
}

function inOutput(): string[] {
  return Object.entries(marks).flatMap(([name, mark]) =>
    runtime.log().includes(mark) ? [`${name} in the output`] : [],
  );
}

async function inCluster(): Promise<string[]> {
  const events = await until('the Events are there', async () => {
    const { items } = await cluster.list({ apiVersion: 'v1', kind: 'Event' }, { namespace: ns });
    return items.length > 3 ? items : undefined;
  });
  const objects = await Promise.all(
    (
      [
        ['GitRepository', 'app'],
        ['GitRepository', 'in-url'],
        ['GitRepository', 'in-query'],
        ['Kustomization', 'app'],
        ['Receiver', 'push'],
      ] as const
    ).map(([kind, name]) => world.get(kind, ns, name)),
  );
  const texts = [...events, ...objects.map(object => ({ kind: object?.kind, status: object?.status }))];
  return texts.flatMap(object =>
    Object.entries(marks)
      .filter(([, mark]) => JSON.stringify(object).includes(mark))
      .map(([name]) => `${name} in ${object.kind} ${JSON.stringify(object).slice(0, 600)}`),
  );
}
