import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commitFiles, createRepository } from '../../shared/local/git-server.ts';
import {
  alert,
  configMap,
  deployment,
  gitRepository,
  kustomization,
  provider,
  receiver,
  secret,
  service,
  yaml,
} from './manifests.ts';
import { conditionOf, githubPush, startWorld, until } from './world.ts';

const world = await startWorld();
const { cluster, git, sinks } = world;

const files = (image: string, color: string) => ({
  'deploy/app.yaml': yaml(deployment('web', image), service('web'), configMap('settings', { color })),
});

test('a push is fetched, applied, healthy and announced, and one trace leads through it', async () => {
  const ns = 'push';
  await world.namespace(ns);
  const repo = await createRepository(world.repositories, 'push.git', files('web:1', 'blue'), { branch: 'main' });
  const told = (kind: string, reason: string) =>
    until(`${kind}: ${reason}`, async () => {
      const { items } = await cluster.list({ apiVersion: 'v1', kind: 'Event' }, { namespace: ns });
      return items.some(event => event.involvedObject.kind === kind && event.reason === reason);
    });
  await world.apply(
    yaml(
      secret(ns, 'webhook-token', { token: 'push-token' }),
      provider(ns, 'chat', { type: 'slack', address: sinks.url('slack', ns), channel: 'ops' }),
      provider(ns, 'teams', { type: 'msteams', address: sinks.url('msteams', ns) }),
      alert(ns, 'all'),
      alert(ns, 'teams', { providerRef: { name: 'teams' } }),
      gitRepository(ns, 'app', `${git.url}/push.git`),
      receiver(ns, 'github'),
    ),
  );
  // One after the other, each to its end: what had called for the beginning and still waited would take the push for its own.
  await told('GitRepository', 'NewArtifact');
  await world.apply(yaml(kustomization(ns, 'app', { path: './deploy', wait: true, timeout: '1m' })));
  await told('Kustomization', 'ReconciliationSucceeded');
  const first = await world.condition('Kustomization', ns, 'app', 'Ready', 'True', 'ReconciliationSucceeded');
  const source = await world.condition('GitRepository', ns, 'app', 'Ready', 'True', 'Succeeded');
  assert.equal(first.status.lastAppliedRevision, source.status.artifact.revision);
  assert.equal(conditionOf(first, 'Ready')?.message, `Applied revision: ${source.status.artifact.revision}`);
  assert.equal(
    conditionOf(source, 'Ready')?.message,
    `stored artifact for revision '${source.status.artifact.revision}'`,
  );
  assert.equal(conditionOf(first, 'Healthy')?.status, 'True');
  assert.equal((await world.get('Deployment', ns, 'web'))?.status.readyReplicas, 1);

  const hook = await world.condition('Receiver', ns, 'github', 'Ready', 'True');
  const sha = await commitFiles(repo, files('web:2', 'green'), { message: 'Paint it green', branch: 'main' });
  const answer = await githubPush(`${world.runtime.gateway}${hook.status.webhookPath}`, 'push-token');
  assert.equal(answer.status, 200);
  const revision = `main@sha1:${sha}`;
  await until('the push is applied', async () => {
    const ks = await world.get('Kustomization', ns, 'app');
    return ks?.status.lastAppliedRevision === revision && conditionOf(ks, 'Ready')?.status === 'True';
  });
  const web = await world.get('Deployment', ns, 'web');
  assert.equal(web?.spec.template.spec.containers[0].image, 'web:2');
  assert.equal((await world.get('ConfigMap', ns, 'settings'))?.data.color, 'green');

  for (const kind of ['slack', 'msteams'] as const)
    await until(`${kind} is told`, () =>
      sinks.received.some(
        message =>
          message.kind === kind && message.path.endsWith(ns) && JSON.stringify(message.body).includes(revision),
      ),
    );
  assert.deepEqual(
    sinks.received.filter(message => message.refused),
    [],
  );
  const message = sinks.received.find(m => m.kind === 'slack' && JSON.stringify(m.body).includes(revision));
  assert.equal(message?.body.attachments[0].author_name?.toLowerCase().includes('/'), true);
  assert.equal(message?.body.channel, 'ops');

  const events = await until('the Events of both objects are there', async () => {
    const { items } = await cluster.list({ apiVersion: 'v1', kind: 'Event' }, { namespace: ns });
    const ofPush = items.filter(event => JSON.stringify(event.metadata.annotations ?? {}).includes(revision));
    return new Set(ofPush.map(event => event.involvedObject.kind)).size === 2 ? ofPush : undefined;
  });
  const traces = new Set(events.map(event => event.metadata.annotations?.['sluice.dev/trace']));
  assert.equal(traces.size, 1, 'the Events of the push share one trace');
  assert.ok([...traces][0]);
});

test('an object that leaves the repository is pruned, one that opts out stays', async () => {
  const ns = 'prune';
  await world.namespace(ns);
  const keep = { annotations: { 'kustomize.toolkit.fluxcd.io/prune': 'disabled' } };
  const repo = await createRepository(
    world.repositories,
    'prune.git',
    {
      'a.yaml': yaml(configMap('a', { x: '1' })),
      'b.yaml': yaml(configMap('b', { x: '1' })),
      'c.yaml': yaml(configMap('c', { x: '1' }, keep)),
    },
    { branch: 'main' },
  );
  await world.apply(
    yaml(gitRepository(ns, 'app', `${git.url}/prune.git`, { interval: '1s' }), kustomization(ns, 'app')),
  );
  const before = await world.condition('Kustomization', ns, 'app', 'Ready', 'True');
  assert.deepEqual(before.status.inventory.entries.map((entry: { id: string }) => entry.id).sort(), [
    `${ns}_a__ConfigMap`,
    `${ns}_b__ConfigMap`,
    `${ns}_c__ConfigMap`,
  ]);
  const sha = await commitFiles(
    repo,
    { 'b.yaml': undefined, 'c.yaml': undefined },
    { message: 'Drop b and c', branch: 'main' },
  );
  await until('the commit is applied', async () =>
    (await world.get('Kustomization', ns, 'app'))?.status.lastAppliedRevision?.endsWith(sha),
  );
  assert.equal(await world.get('ConfigMap', ns, 'b'), undefined);
  assert.ok(await world.get('ConfigMap', ns, 'c'));
  assert.ok(await world.get('ConfigMap', ns, 'a'));
});

test('two pushes while one reconcile runs end in the last commit', async () => {
  const ns = 'burst';
  await world.namespace(ns);
  const repo = await createRepository(world.repositories, 'burst.git', files('web:0', '0'), { branch: 'main' });
  await world.apply(
    yaml(
      secret(ns, 'webhook-token', { token: 'burst-token' }),
      gitRepository(ns, 'app', `${git.url}/burst.git`),
      kustomization(ns, 'app', { path: './deploy' }),
      receiver(ns, 'github'),
    ),
  );
  await world.condition('Kustomization', ns, 'app', 'Ready', 'True');
  const hook = await world.condition('Receiver', ns, 'github', 'Ready', 'True');
  let sha = '';
  for (let n = 1; n <= 10; n++) {
    sha = await commitFiles(repo, files('web:0', String(n)), { message: `Colour ${n}`, branch: 'main' });
    const answer = await githubPush(`${world.runtime.gateway}${hook.status.webhookPath}`, 'burst-token');
    assert.equal(answer.status, 200);
  }
  await until(
    'the last push is applied',
    async () => (await world.get('ConfigMap', ns, 'settings'))?.data.color === '10',
  );
  await until('its revision is reported', async () =>
    (await world.get('Kustomization', ns, 'app'))?.status.lastAppliedRevision?.endsWith(sha),
  );
});

test('deleting a Kustomization deletes what it applied; suspended or orphaned ones leave it', async () => {
  const ns = 'delete';
  await world.namespace(ns);
  await createRepository(
    world.repositories,
    'delete.git',
    { 'a.yaml': yaml(configMap('a', { x: '1' })) },
    { branch: 'main' },
  );
  await world.apply(
    yaml(
      gitRepository(ns, 'app', `${git.url}/delete.git`),
      kustomization(ns, 'gone', { namePrefix: 'gone-' }),
      kustomization(ns, 'orphan', { namePrefix: 'orphan-', deletionPolicy: 'Orphan' }),
    ),
  );
  const type = { apiVersion: 'kustomize.toolkit.fluxcd.io/v1', kind: 'Kustomization' };
  for (const name of ['gone', 'orphan']) {
    await world.condition('Kustomization', ns, name, 'Ready', 'True');
    await cluster.delete(type, ns, name);
    await until(`${name} is gone`, async () => !(await world.get('Kustomization', ns, name)));
  }
  assert.equal(await world.get('ConfigMap', ns, 'gone-a'), undefined);
  assert.ok(await world.get('ConfigMap', ns, 'orphan-a'));
});
