import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject } from '../../shared/api/object.ts';
import { commitFiles, createRepository } from '../../shared/local/git-server.ts';
import { SqliteIndex } from '../../shared/local/sqlite-index.ts';
import { SqliteQueue } from '../../shared/local/sqlite-queue.ts';
import { systemClock } from '../../shared/ports/clock.ts';
import { messageOf, workItem } from '../../shared/reconcile/work-item.ts';
import { configMap, deployment, gitRepository, kustomization, service, yaml } from '../scenario/manifests.ts';
import { conditionOf, typeOf, type World } from '../scenario/world.ts';
import { callsSince, callsSoFar } from './calls.ts';
import { cpuOfCommand, cpuOfTree } from './processes.ts';
import { type Figure, median } from './table.ts';

const ns = 'fleet';

/** Four objects, of which names are substituted: each Kustomization owns its own. */
const files = {
  'app/app.yaml': yaml(
    { ...deployment('${name}', 'web:1'), apiVersion: 'apps/v1' },
    service('${name}'),
    configMap('${name}', { text: '${name}' }),
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: '${name}' } },
  ),
  'broken/app.yaml': yaml(deployment('${name}', 'web:1', { fail: true })),
};

export const nameOf = (n: number) => `app-${String(n).padStart(4, '0')}`;
const isBroken = (n: number) => n % 10 === 9;

function fleet(count: number, failing: boolean) {
  return Array.from({ length: count }, (_, n) =>
    kustomization(ns, nameOf(n), {
      path: failing && isBroken(n) ? './broken' : './app',
      targetNamespace: ns,
      serviceAccountName: 'deployer',
      wait: failing && isBroken(n),
      timeout: '10m',
      postBuild: { substitute: { name: nameOf(n) } },
    }),
  );
}

export async function prepare(world: World): Promise<string> {
  await world.namespace(ns);
  const repo = await createRepository(world.repositories, 'fleet.git', files, { branch: 'main' });
  await world.apply(
    yaml(
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: ns, name: 'deployer' } },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { namespace: ns, name: 'deployer' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
        subjects: [{ kind: 'ServiceAccount', namespace: ns, name: 'deployer' }],
      },
      gitRepository(ns, 'app', `${world.git.url}/fleet.git`, { interval: '60m' }),
    ),
  );
  await world.condition('GitRepository', ns, 'app', 'Ready', 'True');
  return repo;
}

export async function create(world: World, count: number, failing: boolean): Promise<void> {
  const objects = fleet(count, failing);
  for (let n = 0; n < objects.length; n += 20)
    await Promise.all(
      objects.slice(n, n + 20).map(object => world.cluster.create(object as KubeObject, { fieldManager: 'kubectl' })),
    );
}

/**
 * Waits until `wanted` Kustomizations hold a condition. Watches, since listing them again and again would be a good part
 * of the load on the API server.
 */
export async function settled(world: World, wanted: number, holds: (object: KubeObject) => boolean): Promise<void> {
  const { items, resourceVersion } = await world.cluster.list(typeOf('Kustomization'), { namespace: ns });
  const holding = new Set(items.filter(holds).map(object => object.metadata.name));
  const end = new AbortController();
  const patience = setTimeout(() => end.abort(), 900_000);
  try {
    const watch = { namespace: ns, resourceVersion, signal: end.signal };
    if (holding.size < wanted)
      for await (const { object } of world.cluster.watch(typeOf('Kustomization'), watch)) {
        if (holds(object)) holding.add(object.metadata.name);
        else holding.delete(object.metadata.name);
        if (holding.size >= wanted) break;
      }
    if (holding.size < wanted) throw new Error(`only ${holding.size} of ${wanted} Kustomizations are settled`);
  } finally {
    clearTimeout(patience);
    end.abort();
  }
}

export const isReady = (object: KubeObject) => conditionOf(object, 'Ready')?.status === 'True';

interface Cost {
  seconds: number;
  ours: number;
  server: number;
}

async function costOf(world: World, work: () => Promise<void>): Promise<Cost> {
  const server = world.target.kind === 'apiserver' ? 'kube-apiserver' : undefined;
  const before = { ours: cpuOfTree(world.runtime.pid), server: server ? cpuOfCommand(server) : 0 };
  const start = performance.now();
  await work();
  return {
    seconds: (performance.now() - start) / 1000,
    ours: cpuOfTree(world.runtime.pid) - before.ours,
    server: server ? cpuOfCommand(server) - before.server : 0,
  };
}

function figuresOf(name: string, count: number, cost: Cost): Figure[] {
  const figures: Figure[] = [
    { name: `${name}`, value: cost.seconds, unit: 's' },
    { name: `${name}: Sluice's CPU each`, value: cost.ours / count, unit: 'CPU-s' },
  ];
  if (cost.server) figures.push({ name: `${name}: API server's CPU each`, value: cost.server / count, unit: 'CPU-s' });
  return figures;
}

/** N Kustomizations, four objects each, substituted and impersonated, from their creation to all of them Ready. */
export async function benchFleet(world: World, count: number): Promise<Figure[]> {
  await prepare(world);
  const cost = await costOf(world, async () => {
    await create(world, count, false);
    await settled(world, count, isReady);
  });
  return figuresOf(`${count} Kustomizations from nothing to Ready`, count, cost);
}

/** The same with every tenth failing its health check for ever, and how long a push then takes to the healthy ones. */
export async function benchFailing(world: World, count: number): Promise<Figure[]> {
  const repo = await prepare(world);
  const healthy = count - Math.floor(count / 10);
  const cost = await costOf(world, async () => {
    await create(world, count, true);
    await settled(world, healthy, isReady);
  });
  const times: number[] = [];
  for (let n = 0; n < 3; n++) {
    const changed = yaml(configMap('${name}', { text: `round ${n}` }));
    const sha = await commitFiles(repo, { 'app/app.yaml': changed }, { message: `Round ${n}`, branch: 'main' });
    const start = performance.now();
    await request(world, 'GitRepository', 'app', String(n));
    await settled(world, healthy, object => isReady(object) && object.status.lastAppliedRevision?.endsWith(sha));
    times.push((performance.now() - start) / 1000);
  }
  return [
    { name: `${count}, every tenth failing: healthy ones Ready`, value: cost.seconds, unit: 's' },
    { name: `${count}, every tenth failing: a change to all healthy ones`, value: median(times), unit: 's' },
  ];
}

/** A forced check of N Kustomizations of which nothing changed. */
export async function benchUnchanged(world: World, count: number): Promise<Figure[]> {
  await prepare(world);
  await create(world, count, false);
  await settled(world, count, isReady);
  await atRest(world);
  const cost = await costOf(world, async () => {
    for (let n = 0; n < count; n += 20)
      await Promise.all(
        Array.from({ length: Math.min(20, count - n) }, (_, k) =>
          request(world, 'Kustomization', nameOf(n + k), 'check'),
        ),
      );
    await settled(world, count, object => object.status?.lastHandledReconcileAt === 'check');
  });
  return figuresOf(`${count} unchanged, forced`, count, cost);
}

/** Waits until the rollouts that were begun are through: their cost belongs to what began them. */
async function atRest(world: World): Promise<void> {
  if (world.target.kind !== 'apiserver') return;
  const end = Date.now() + 120_000;
  for (let quiet = 0; quiet < 2 && Date.now() < end; ) {
    const before = cpuOfCommand('kube-apiserver');
    await delay(1000);
    quiet = cpuOfCommand('kube-apiserver') - before < 0.15 ? quiet + 1 : 0;
  }
}

/**
 * What the interval brings, N times at once: as `unchanged`, but nobody asks for it, so that nothing is to be told. The work
 * items are the ones that the schedule sends.
 */
export async function benchInterval(world: World, count: number): Promise<Figure[]> {
  await prepare(world);
  await create(world, count, false);
  await settled(world, count, isReady);
  await atRest(world);
  const queue = new SqliteQueue(join(world.runtime.dir, 'queue.db'), systemClock);
  const index = new SqliteIndex(join(world.runtime.dir, 'index.db'), systemClock);
  const [cluster] = await index.clusters();
  const calls = await callsSoFar(world);
  const cost = await costOf(world, async () => {
    const cause = { reason: 'interval', trace: 'bench', sentAt: Date.now() };
    const keys = Array.from({ length: count }, (_, n) => ({ kind: 'Kustomization', namespace: ns, name: nameOf(n) }));
    await queue.send(keys.map(key => messageOf(workItem({ cluster: cluster!.name, ...key }, cause))));
    while (queue.depth('kustomize') > 0) await delay(10);
  });
  const name = `${count} unchanged, at their interval`;
  const figures = figuresOf(name, count, cost);
  const after = await callsSoFar(world);
  const own = / (kustomizations|gitrepositories|deployments|services|configmaps|serviceaccounts)$/;
  if (calls && after)
    figures.push({ name: `${name}: API calls each`, value: callsSince(calls, after, own) / count, unit: 'calls' });
  queue.close();
  index.close();
  return figures;
}

export async function request(world: World, kind: string, name: string, at: string): Promise<void> {
  const body = { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': at } } };
  await world.cluster.patch(typeOf(kind), ns, name, { type: 'merge', body });
}
