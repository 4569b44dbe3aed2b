import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { limits } from './assumptions.ts';
import { costOf } from './cost.ts';
import { clusterCall } from './counting.ts';
import { works } from './kinds-of-work.ts';
import { loadOf } from './load.ts';
import { measure } from './measure.ts';
import { simulatePush, simulateSteady } from './scenarios.ts';
import { fill, tables } from './tables.ts';
import { counts } from './work.ts';

const renew = 'npm run scale -- --measure --write';

test('work costs what the model says that it costs', async () => {
  const tallies = (all: typeof counts) =>
    Object.fromEntries(Object.entries(all).map(([name, { tally }]) => [name, tally]));
  const now = tallies(await measure());
  assert.deepEqual(
    now,
    tallies(counts),
    `what work costs has changed; if it was meant to, ${renew} and read what follows`,
  );
});

test('the tables of docs/scale.md are the ones that are computed', () => {
  const document = readFileSync(new URL('../../docs/scale.md', import.meta.url), 'utf8');
  assert.equal(
    document,
    fill(document, tables()),
    `docs/scale.md is not up to date: ${renew.replace('--measure ', '')}`,
  );
});

test('twice the clusters are twice the work and, but for what is there anyway, twice the bill', () => {
  const [one, two] = [10, 20].map(clusters => loadOf({ clusters, intervalSeconds: 60 }));
  for (const figure of ['writeUnits', 'readUnits', 'clusterCalls', 'storeReads', 'tableCalls'] as const)
    assert.ok(Math.abs(two!.all[figure] / one!.all[figure] - 2) < 1e-9, figure);
  assert.equal(two!.clusterCallsPerCluster, one!.clusterCallsPerCluster);
  const [small, large] = [costOf(one!), costOf(two!)];
  assert.equal(large['metrics, alarms, dashboard'], small['metrics, alarms, dashboard']);
  assert.ok(Math.abs(large.DynamoDB! / small.DynamoDB! - 2) < 1e-9);
});

test('what is computed and what is simulated agree where nothing is scarce', () => {
  const fleet = { clusters: 4, intervalSeconds: 60 };
  const { result, kept } = simulateSteady(fleet, limits.large);
  const busy = result.stations.kustomize!.busySeconds / 120;
  const computed = ((4 * 950) / 60) * works.Kustomization.unchanged.seconds;
  assert.ok(Math.abs(busy / computed - 1) < 0.05, `${busy} instead of ${computed} invocations at a time`);
  assert.ok(kept > 0.98 && kept <= 1.01, `${kept}`);
});

test('a push reaches every Kustomization once, and is told as often as they have something to tell', () => {
  const { applied, result } = simulatePush(3, limits.default);
  assert.equal(applied.length, 3 * 950);
  assert.equal(result.stations.source!.done, 3);
  assert.equal(result.stations.notification!.done, 3 + 3 * 950 * works.eventsOfChange);
  const least = (applied.length * works.Kustomization.changed.seconds) / limits.default.kustomize;
  assert.ok(applied.at(-1)! >= least, 'no faster than its workers can');
});

test('tells requests to an API server apart', () => {
  const cases: [string, string, string][] = [
    ['GET', '/api/v1', 'discovery'],
    ['GET', '/apis/apps/v1', 'discovery'],
    ['GET', '/api/v1/namespaces/a', 'read'],
    ['GET', '/api/v1/namespaces/a/configmaps', 'list'],
    ['GET', '/api/v1/namespaces/a/configmaps/b', 'read'],
    ['GET', '/apis/apps/v1/deployments?limit=500', 'list'],
    ['GET', '/apis/apps/v1/deployments?watch=true&resourceVersion=1', 'watch'],
    ['PATCH', '/apis/apps/v1/namespaces/a/deployments/b?dryRun=All', 'dryRun'],
    ['PATCH', '/apis/apps/v1/namespaces/a/deployments/b/status', 'write'],
    ['POST', '/api/v1/namespaces/a/events', 'write'],
  ];
  for (const [method, path, expected] of cases) assert.equal(clusterCall(method, path), expected, `${method} ${path}`);
});

test('a table without a place in the document, and a place without a table, are told', () => {
  assert.equal(
    fill('a\n<!-- table: x -->\nold\n<!-- end -->\nb', { x: 'new' }),
    'a\n<!-- table: x -->\n\nnew\n\n<!-- end -->\nb',
  );
  assert.throws(() => fill('a', { x: 'new' }), /no place for: x/);
  assert.throws(() => fill('<!-- table: y -->\n<!-- end -->', {}), /"y"/);
});
