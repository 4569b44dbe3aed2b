import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject } from '../../shared/api/object.ts';
import { commitFiles, createRepository, type FileContent } from '../../shared/local/git-repository.ts';
import type { WorkQueue } from '../../shared/local/queue-consumer.ts';
import { SqliteQueue } from '../../shared/local/sqlite-queue.ts';
import { systemClock } from '../../shared/ports/clock.ts';
import { messageOf, queueOf, workItem } from '../../shared/reconcile/work-item.ts';
import { configMap, deployment, gitRepository, kustomization, receiver, secret, yaml } from './manifests.ts';
import { conditionOf, githubPush, startWorld, until } from './world.ts';

/** The same storm every time, as far as what is done goes; what it meets is up to the machine. */
const random = mulberry32(Number(process.env.SLUICE_CHAOS_SEED ?? 20261123));
const stormMs = Number(process.env.SLUICE_CHAOS_SECONDS ?? 22) * 1000;
const ns = 'chaos';
const token = 'chaos-token';
const kustomizationsPerSource = 10;

/** A repository, and what its last commit wants. */
interface Source {
  name: string;
  dir: string;
  /** Pushes are announced by a webhook, and found by nothing else; or by the interval alone. */
  webhook: boolean;
  commit: string;
  serial: number;
  /** By Kustomization: names of ConfigMaps and what they hold. */
  wanted: Map<string, Map<string, string>>;
}

const world = await startWorld({ preload: new URL('./chaos-preload.ts', import.meta.url).href });
const { cluster, runtime } = world;
const sources: Source[] = [];
let hook = '';

test('whatever dies, doubles or goes away meanwhile, all ends as the last commits want it', async () => {
  await begin();
  const before = await stableObjects();
  const done = await storm();
  await Promise.all(sources.filter(({ webhook }) => webhook).map(announce));
  await until('all is ready at the last commit', allReady).catch(async error => {
    throw new Error(`${error.message}: ${await unready()}`);
  });
  await clusterIsAsWanted();
  assert.deepEqual(await stableObjects(), before, 'what every commit has was never deleted');
  await nothingIsLeft();
  nobodyRanTwiceAtATime();
  assert.ok(isEnough(done), JSON.stringify(done));
});

async function begin(): Promise<void> {
  await world.namespace(ns);
  await world.apply(yaml(secret(ns, 'webhook-token', { token })));
  for (let n = 0; n < 4; n++) {
    const name = `source-${n}`;
    const source: Source = { name, dir: '', webhook: n % 2 === 0, commit: '', serial: 0, wanted: new Map() };
    source.dir = await createRepository(world.repositories, name);
    source.commit = await commit(source);
    sources.push(source);
    const spec = { interval: source.webhook ? '1h' : '2s' };
    const parts = [...source.wanted.keys()].map((part, position) =>
      kustomization(ns, part, {
        interval: '1h',
        retryInterval: '2s',
        timeout: '1m',
        path: `./${part}`,
        sourceRef: { kind: 'GitRepository', name },
        ...(position === 0 ? { wait: true } : {}),
        ...(position === 1 ? { dependsOn: [{ name: `${name}-0` }] } : {}),
      }),
    );
    await world.apply(yaml(gitRepository(ns, name, `${world.git.url}/${name}.git`, spec), ...parts));
  }
  // Stays as it is, though it bears the labels of a Kustomization: it is in no inventory.
  await world.apply(yaml({ ...configMap('bystander', { mine: 'yes' }), metadata: bystanderMetadata }));
  const resources = sources.map(({ name }) => ({ kind: 'GitRepository', name }));
  await world.apply(yaml(receiver(ns, 'push', { events: ['push'], resources })));
  hook = (await world.condition('Receiver', ns, 'push', 'Ready', 'True')).status.webhookPath;
  await until('the start is applied', allReady);
}

const labels = {
  'kustomize.toolkit.fluxcd.io/name': 'source-0-2',
  'kustomize.toolkit.fluxcd.io/namespace': ns,
};
const bystanderMetadata = { name: 'bystander', namespace: ns, labels };

/** Every commit keeps one ConfigMap of each Kustomization, changes it, and adds and removes others. */
async function commit(source: Source): Promise<string> {
  source.serial++;
  const files: Record<string, FileContent> = {};
  for (let n = 0; n < kustomizationsPerSource; n++) {
    const part = `${source.name}-${n}`;
    const wanted = new Map([[`${part}-stable`, String(source.serial)]]);
    for (let extra = 0; extra < 4; extra++)
      if (random() < 0.5) wanted.set(`${part}-extra-${extra}`, String(source.serial));
    source.wanted.set(part, wanted);
    for (const [name, value] of wanted) files[`${part}/${name}.yaml`] = yaml(configMap(name, { value }));
    if (n === 0) files[`${part}/web.yaml`] = yaml(deployment(part, `web:${source.serial}`));
  }
  return commitFiles(source.dir, files, { replace: true, message: `Number ${source.serial}` });
}

/** How often each thing has to be done for the storm to be one. */
const enough: Record<string, number> = { push: 6, 'kill a thread': 3, 'kill the runtime': 1 };
const isEnough = (done: Record<string, number>) =>
  Object.entries(enough).every(([name, times]) => (done[name] ?? 0) >= times);

/** Does one thing after the other until the time is over and enough was done; answers how often each was done. */
async function storm(): Promise<Record<string, number>> {
  const acts: [string, number, () => Promise<void>][] = [
    ['push', 10, push],
    ['send doubles', 4, sendDoubles],
    ['kill a thread', 5, async () => void process.kill(runtime.pid, 'SIGUSR2')],
    ['kill the runtime', 2, killRuntime],
    ['pause the API server', 1, pauseApi],
  ];
  const weight = acts.reduce((sum, [, share]) => sum + share, 0);
  const done: Record<string, number> = {};
  for (const end = Date.now() + stormMs; Date.now() < end || !isEnough(done); ) {
    let at = random() * weight;
    const [name, , act] = acts.find(([, share]) => {
      at -= share;
      return at < 0;
    }) as (typeof acts)[number];
    done[name] = (done[name] ?? 0) + 1;
    await act();
    await delay(random() * 400);
  }
  return done;
}

async function push(): Promise<void> {
  const source = sources[Math.floor(random() * sources.length)]!;
  source.commit = await commit(source);
  if (source.webhook) await announce(source);
}

/** As providers do that try again until somebody takes the push; from then on it must not be lost. */
async function announce(source: Source): Promise<void> {
  await until(`the webhook for ${source.name} is taken`, async () => {
    const answer = await githubPush(`${runtime.gateway}${hook}`, token).catch(() => undefined);
    return answer !== undefined && answer.status < 300;
  });
}

async function sendDoubles(): Promise<void> {
  const queue = new SqliteQueue(join(runtime.dir, 'queue.db'), systemClock);
  const source = sources[Math.floor(random() * sources.length)]!;
  const names = [...source.wanted.keys()].filter(() => random() < 0.5);
  const keys = [
    { cluster: 'local', kind: 'GitRepository', namespace: ns, name: source.name },
    ...names.map(name => ({ cluster: 'local', kind: 'Kustomization', namespace: ns, name })),
  ];
  const doubles = [1, 2, 3].flatMap(n =>
    keys.map(key => messageOf(workItem(key, { reason: 'double', trace: `double-${n}`, sentAt: Date.now() }))),
  );
  assert.ok(doubles.every(({ queue: name }) => name === queueOf('GitRepository') || name === queueOf('Kustomization')));
  await queue.send(doubles);
  queue.close();
}

async function killRuntime(): Promise<void> {
  await runtime.kill();
  await runtime.start();
}

async function pauseApi(): Promise<void> {
  await world.target.pause();
  await delay(500 + random() * 1000);
  await world.target.resume();
}

async function objects(kind: 'GitRepository' | 'Kustomization'): Promise<KubeObject[]> {
  const apiVersion = `${kind === 'GitRepository' ? 'source' : 'kustomize'}.toolkit.fluxcd.io/v1`;
  return (await cluster.list({ apiVersion, kind }, { namespace: ns })).items;
}

async function notReady(): Promise<KubeObject[]> {
  const ready = (object: KubeObject) =>
    conditionOf(object, 'Ready')?.status === 'True' && object.status.observedGeneration === object.metadata.generation;
  const at = (object: KubeObject, source: string) => {
    const wanted = `main@sha1:${sources.find(({ name }) => name === source)?.commit}`;
    return (object.status?.artifact?.revision ?? object.status?.lastAppliedRevision) === wanted;
  };
  const [repositories, parts] = await Promise.all([objects('GitRepository'), objects('Kustomization')]);
  return [
    ...repositories.filter(object => !ready(object) || !at(object, object.metadata.name)),
    ...parts.filter(object => !ready(object) || !at(object, object.spec.sourceRef.name)),
  ];
}

const allReady = async () => (await notReady()).length === 0;
const unready = async () =>
  (await notReady())
    .slice(0, 5)
    .map(({ kind, metadata, status }) => `${kind} ${metadata.name}: ${JSON.stringify(status)}`)
    .join('\n');

/** uid of what is in every commit, by name. */
async function stableObjects(): Promise<Record<string, string | undefined>> {
  const { items } = await cluster.list({ apiVersion: 'v1', kind: 'ConfigMap' }, { namespace: ns });
  const stable = items.filter(({ metadata }) => /-stable$|^bystander$/.test(metadata.name));
  return Object.fromEntries(stable.map(({ metadata }) => [metadata.name, metadata.uid]));
}

async function clusterIsAsWanted(): Promise<void> {
  const { items } = await cluster.list({ apiVersion: 'v1', kind: 'ConfigMap' }, { namespace: ns });
  const ours = items.filter(({ metadata }) => metadata.name.startsWith('source-'));
  const found = Object.fromEntries(ours.map(({ metadata, data }) => [metadata.name, data.value]));
  const wanted = Object.fromEntries(sources.flatMap(({ wanted }) => [...wanted.values()].flatMap(map => [...map])));
  assert.deepEqual(found, wanted);
  for (const object of await objects('Kustomization')) {
    const part = object.metadata.name;
    const expected = sources.flatMap(source => [...(source.wanted.get(part)?.keys() ?? [])]);
    const ids = expected.map(name => `${ns}_${name}__ConfigMap`);
    if (part.endsWith('-0')) ids.push(`${ns}_${part}_apps_Deployment`);
    const inventory = object.status.inventory.entries.map(({ id }: { id: string }) => id);
    assert.deepEqual(inventory.sort(), ids.sort(), part);
  }
}

/** Once nothing comes due any more, the queues run empty, and a stop leaves no temporary files. */
async function nothingIsLeft(): Promise<void> {
  for (const { name } of sources.filter(({ webhook }) => !webhook))
    await cluster.patch({ apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'GitRepository' }, ns, name, {
      type: 'merge',
      body: { spec: { suspend: true } },
    });
  const names: WorkQueue[] = ['source', 'kustomize', 'notification'];
  const queue = new SqliteQueue(join(runtime.dir, 'queue.db'), systemClock);
  const depths = () => [...names.flatMap(name => [queue.depth(name), queue.depth(`${name}-dlq`)]), overdueTimers()];
  await until('the queues are empty', () => depths().every(depth => depth === 0)).catch(error => {
    throw new Error(`${error.message}: ${depths()}`);
  });
  queue.close();
  assert.equal(await runtime.stop(), 0);
  for (const folder of ['tmp', 'store/incoming']) {
    const path = join(runtime.dir, folder);
    assert.deepEqual(existsSync(path) ? readdirSync(path) : [], [], path);
  }
}

/** Timers whose time is over, or that nobody can have set: waits are of 30 s at most here. */
function overdueTimers(): number {
  const database = new DatabaseSync(join(runtime.dir, 'queue.db'), { readOnly: true });
  const now = Date.now();
  const { n } = database
    .prepare("SELECT count(*) AS n FROM groups WHERE queue LIKE 'timer%' AND (ready_at < ? OR ready_at > ?)")
    .get(now - 1000, now + 31_000) as { n: number };
  database.close();
  return n;
}

/** By what the workers logged: when each reconcile ended, and how long it took. */
function nobodyRanTwiceAtATime(): void {
  const lines = readFileSync(join(runtime.dir, 'logs', 'sluice.log'), 'utf8').split('\n');
  const ends = new Map<string, number>();
  let reconciles = 0;
  for (const text of lines) {
    if (!text.includes('"durationMs"')) continue;
    const { object, time, durationMs } = JSON.parse(text);
    const end = Date.parse(time);
    const start = end - durationMs;
    const last = ends.get(object) ?? 0;
    assert.ok(start >= last - 2, `${object} was reconciled from ${start} to ${end}, and another until ${last}`);
    ends.set(object, end);
    reconciles++;
  }
  assert.ok(reconciles > 40);
  assert.ok(ends.size >= 44);
}

/** A small generator of numbers in [0, 1) that are the same for the same seed. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
