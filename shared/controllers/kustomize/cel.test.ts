import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../api/object.ts';
import { healthEvaluator } from './cel.ts';

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

test('an expression that fails leaves the health unknown, and says why', () => {
  const health = healthEvaluator([{ apiVersion: 'v1', kind: 'ConfigMap', current: 'status.foo == 1' }])!(
    object(undefined, { apiVersion: 'v1', kind: 'ConfigMap' }),
  );
  assert.equal(health?.status, 'Unknown');
  assert.match(health?.message ?? '', /^failed to evaluate the CEL expression 'status\.foo == 1': /);
});

test('the field that cannot be compiled is named', () => {
  assert.throws(() => healthEvaluator([{ apiVersion: 'v1', kind: 'A', current: 'true', failed: '1 +' }]), {
    code: 'InvalidCELExpression',
    message: /spec\.healthCheckExprs\[0\]\.failed: /,
  });
});
