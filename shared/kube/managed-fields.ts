import type { KubeObject, ManagedFieldsEntry } from '../api/object.ts';
import { appliedEntry } from './unchanged.ts';

type Fields = Record<string, unknown>;

/** A JSON patch operation (RFC 6902). */
export interface PatchOperation {
  op: 'add' | 'remove' | 'replace' | 'test';
  path: string;
  value?: unknown;
}

/** Whose changes are undone: managers whose name begins so. */
export interface ForeignManager {
  prefix: string;
  operation: 'Apply' | 'Update';
}

/** kubectl in its two ways of applying (edit, patch and scale included), and what the controller wrote before it applied. */
export function kubectlManagers(manager: string): ForeignManager[] {
  return [
    { prefix: 'kubectl', operation: 'Apply' },
    { prefix: 'kubectl', operation: 'Update' },
    { prefix: 'before-first-apply', operation: 'Update' },
    { prefix: manager, operation: 'Update' },
  ];
}

const staleAnnotations = [
  'kubectl.kubernetes.io/last-applied-configuration',
  'kustomize.toolkit.fluxcd.io/checksum',
  'fluxcd.io/sync-checksum',
];
const staleLabels = ['fluxcd.io/sync-gc-mark'];

/**
 * The patch that makes ours what kubectl owns, so that the next apply removes what the manifest does not name. Empty
 * when there is nothing to undo. Holds the resourceVersion: of two writers the later one gets a conflict.
 */
export function cleanupPatch(live: KubeObject, manager: string, foreign: readonly ForeignManager[]): PatchOperation[] {
  const patch: PatchOperation[] = [];
  for (const key of staleAnnotations)
    if (live.metadata.annotations?.[key] !== undefined)
      patch.push({ op: 'remove', path: `/metadata/annotations/${escapePointer(key)}` });
  for (const key of staleLabels)
    if (live.metadata.labels?.[key] !== undefined)
      patch.push({ op: 'remove', path: `/metadata/labels/${escapePointer(key)}` });
  const entries = takenOver(live, manager, foreign);
  if (entries) patch.push({ op: 'replace', path: '/metadata/managedFields', value: entries });
  if (patch.length > 0 && live.metadata.resourceVersion)
    patch.push({ op: 'replace', path: '/metadata/resourceVersion', value: live.metadata.resourceVersion });
  return patch;
}

function takenOver(
  live: KubeObject,
  manager: string,
  foreign: readonly ForeignManager[],
): ManagedFieldsEntry[] | undefined {
  let own = appliedEntry(live, manager);
  const others: ManagedFieldsEntry[] = [];
  let taken = false;
  for (const entry of live.metadata.managedFields ?? []) {
    if (entry === own) continue;
    const isForeign =
      !entry.subresource && foreign.some(f => f.operation === entry.operation && entry.manager.startsWith(f.prefix));
    if (!isForeign) {
      others.push(entry);
      continue;
    }
    own = own
      ? { ...own, fieldsV1: unionFields(own.fieldsV1, entry.fieldsV1) }
      : { ...entry, manager, operation: 'Apply' };
    taken = true;
  }
  return taken && own ? [...others, own] : undefined;
}

/**
 * The union of two field sets. In their notation an empty node is a field owned itself; a node with children is owned
 * itself only when it holds `.`.
 */
export function unionFields(a: Fields, b: Fields): Fields {
  const union: Fields = { ...a };
  for (const [key, theirs] of Object.entries(b)) {
    const ours = union[key] as Fields | undefined;
    union[key] = ours === undefined ? theirs : unionNode(ours, theirs as Fields);
  }
  return union;
}

function unionNode(a: Fields, b: Fields): Fields {
  const joined = unionFields(a, b);
  const owned = [a, b].some(node => Object.keys(node).length === 0 || '.' in node);
  return owned && Object.keys(joined).length > 0 ? { '.': {}, ...joined } : joined;
}

export function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
