import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../api/object.ts';
import { decodeSet, encodeSet, pathsOf, pathText } from './field-set.ts';
import { trackUpdate } from './managed-fields.ts';
import { anyObject } from './schema.ts';
import { ApplyConflict, ApplyError, serverSideApply } from './server-side-apply.ts';

const object = (spec: object, more: object = {}): KubeObject => ({
  apiVersion: 'x/v1',
  kind: 'X',
  metadata: { name: 'n', uid: 'u', ...more },
  spec,
});

test('FieldsV1 is read and written in the order of the API server', () => {
  const fields = { 'f:b': {}, 'f:a': { 'k:{"port":80}': { '.': {}, 'f:x': {} }, 'k:{"port":9}': {}, 'v:"w"': {} } };
  const set = decodeSet(structuredClone(fields));
  assert.deepEqual(encodeSet(set), fields);
  assert.deepEqual(pathsOf(set).map(pathText), ['.b', '.a[port=9]', '.a[port=80]', '.a[="w"]', '.a[port=80].x']);
});

test('the eleventh updater folds the oldest ones together', () => {
  let live: KubeObject | undefined;
  for (let i = 0; i < 14; i++) {
    const now = `2026-01-01T00:00:${String(i).padStart(2, '0')}Z`;
    const next = object({ ...live?.spec, [`f${i}`]: i }, live ? { managedFields: live.metadata.managedFields } : {});
    live = trackUpdate({ live, next, manager: `m${i}`, schema: anyObject, now });
  }
  const entries = live!.metadata.managedFields!;
  assert.equal(entries.length, 10);
  const bucket = entries.find(entry => entry.manager === 'ancient-changes');
  assert.deepEqual(Object.keys(bucket!.fieldsV1['f:spec'] as object), ['.', 'f:f0', 'f:f1', 'f:f2', 'f:f3', 'f:f4']);
});

test('a write of what is there keeps the times', () => {
  const live = trackUpdate({ next: object({ a: 1 }), manager: 'm', schema: anyObject, now: '2026-01-01T00:00:00Z' });
  const again = trackUpdate({
    live,
    next: object({ a: 1 }),
    manager: 'm',
    schema: anyObject,
    now: '2026-01-02T00:00:00Z',
  });
  assert.deepEqual(again, live);
  const applied = { apiVersion: 'x/v1', kind: 'X', metadata: { name: 'n' }, spec: { a: 1 } };
  const first = serverSideApply({
    live,
    applied,
    manager: 'a',
    force: true,
    schema: anyObject,
    now: '2026-01-02T00:00:00Z',
  });
  const second = serverSideApply({
    live: first,
    applied,
    manager: 'a',
    force: true,
    schema: anyObject,
    now: '2026-01-03T00:00:00Z',
  });
  assert.equal(second, first);
});

test('conflicts name managers and fields', () => {
  const live = trackUpdate({
    next: object({ a: 1, b: 2 }),
    manager: 'kubectl',
    schema: anyObject,
    now: '2026-01-01T00:00:00Z',
  });
  const applied = { apiVersion: 'x/v1', kind: 'X', metadata: { name: 'n' }, spec: { a: 2, b: 3 } };
  const run = () =>
    serverSideApply({ live, applied, manager: 'a', force: false, schema: anyObject, now: '2026-01-02T00:00:00Z' });
  assert.throws(run, (error: ApplyConflict) => {
    assert.equal(
      error.message,
      'Apply failed with 2 conflicts: conflicts with "kubectl" using x/v1:\n- .spec.a\n- .spec.b',
    );
    assert.deepEqual(
      error.causes.map(cause => cause.field),
      ['.spec.a', '.spec.b'],
    );
    return error instanceof ApplyConflict;
  });
});

test('an entry of a version that is gone is dropped', () => {
  const live = trackUpdate({
    next: { ...object({ a: 1 }), apiVersion: 'x/v1beta1' },
    manager: 'm',
    schema: anyObject,
    now: '2026-01-01T00:00:00Z',
  });
  const next = trackUpdate({
    live,
    next: object({ a: 1, b: 1 }),
    manager: 'n',
    schema: anyObject,
    now: '2026-01-02T00:00:00Z',
    served: version => version === 'x/v1',
  });
  assert.deepEqual(
    next.metadata.managedFields!.map(entry => entry.manager),
    ['n'],
  );
});

test('managedFields cannot be applied', () => {
  const applied = object({}, { managedFields: [] });
  assert.throws(() => serverSideApply({ applied, manager: 'a', force: false, schema: anyObject, now: '' }), ApplyError);
});
