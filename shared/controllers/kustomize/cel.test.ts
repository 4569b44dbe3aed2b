import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../api/object.ts';
import { compileExpression, healthEvaluator } from './cel.ts';

const object = (status: object | undefined, more: Partial<KubeObject> = {}): KubeObject => ({
  apiVersion: 'bitnami.com/v1',
  kind: 'SealedSecret',
  metadata: { name: 'x', generation: 2 },
  ...(status ? { status } : {}),
  ...more,
});
const synced = (status: string) => object({ observedGeneration: 2, conditions: [{ type: 'Synced', status }] });
const all = (status: string) => `status.conditions.filter(e, e.type == 'Synced').all(e, e.status == '${status}')`;

test('the first expression that is true decides', () => {
  const evaluate = healthEvaluator([
    { apiVersion: 'bitnami.com/v1alpha1', kind: 'SealedSecret', failed: all('False'), current: all('True') },
  ])!;
  assert.equal(evaluate(synced('True'))?.status, 'Current');
  assert.equal(evaluate(synced('False'))?.status, 'Failed');
  assert.equal(evaluate(synced('Unknown'))?.status, 'InProgress');
  assert.equal(evaluate(object(undefined))?.status, 'Unknown', 'an expression about what is not there');
  assert.equal(evaluate(object({ ...synced('True').status, observedGeneration: 1 }))?.status, 'InProgress');
  assert.equal(evaluate(object({}, { apiVersion: 'apps/v1', kind: 'Deployment' })), undefined);
});

test('a kind by name goes before its group', () => {
  const evaluate = healthEvaluator([
    { apiVersion: 'bitnami.com/v1', current: 'false', failed: 'true' },
    { apiVersion: 'bitnami.com/v1', kind: 'SealedSecret', current: 'true' },
  ])!;
  assert.equal(evaluate(object({}))?.status, 'Current');
  assert.equal(evaluate(object({}, { kind: 'Other' }))?.status, 'Failed');
});

test('whole numbers are integers', () => {
  const expression = compileExpression('dep.metadata.generation == 2 && dep.status.n > 1', 'x');
  assert.equal(expression({ dep: object({ n: 3 }) }), true);
});

test('what cannot be compiled stalls, and names the field', () => {
  assert.throws(() => compileExpression('1 +', 'spec.x'), { code: 'InvalidCELExpression', message: /spec\.x: / });
  assert.throws(() => compileExpression("'a'.matches('(a+)+$')", 'spec.x'), /matches\(\)/);
  assert.throws(() => compileExpression('1 + 1', 'spec.x')({}), /no boolean/);
});
