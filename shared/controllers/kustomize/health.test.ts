import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Kustomization } from '../../api/kustomize/kustomization.ts';
import type { KubeObject } from '../../api/object.ts';
import { refOf } from '../../kube/object-id.ts';
import { isLeftAlone, toCheck } from './health.ts';

const object = (kind: string, name: string, annotations = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name, namespace: 'ns', annotations },
});
const self = (spec: object) =>
  Kustomization.parse({
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name: 'self', namespace: 'ns' },
    spec: { interval: '1m', prune: true, sourceRef: { kind: 'GitRepository', name: 'r' }, ...spec },
  });
const objects = [
  object('Deployment', 'web'),
  object('Deployment', 'left', { 'kustomize.toolkit.fluxcd.io/ssa': 'Ignore' }),
  object('Kustomization', 'self'),
];
const names = (spec: object) => toCheck({ object: self(spec), objects }).map(ref => `${ref.kind}/${ref.name}`);

test('nothing is checked unless it is asked for', () => assert.deepEqual(names({}), []));
test('wait: all that was applied, but neither what was left alone nor itself', () =>
  assert.deepEqual(names({ wait: true }), ['Deployment/web']));
test('healthChecks: what they name', () => {
  const check = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', namespace: 'ns' };
  assert.deepEqual(names({ healthChecks: [check] }), ['StatefulSet/db']);
  assert.deepEqual(names({ healthChecks: [check], wait: true }), ['Deployment/web']);
});

const ours = {
  'kustomize.toolkit.fluxcd.io/name': 'self',
  'kustomize.toolkit.fluxcd.io/namespace': 'ns',
};
const once = object('Deployment', 'web', { 'kustomize.toolkit.fluxcd.io/ssa': 'IfNotPresent' });
const disabled = object('Deployment', 'web', { 'kustomize.toolkit.fluxcd.io/reconcile': 'disabled' });
const plain = object('Deployment', 'web');
const owned = (each: KubeObject): KubeObject => ({ ...each, metadata: { ...each.metadata, labels: ours } });
const left: [string, object, KubeObject, KubeObject | undefined, boolean][] = [
  ['as it was applied', { wait: true }, plain, owned(plain), false],
  ['annotated in the cluster', { wait: true }, plain, owned(disabled), true],
  ['annotated, but named by healthChecks', {}, plain, owned(disabled), false],
  ['absent', { wait: true }, plain, undefined, false],
  ['there before, to be made only if not', { wait: true }, once, plain, true],
  ['made by us, because it was not there', { wait: true }, once, owned(once), false],
];
for (const [name, spec, wanted, live, expected] of left)
  test(`an object that is ${name} is ${expected ? 'not ' : ''}waited for`, () => {
    const result = { ref: refOf(wanted), ...(live ? { object: live } : {}) };
    assert.equal(isLeftAlone({ object: self(spec), objects: [wanted] }, result), expected);
  });
