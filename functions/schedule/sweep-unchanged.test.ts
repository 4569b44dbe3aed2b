import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { kinds } from '../../shared/api/kinds.ts';
import type { KubeObject } from '../../shared/api/object.ts';
import type { KubeClient } from '../../shared/kube/client.ts';
import { registeredClusters } from '../../shared/kube/registered.ts';
import type { Cluster } from '../../shared/ports/cluster.ts';
import type { Index } from '../../shared/ports/index.ts';
import type { Ports } from '../../shared/ports/ports.ts';
import { startInstalled } from '../../test/fixtures/installed.ts';
import { sweepCluster } from './sweep-cluster.ts';
import { readSweep } from './sweep-record.ts';

const installed = await startInstalled();
after(installed.close);
const { ports, cluster, apply } = installed;
const object = (name: string): KubeObject => ({
  apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
  kind: 'Kustomization',
  metadata: { name, namespace: 'default' },
  spec: { interval: '10m', prune: true, sourceRef: { kind: 'GitRepository', name: 'source' } },
});
const sent = () => installed.sent().map(({ body }) => body.name);

beforeEach(async () => {
  await sweepCluster('main', ports);
  installed.sent();
});

/** Hands on every call, `before` is told of each, and may fail it. */
function through<T extends object>(target: T, before: (call: string, args: unknown[]) => void): T {
  return new Proxy(target, {
    get: (of, property) => {
      const value = Reflect.get(of, property);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        before(String(property), args);
        return value.apply(of, args);
      };
    },
  });
}

/** The toolkit's kinds, and labelled ConfigMaps and Secrets. */
const watched = kinds.length + 2;

test('an unchanged cluster costs a watch per kind, two reads and every other time a write', async () => {
  let now = Date.now();
  const calls: string[] = [];
  const index: Index = through(ports.index, call => calls.push(call));
  const clusters = registeredClusters(index, ports.secrets);
  const counted: Ports = { ...ports, index, clusters, clock: { now: () => now } };
  const client = (await clusters.get('main')) as KubeClient;
  const before = client.stats.snapshot();
  calls.splice(0);
  for (let minute = 0; minute < 4; minute++) {
    now += 60_000;
    await sweepCluster('main', counted);
  }
  const { requests, byVerb } = client.stats.snapshot();
  assert.equal(requests - before.requests, 4 * watched);
  assert.equal(byVerb.watch! - (before.byVerb.watch ?? 0), 4 * watched);
  const times = (name: string) => calls.filter(call => call === name).length;
  assert.deepEqual(
    { read: times('cursor'), cluster: times('cluster'), written: times('setCursor'), all: calls.length },
    { read: 4, cluster: 4, written: 2, all: 10 },
  );
  assert.deepEqual(sent(), []);
  client.close();
});

test('two sweeps at a time lose nothing, and what comes later is seen once', async () => {
  for (let n = 0; n < 20; n++) await apply(object(`both-${n}`));
  await Promise.all([sweepCluster('main', ports), sweepCluster('main', ports)]);
  const names = sent();
  assert.equal(new Set(names).size, 20);
  assert.ok(names.length <= 40);
  await sweepCluster('main', ports);
  assert.deepEqual(sent(), []);
  await apply({ ...object('both-0'), spec: { ...object('').spec, interval: '20m' } });
  await sweepCluster('main', ports);
  assert.deepEqual(sent(), ['both-0']);
});

test('a cursor that a slower sweep has put back has nothing sent again', async () => {
  const old = await ports.index.cursor('main', 'sweep');
  await apply(object('late'));
  await sweepCluster('main', ports);
  assert.deepEqual(sent(), ['late']);
  await ports.index.setCursor('main', 'sweep', old);
  await sweepCluster('main', ports);
  assert.deepEqual(sent(), []);
});

test('what one kind fails on leaves the others alone, and is made good', async () => {
  const before = await readSweep(ports.index, 'main');
  await apply(object('kept'));
  const source = { apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'GitRepository' };
  await apply({
    ...source,
    metadata: { name: 'repo', namespace: 'default' },
    spec: { interval: '1m', url: 'https://a.b/c' },
  });
  const broken = through<Cluster>(cluster, (call, [type]) => {
    if (call === 'watch' && (type as KubeObject).kind === 'Kustomization') throw new Error('broken');
  });
  const clusters = { ...ports.clusters, get: async () => broken };
  await assert.rejects(sweepCluster('main', { ...ports, clusters }), /broken/);
  assert.deepEqual(sent(), ['repo']);
  const between = await readSweep(ports.index, 'main');
  assert.equal(between.at, before.at, 'the look was not completed');
  assert.equal(between.cursors.Kustomization, before.cursors.Kustomization);
  assert.notEqual(between.cursors.GitRepository, before.cursors.GitRepository);
  await sweepCluster('main', ports);
  assert.deepEqual(sent(), ['kept']);
});

test('a sweep that is cut off moves no cursor', async () => {
  const before = await readSweep(ports.index, 'main');
  await apply(object('cut'));
  const ending = new AbortController();
  // In the middle: the watch has been asked for.
  const cut = through<Cluster>(cluster, call => {
    if (call === 'watch') setImmediate(() => ending.abort(new Error('over')));
  });
  const clusters = {
    ...ports.clusters,
    get: async () => new Proxy(cut, { get: (of, name) => (name === 'withSignal' ? undefined : Reflect.get(of, name)) }),
  };
  await assert.rejects(sweepCluster('main', { ...ports, clusters }, ending.signal), /over/);
  assert.deepEqual(await readSweep(ports.index, 'main'), before);
  installed.sent();
  await sweepCluster('main', ports);
  assert.deepEqual(sent(), ['cut']);
});

test('of several changes of one object only the last is acted on', async () => {
  await apply(object('often'));
  for (const interval of ['2m', '3m', '4m'])
    await apply({ ...object('often'), spec: { ...object('').spec, interval } });
  await apply(object('short-lived'));
  await cluster.delete(
    { apiVersion: 'kustomize.toolkit.fluxcd.io/v1', kind: 'Kustomization' },
    'default',
    'short-lived',
  );
  await sweepCluster('main', ports);
  assert.deepEqual(sent(), ['often']);
});
