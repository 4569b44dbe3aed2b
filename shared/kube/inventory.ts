import { groupOf, type KubeObject, versionOf } from '../api/object.ts';
import { type ObjectRef, refOf } from './object-id.ts';

/** One object of a Kustomization's `status.inventory.entries`. */
export interface InventoryEntry {
  /** `namespace_name_group_kind`; the colons that names of RBAC objects may hold are written `__`. */
  id: string;
  /** API version without its group. */
  v: string;
}

const rbac = new Set(['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding']);

export function inventoryEntry(ref: ObjectRef): InventoryEntry {
  const group = groupOf(ref.apiVersion);
  const name = group === 'rbac.authorization.k8s.io' && rbac.has(ref.kind) ? ref.name.replaceAll(':', '__') : ref.name;
  return { id: `${ref.namespace ?? ''}_${name}_${group}_${ref.kind}`, v: versionOf(ref.apiVersion) };
}

export function inventoryOf(objects: readonly KubeObject[]): InventoryEntry[] {
  return objects.map(object => inventoryEntry(refOf(object)));
}

/** The parts of an inventory id. Throws an Error that quotes an id which is none. */
export function parseInventoryId(id: string): { namespace: string; name: string; group: string; kind: string } {
  const first = id.indexOf('_');
  const last = id.lastIndexOf('_');
  const middle = id.lastIndexOf('_', last - 1);
  const namespace = id.slice(0, first);
  const name = first < middle ? id.slice(first + 1, middle).replaceAll('__', ':') : '';
  const kind = id.slice(last + 1);
  if (first < 0 || name === '' || name.includes('_') || kind === '')
    throw new Error(`unable to parse stored object metadata: "${id}" is not namespace_name_group_kind`);
  return { namespace, name, group: id.slice(middle + 1, last), kind };
}

export function refOfEntry(entry: InventoryEntry): ObjectRef {
  const { namespace, name, group, kind } = parseInventoryId(entry.id);
  return {
    apiVersion: group === '' ? entry.v : `${group}/${entry.v}`,
    kind,
    ...(namespace ? { namespace } : {}),
    name,
  };
}

/** Entries of `old` that `next` lacks: what is to be pruned. Another version of the same object is the same object. */
export function diffInventory(old: readonly InventoryEntry[], next: readonly InventoryEntry[]): InventoryEntry[] {
  const kept = new Set(next.map(entry => entry.id));
  return old.filter(entry => !kept.has(entry.id));
}

/** `first`, and what only `second` has: nothing that may exist in the cluster gets lost. */
export function mergeInventory(first: readonly InventoryEntry[], second: readonly InventoryEntry[]): InventoryEntry[] {
  return [...first, ...diffInventory(second, first)];
}
