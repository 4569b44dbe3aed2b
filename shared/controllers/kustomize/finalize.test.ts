import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kustomization } from '../../api/kustomize/kustomization.ts';
import { deletes } from './finalize.ts';

const table: [Partial<Kustomization['spec']>, boolean][] = [
  [{ prune: true }, true],
  [{ prune: false }, false],
  [{ prune: true, deletionPolicy: 'MirrorPrune' }, true],
  [{ prune: false, deletionPolicy: 'MirrorPrune' }, false],
  [{ prune: false, deletionPolicy: 'Delete' }, true],
  [{ prune: false, deletionPolicy: 'WaitForTermination' }, true],
  [{ prune: true, deletionPolicy: 'Orphan' }, false],
  [{ prune: true, deletionPolicy: 'Delete', suspend: true }, false],
];
for (const [spec, expected] of table)
  test(`${JSON.stringify(spec)}: ${expected ? 'deletes' : 'leaves'}`, () =>
    assert.equal(deletes({ spec } as Kustomization), expected));
