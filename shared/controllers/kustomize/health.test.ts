import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Kustomization } from '../../api/kustomize/kustomization.ts';
import type { KubeObject } from '../../api/object.ts';
import { toCheck } from './health.ts';

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
