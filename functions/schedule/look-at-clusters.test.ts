import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { emfMetrics } from '../../shared/aws/emf-metrics.ts';
import type { ClusterRecord } from '../../shared/ports/index.ts';
import type { Ports } from '../../shared/ports/ports.ts';
import { startInstalled, unreachableKubeconfig } from '../../test/fixtures/installed.ts';
import { lookAtClusters } from './look-at-clusters.ts';
import { runSchedule } from './run-schedule.ts';

const installed = await startInstalled();
const { ports } = installed;
/** Takes requests, and never answers. */
let asked = 0;
let hungUp = 0;
const hanging = createServer(request => {
  asked++;
  request.socket.once('close', () => hungUp++);
});
await new Promise<void>(resolve => hanging.listen(0, '127.0.0.1', resolve));
after(async () => {
  hanging.closeAllConnections();
  hanging.close();
  await installed.close();
});
const { port } = hanging.address() as AddressInfo;
const hangs = unreachableKubeconfig.replace('127.0.0.1:1', `127.0.0.1:${port}`);

/** Registers clusters anew; only these are there. */
async function register(clusters: Record<string, [kubeconfig: string, changes: ClusterRecord['changes']]>) {
  for (const { name } of await ports.index.clusters()) await ports.index.removeCluster(name);
  for (const [name, [kubeconfig, changes]] of Object.entries(clusters)) {
    await ports.secrets.put(name, kubeconfig);
    const access = { type: 'kubeconfig' as const, secret: name };
    await ports.index.addCluster({ name, access, changes, addedAt: Date.now() - 3_600_000 });
  }
  return ports.index.clusters();
}
const look = async (records: ClusterRecord[], ms: number, turns?: { atATime: number; milliseconds: number }) =>
  lookAtClusters(records, ports, Date.now() + ms, turns);

test('clusters that hang take their turn, and not that of the others', async () => {
  const names = ['a', 'b', 'c', 'd'];
  const records = await register({
    ...Object.fromEntries(names.map(name => [name, [hangs, 'sweep'] as const])),
    good: [installed.kubeconfig, 'sweep'],
  } as Parameters<typeof register>[0]);
  const looks = await look(records, 8_000, { atATime: 1, milliseconds: 50 });
  assert.equal(looks.clusters, 5);
  assert.equal(looks.failed, 4);
  assert.ok(names.includes(looks.furthest!));
  assert.ok(looks.age >= 3600 && looks.age < 3700, `never looked at, so since it was added: ${looks.age}`);
  assert.notEqual(await ports.index.cursor('good', 'sweep'), undefined, 'the good one had its turn');
  // What waits is ended with the schedule, and does not go on in a later one.
  for (let n = 0; n < 3000 && hungUp < asked; n++) await new Promise(resolve => setTimeout(resolve, 20));
  assert.ok(asked >= 4);
  assert.equal(hungUp, asked);
});

test('the age is that of the last look that was completed', async () => {
  const good = await register({ one: [installed.kubeconfig, 'sweep'] });
  const fresh = await look(good, 10_000);
  assert.deepEqual({ failed: fresh.failed, furthest: fresh.furthest }, { failed: 0, furthest: 'one' });
  assert.ok(fresh.age < 10, `${fresh.age}`);
  const stored = JSON.parse((await ports.index.cursor('one', 'sweep'))!);
  await ports.index.setCursor('one', 'sweep', JSON.stringify({ ...stored, at: stored.at - 300_000 }));
  const away: Ports = {
    ...ports,
    clusters: {
      ...ports.clusters,
      get: async () => {
        throw new Error('away');
      },
    },
  };
  const late = await lookAtClusters(good, away, Date.now() + 10_000);
  assert.equal(late.failed, 1);
  assert.ok(late.age >= 300 && late.age < 310, `${late.age}`);
});

test('clusters that are not swept have no age, and one that was removed meanwhile is no failure', async () => {
  const records = await register({
    watched: [hangs, 'watch'],
    pushing: [installed.kubeconfig, 'push'],
    gone: [installed.kubeconfig, 'sweep'],
  });
  await ports.index.removeCluster('gone');
  const looks = await look(records, 10_000);
  assert.equal(looks.failed, 0);
  assert.ok(looks.age < 10);
  const rest = await look(
    records.filter(({ name }) => name !== 'gone'),
    10_000,
  );
  assert.deepEqual(rest, { clusters: 2, failed: 0, age: 0 });
  assert.equal(await ports.index.cursor('pushing', 'resync'), 'done', 'taken in once');
});

test('the schedule measures how far behind it is, and what it sent', async () => {
  const lines: string[] = [];
  const metrics = emfMetrics({ name: 'test', clock: ports.clock, write: line => lines.push(line) });
  await register({ one: [installed.kubeconfig, 'sweep'] });
  await runSchedule({ ...ports, metrics }, Date.now() + 20_000);
  assert.equal(lines.length, 1);
  const { SweepAge, DueSent, clusters, failed, furthest } = JSON.parse(lines[0]!);
  assert.ok(SweepAge >= 0 && SweepAge < 20);
  assert.deepEqual({ DueSent, clusters, failed, furthest }, { DueSent: 0, clusters: 1, failed: 0, furthest: 'one' });
  await register({});
  await runSchedule({ ...ports, metrics }, Date.now() + 20_000);
  assert.equal(JSON.parse(lines[1]!).SweepAge, 0, 'the figure is there without clusters, too');
});
