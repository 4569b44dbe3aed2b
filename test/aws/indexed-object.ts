import type { ObjectKey } from '../../shared/api/object.ts';
import type { Index, IndexedObject } from '../../shared/ports/index.ts';

/** A Kustomization of the cluster `east`. */
export function keyOf(name: string, more: Partial<ObjectKey> = {}): ObjectKey {
  return { cluster: 'east', kind: 'Kustomization', namespace: 'apps', name, ...more };
}

/** Its record, as the reconcile writes it. */
export function indexed(name: string, more: Partial<IndexedObject> = {}): IndexedObject {
  return {
    key: keyOf(name),
    uid: `6f1f2d6e-0d7c-4c0c-9a53-${name}`,
    generation: 1,
    resourceVersion: '10',
    dueAt: Number.MAX_SAFE_INTEGER,
    refs: [],
    urls: [],
    summary: {
      ready: 'True',
      reason: 'ReconciliationSucceeded',
      message: 'Applied revision: main@sha1:0123456789012345678901234567890123456789',
      revision: 'main@sha1:0123456789012345678901234567890123456789',
      suspended: false,
      createdAt: 1_790_000_000_000,
      since: 1_790_000_000_000,
    },
    ...more,
  };
}

/** All that is listed, of one cluster or of all. */
export async function listed(index: Index, cluster?: string): Promise<IndexedObject[]> {
  const found: IndexedObject[] = [];
  for await (const object of index.objects(cluster)) found.push(object);
  return found;
}
