import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { commitFiles, createRepository } from '../../shared/local/git-server.ts';
import { SqliteQueue } from '../../shared/local/sqlite-queue.ts';
import { systemClock } from '../../shared/ports/clock.ts';
import { messageOf, workItem } from '../../shared/reconcile/work-item.ts';
import { configMap, deployment, gitRepository, kustomization, yaml } from './manifests.ts';
import { conditionOf, startWorld, until } from './world.ts';

const world = await startWorld();
const { cluster, git, runtime } = world;
const run = promisify(execFile);

const many = (value: string) =>
  Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`cm-${n}.yaml`, yaml(configMap(`cm-${n}`, { value }))]));
const owned = async (ns: string) =>
  (
    await cluster.list(
      { apiVersion: 'v1', kind: 'ConfigMap' },
      { namespace: ns, labelSelector: 'kustomize.toolkit.fluxcd.io/name=app' },
    )
  ).items;

test('killed in the middle of an apply, it goes on and ends in the desired state', async () => {
  const ns = 'killed';
  await world.namespace(ns);
  const repo = await createRepository(world.repositories, 'killed.git', many('1'), { branch: 'main' });
  await world.apply(
    yaml(gitRepository(ns, 'app', `${git.url}/killed.git`, { interval: '2s' }), kustomization(ns, 'app')),
  );
  await until('the first objects are there', async () => (await owned(ns)).length > 3);
  await runtime.kill();
  await runtime.start();
  const ready = await world.condition('Kustomization', ns, 'app', 'Ready', 'True');
  assert.equal((await owned(ns)).length, 60);
  assert.equal(ready.status.inventory.entries.length, 60);

  // Again in the middle of a change that also prunes: nothing that left the repository may be forgotten.
  const next = Object.fromEntries(
    Array.from({ length: 60 }, (_, n) => [`cm-${n}.yaml`, n < 30 ? many('2')[`cm-${n}.yaml`]! : undefined]),
  );
  const sha = await commitFiles(repo, next, { message: 'Half of them', branch: 'main' });
  await until('the change has begun', async () => (await owned(ns)).some(object => object.data.value === '2'));
  await runtime.kill();
  await runtime.start();
  await until('the change is applied', async () =>
    (await world.get('Kustomization', ns, 'app'))?.status.lastAppliedRevision?.endsWith(sha),
  );
  const left = await owned(ns);
  assert.equal(left.length, 30);
  assert.ok(left.every(object => object.data.value === '2'));
});

test('the API server away while a commit comes: applied when it is back', async () => {
  const ns = 'outage';
  await world.namespace(ns);
  const repo = await createRepository(
    world.repositories,
    'outage.git',
    { 'a.yaml': yaml(configMap('a', { x: '1' })) },
    { branch: 'main' },
  );
  await world.apply(
    yaml(
      gitRepository(ns, 'app', `${git.url}/outage.git`, { interval: '2s' }),
      kustomization(ns, 'app', { interval: '3s', retryInterval: '2s' }),
    ),
  );
  await world.condition('Kustomization', ns, 'app', 'Ready', 'True');
  await world.target.pause();
  await commitFiles(repo, { 'a.yaml': yaml(configMap('a', { x: '2' })) }, { message: 'Two', branch: 'main' });
  // Long enough for several intervals to find the API server away.
  await new Promise(resolve => setTimeout(resolve, Number(process.env.SLUICE_OUTAGE_SECONDS ?? 8) * 1000));
  await world.target.resume();
  await until('the commit is applied', async () => (await world.get('ConfigMap', ns, 'a'))?.data.x === '2', 120);
  assert.ok(await world.get('Kustomization', ns, 'app'));
});

test('a message delivered several times does nothing twice', async () => {
  const ns = 'twice';
  await world.namespace(ns);
  await createRepository(
    world.repositories,
    'twice.git',
    { 'a.yaml': yaml(configMap('a', { x: '1' })) },
    { branch: 'main' },
  );
  await world.apply(yaml(gitRepository(ns, 'app', `${git.url}/twice.git`), kustomization(ns, 'app')));
  const before = await world.condition('Kustomization', ns, 'app', 'Ready', 'True');
  const applied = await world.get('ConfigMap', ns, 'a');
  const queue = new SqliteQueue(join(runtime.dir, 'queue.db'), systemClock);
  const now = Date.now();
  const key = { cluster: 'local', kind: 'Kustomization', namespace: ns, name: 'app' };
  const copies = Array.from({ length: 6 }, (_, n) =>
    messageOf(workItem(key, { reason: 'test', trace: `trace-${n}`, sentAt: now })),
  );
  await queue.send(copies);
  await until('they are consumed', () => queue.depth('kustomize') === 0);
  queue.close();
  assert.equal((await world.get('ConfigMap', ns, 'a'))?.metadata.resourceVersion, applied?.metadata.resourceVersion);
  const after = await world.get('Kustomization', ns, 'app');
  assert.equal(after?.metadata.resourceVersion, before.metadata.resourceVersion, 'an unchanged object is not written');
});

test('a lost timer costs lateness and nothing else', async () => {
  const ns = 'timer';
  await world.namespace(ns);
  const repo = await createRepository(
    world.repositories,
    'timer.git',
    { 'a.yaml': yaml(configMap('a', { x: '1' })) },
    { branch: 'main' },
  );
  await world.apply(
    yaml(gitRepository(ns, 'app', `${git.url}/timer.git`, { interval: '20s' }), kustomization(ns, 'app')),
  );
  await world.condition('Kustomization', ns, 'app', 'Ready', 'True');
  await runtime.stop();
  const database = new DatabaseSync(join(runtime.dir, 'queue.db'));
  database.exec("DELETE FROM messages WHERE queue = 'timer'");
  database.close();
  await commitFiles(repo, { 'a.yaml': yaml(configMap('a', { x: '2' })) }, { message: 'Two', branch: 'main' });
  await runtime.start();
  await until('the schedule makes it good', async () => (await world.get('ConfigMap', ns, 'a'))?.data.x === '2', 200);
});

test('the index deleted is rebuilt by a resync, and everything goes on', async () => {
  const ns = 'index';
  await world.namespace(ns);
  const repo = await createRepository(
    world.repositories,
    'index.git',
    { 'a.yaml': yaml(deployment('web', 'web:1')) },
    { branch: 'main' },
  );
  await world.apply(
    yaml(
      gitRepository(ns, 'app', `${git.url}/index.git`, { interval: '3s' }),
      kustomization(ns, 'app', { wait: true }),
    ),
  );
  await world.condition('Kustomization', ns, 'app', 'Ready', 'True');
  await runtime.stop();
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(runtime.dir, `index.db${suffix}`), { force: true });
  await runtime.start();
  const cli = fileURLToPath(new URL('../../shared/cli/main.ts', import.meta.url));
  const { stdout } = await run(process.execPath, [cli, 'resync', '--dir', runtime.dir]);
  assert.match(stdout, /local/);
  const status = await run(process.execPath, [cli, 'status', '--dir', runtime.dir, '-o', 'json']);
  assert.match(status.stdout, /"Kustomization"/);
  const sha = await commitFiles(
    repo,
    { 'a.yaml': yaml(deployment('web', 'web:2')) },
    { message: 'Two', branch: 'main' },
  );
  await until('a commit is applied', async () => {
    const object = await world.get('Kustomization', ns, 'app');
    return object?.status.lastAppliedRevision?.endsWith(sha) && conditionOf(object, 'Ready')?.status === 'True';
  });
});
