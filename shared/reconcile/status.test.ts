import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindOf } from '../api/kinds.ts';
import type { Condition, KubeObject } from '../api/object.ts';
import { suspendedStatus } from './status.ts';

const condition = (type: string, status: 'True' | 'False'): Condition => ({
  type,
  status,
  reason: 'R',
  message: 'm',
  observedGeneration: 1,
  lastTransitionTime: '2026-01-01T00:00:00Z',
});
const object = (kind: string, conditions: Condition[] | undefined, requested?: string): KubeObject => ({
  apiVersion: 'x/v1',
  kind,
  metadata: {
    name: 'a',
    generation: 2,
    ...(requested ? { annotations: { 'reconcile.fluxcd.io/requestedAt': requested } } : {}),
  },
  status: { observedGeneration: 1, ...(conditions ? { conditions } : {}) },
});
const of = (kind: string, conditions?: Condition[], requested?: string) =>
  suspendedStatus(kindOf(kind)!, object(kind, conditions, requested));
const generations = (status: Record<string, unknown>) => [
  status.observedGeneration,
  ...((status.conditions ?? []) as Condition[]).map(({ observedGeneration }) => observedGeneration),
];

// As Flux's controllers left the same objects, run beside this.
const table: [string, string, Condition[] | undefined, unknown[]][] = [
  ['a Kustomization that is ready', 'Kustomization', [condition('Ready', 'True')], [2, 1]],
  ['a Kustomization that is not', 'Kustomization', [condition('Ready', 'False')], [1, 1]],
  [
    'a source that is ready',
    'GitRepository',
    [condition('Ready', 'True'), condition('ArtifactInStorage', 'True')],
    [2, 2, 1],
  ],
  ['a source that is not', 'GitRepository', [condition('Ready', 'False'), condition('FetchFailed', 'True')], [2, 2, 1]],
  ['one that was never reconciled', 'GitRepository', undefined, [1]],
];
for (const [name, kind, conditions, expected] of table)
  test(`suspended, ${name} says which generation was seen`, () =>
    assert.deepEqual(generations(of(kind, conditions)), expected));

test('suspended, a request counts as handled', () => {
  assert.equal(of('Kustomization', undefined, 'now').lastHandledReconcileAt, 'now');
  assert.equal('lastHandledReconcileAt' in of('Kustomization'), false);
});
