import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../api/object.ts';
import { withCommonMetadata, withMetadata, withOwnerLabels } from './metadata.ts';

const owner = { name: 'apps', namespace: 'flux-system' };
const ownerLabels = {
  'kustomize.toolkit.fluxcd.io/name': 'apps',
  'kustomize.toolkit.fluxcd.io/namespace': 'flux-system',
};
const object = (metadata: Partial<KubeObject['metadata']> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', ...metadata },
});

describe('metadata', () => {
  it('owner labels join the others and replace those of a former owner', () => {
    const [plain, labelled] = withOwnerLabels(
      [object(), object({ labels: { app: 'x', 'kustomize.toolkit.fluxcd.io/name': 'other' } })],
      owner,
    );
    assert.deepEqual(plain?.metadata.labels, ownerLabels);
    assert.deepEqual(labelled?.metadata.labels, { app: 'x', ...ownerLabels });
  });

  it('common metadata wins over the objects', () => {
    const [result] = withCommonMetadata([object({ labels: { a: '1', b: '1' }, annotations: { c: '1' } })], {
      labels: { b: '2' },
      annotations: { c: '2', d: '2' },
    });
    assert.deepEqual(result?.metadata, {
      name: 'a',
      labels: { a: '1', b: '2' },
      annotations: { c: '2', d: '2' },
    });
  });

  it('adds no empty maps', () => {
    const objects = [object()];
    assert.equal(withCommonMetadata(objects, undefined), objects);
    assert.equal(withCommonMetadata(objects, { labels: {}, annotations: {} }), objects);
    assert.equal('annotations' in withCommonMetadata(objects, { labels: { a: 'b' } })[0]!.metadata, false);
  });

  it('the owner cannot be hidden by common labels', () => {
    const [result] = withMetadata([object()], owner, { labels: { 'kustomize.toolkit.fluxcd.io/name': 'x' } });
    assert.deepEqual(result?.metadata.labels, ownerLabels);
  });

  it('leaves the input alone', () => {
    const input = object({ labels: { a: '1' } });
    withMetadata([input], owner, { annotations: { b: '2' } });
    assert.deepEqual(input, object({ labels: { a: '1' } }));
  });
});
