import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Kustomization } from '../../api/kustomize/kustomization.ts';
import { type KubeObject, keyString, type ObjectKey } from '../../api/object.ts';
import { SqliteIndex } from '../../local/sqlite-index.ts';
import { systemClock } from '../../ports/clock.ts';
import { recordOf } from '../../reconcile/record.ts';
import { dependencyProblem, findCycle } from './dependencies.ts';

const kustomization = (name: string, spec: object = {}, status: object = {}, generation = 1): KubeObject => ({
  apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
  kind: 'Kustomization',
  metadata: { name, namespace: 'ns', generation, uid: name },
  spec: { interval: '1m', prune: true, sourceRef: { kind: 'GitRepository', name: 'repo' }, ...spec },
  status,
});
const self = kustomization('self') as unknown as Kustomization;
const ready = (status: 'True' | 'False', revision: string, observedGeneration = 1) => ({
  observedGeneration,
  lastAppliedRevision: revision,
  conditions: [{ type: 'Ready', status, reason: 'r', message: 'm' }],
});
const otherSource = { sourceRef: { kind: 'GitRepository', name: 'other' } };
const elsewhere = { sourceRef: { kind: 'GitRepository', name: 'repo', namespace: 'elsewhere' } };

const problems: [string, KubeObject | undefined, string | undefined][] = [
  ['ready at the revision', kustomization('dep', {}, ready('True', 'main@1')), undefined],
  [
    'ready at an older revision of the same source',
    kustomization('dep', {}, ready('True', 'main@0')),
    "dependency 'ns/dep' revision is not up to date",
  ],
  ['ready with another source', kustomization('dep', otherSource, ready('True', 'x@9')), undefined],
  ['a namesake of the source in another namespace', kustomization('dep', elsewhere, ready('True', 'x@9')), undefined],
  ['not ready', kustomization('dep', {}, ready('False', 'main@1')), "dependency 'ns/dep' is not ready"],
  [
    'ready for an older spec',
    kustomization('dep', {}, ready('True', 'main@1', 1), 2),
    "dependency 'ns/dep' is not ready",
  ],
  ['never reconciled', kustomization('dep'), "dependency 'ns/dep' is not ready"],
  ['absent', undefined, 'dependency \'ns/dep\' not found: kustomizations.kustomize.toolkit.fluxcd.io "dep" not found'],
];
for (const [name, dependency, expected] of problems)
  test(`a dependency that is ${name}`, () =>
    assert.equal(dependencyProblem('ns/dep', dependency, self, 'main@1'), expected));

const dir = mkdtempSync(join(tmpdir(), 'sluice-test-'));
const index = new SqliteIndex(join(dir, 'index.db'), systemClock);
after(() => {
  index.close();
  rmSync(dir, { recursive: true });
});
const key = (name: string): ObjectKey => ({ cluster: 'c', kind: 'Kustomization', namespace: 'ns', name });

test('a cycle is seen by its members alone', async () => {
  const edges: Record<string, string[]> = { a: ['b'], b: ['c'], c: ['a'], outside: ['a'], loner: [], self: ['self'] };
  for (const [name, targets] of Object.entries(edges)) {
    const object = kustomization(name, { dependsOn: targets.map(target => ({ name: target })) });
    await index.putObject(recordOf(key(name), object, 0));
  }
  const found = async (name: string) =>
    (await findCycle(index, key(name)))?.map(keyString).map(text => text.split('/')[3]);
  assert.deepEqual(await found('a'), ['a', 'b', 'c', 'a']);
  assert.deepEqual(await found('c'), ['c', 'a', 'b', 'c']);
  assert.equal(await found('outside'), undefined);
  assert.equal(await found('loner'), undefined);
  assert.deepEqual(await found('self'), ['self', 'self']);
});
