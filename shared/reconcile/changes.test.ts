import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject, ObjectKey } from '../api/object.ts';
import { type ChangeDecision, decideChange } from './changes.ts';
import { recordOf } from './record.ts';

const key: ObjectKey = { cluster: 'c', kind: 'Kustomization', namespace: 'ns', name: 'app' };

function object(change: {
  generation?: number;
  resourceVersion?: string;
  uid?: string;
  requestedAt?: string;
  handled?: string;
  deleting?: boolean;
  finalizers?: string[];
  ready?: boolean;
  artifact?: string;
}): KubeObject {
  const { generation = 1 } = change;
  return {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: {
      name: 'app',
      namespace: 'ns',
      uid: change.uid ?? 'u1',
      generation,
      resourceVersion: change.resourceVersion ?? '10',
      ...(change.requestedAt ? { annotations: { 'reconcile.fluxcd.io/requestedAt': change.requestedAt } } : {}),
      ...(change.deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
      ...(change.finalizers ? { finalizers: change.finalizers } : {}),
    },
    spec: { interval: '1m' },
    status: {
      ...(change.ready ? { observedGeneration: generation, conditions: [{ type: 'Ready', status: 'True' }] } : {}),
      ...(change.artifact ? { artifact: { url: change.artifact } } : {}),
      ...(change.handled ? { lastHandledReconcileAt: change.handled } : {}),
    },
  };
}

const known = (of: KubeObject) => recordOf(key, of, 0);

const external = (revision: string | undefined, resourceVersion: string): KubeObject => ({
  apiVersion: 'source.toolkit.fluxcd.io/v1',
  kind: 'ExternalArtifact',
  metadata: { name: 'app', namespace: 'ns', uid: 'u1', generation: 1, resourceVersion },
  ...(revision ? { status: { artifact: { revision } } } : {}),
});
const generator = (resourceVersion: string, reconcile?: string): KubeObject => ({
  apiVersion: 'source.extensions.fluxcd.io/v1beta1',
  kind: 'ArtifactGenerator',
  metadata: {
    name: 'app',
    namespace: 'ns',
    uid: 'u1',
    generation: 1,
    resourceVersion,
    ...(reconcile ? { annotations: { 'source.extensions.fluxcd.io/reconcile': reconcile } } : {}),
  },
  status: { conditions: [{ type: 'Ready', status: 'True', observedGeneration: 1 }] },
});

const table: [string, KubeObject, KubeObject | undefined, ChangeDecision][] = [
  ['a new object', object({}), undefined, 'reconcile'],
  ['an object that is settled, after the index was lost', object({ ready: true }), undefined, 'index'],
  ['… but asked for meanwhile', object({ ready: true, requestedAt: 't1' }), undefined, 'reconcile'],
  ['… asked for and answered', object({ ready: true, requestedAt: 't1', handled: 't1' }), undefined, 'index'],
  ['… with our artifact', object({ ready: true, artifact: 'https://sluice/artifacts/a' }), undefined, 'index'],
  [
    '… with an artifact of Flux',
    object({ ready: true, artifact: 'http://source-controller/a' }),
    undefined,
    'reconcile',
  ],
  ['an artifact of others', external('v1', '1'), undefined, 'wake'],
  ['… that has none yet', external(undefined, '1'), undefined, 'index'],
  ['… with a new revision', external('v2', '2'), external('v1', '1'), 'wake'],
  ['… with the same', external('v1', '2'), external('v1', '1'), 'index'],
  ['a generation that is told in the conditions', generator('1'), undefined, 'index'],
  ['suspended by annotation', generator('2', 'Disabled'), generator('1'), 'reconcile'],
  ['resumed', generator('2', 'enabled'), generator('1', 'disabled'), 'reconcile'],
  ['what was seen already', object({}), object({}), 'nothing'],
  ['a status write', object({ resourceVersion: '11', ready: true }), object({}), 'nothing'],
  ['a new generation', object({ resourceVersion: '11', generation: 2 }), object({}), 'reconcile'],
  ['a request', object({ resourceVersion: '11', requestedAt: 't2' }), object({ requestedAt: 't1' }), 'reconcile'],
  ['the same request', object({ resourceVersion: '11', requestedAt: 't1' }), object({ requestedAt: 't1' }), 'nothing'],
  [
    'a request that is handled',
    object({ resourceVersion: '11', requestedAt: 't2', handled: 't2' }),
    object({}),
    'nothing',
  ],
  [
    'deletion',
    object({ resourceVersion: '11', generation: 2, deleting: true, finalizers: ['f'] }),
    object({}),
    'reconcile',
  ],
  [
    'a status write during deletion',
    object({ resourceVersion: '12', generation: 2, deleting: true, finalizers: ['f'] }),
    object({ generation: 2 }),
    'nothing',
  ],
  ['deletion that nothing holds up', object({ resourceVersion: '11', deleting: true }), object({}), 'nothing'],
  ['a namesake', object({ resourceVersion: '11', uid: 'u2' }), object({}), 'reconcile'],
];

for (const [name, now, before, expected] of table)
  test(`${name}: ${expected}`, () =>
    assert.equal(decideChange(now, before && known(before), 'https://sluice'), expected));
