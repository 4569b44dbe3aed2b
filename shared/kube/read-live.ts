import type { KubeObject } from '../api/object.ts';
import { ApiError, type Cluster, type ListOptions } from '../ports/cluster.ts';
import { settleAll } from './limiter.ts';
import { identityOf, type ObjectRef } from './object-id.ts';

/** Up to this many objects of a kind are read one by one; more, by one list. */
const maxGets = 2;

export interface ReadOptions {
  /** Selects the wanted objects, when they carry a label: the list then returns little else. */
  labelSelector?: string;
  /** A label that the wanted objects most likely carry, by which single reads may be answered together with those of others. */
  label?: { key: string; value: string };
  metadataOnly?: boolean;
  /** Refusals of the server go into `failed`, instead of being thrown. */
  tolerant?: boolean;
  /** How many single reads are cheaper than a list. */
  maxGets?: number;
}

/** What was read: objects by identity, and the identities that a selector may have hidden. */
export interface Live {
  objects: Map<string, KubeObject>;
  /** Not in a list by label: absent, or there without the label. */
  unseen: Set<string>;
  /** What could not be read, with `tolerant`. */
  failed: Map<string, ApiError>;
}

/**
 * The objects that exist, in as few calls as possible: per kind one list (of the namespace, when all are in one), or
 * single reads when they are few. Who may read single objects only (an impersonated account) is served by single reads.
 */
export async function readLive(cluster: Cluster, refs: readonly ObjectRef[], options: ReadOptions = {}): Promise<Live> {
  const live: Live = { objects: new Map(), unseen: new Set(), failed: new Map() };
  const results = await settleAll(groups(refs), 16, group => readGroup(cluster, group, options, live));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return live;
}

function groups(refs: readonly ObjectRef[]): ObjectRef[][] {
  const byKind = new Map<string, ObjectRef[]>();
  for (const ref of refs) {
    const key = `${ref.apiVersion}/${ref.kind}`;
    byKind.set(key, [...(byKind.get(key) ?? []), ref]);
  }
  return [...byKind.values()];
}

async function readGroup(cluster: Cluster, refs: ObjectRef[], options: ReadOptions, live: Live): Promise<void> {
  if (refs.length > (options.maxGets ?? maxGets) && (await listed(cluster, refs, options, live))) return;
  const results = await settleAll(refs, 16, async ref => {
    try {
      const object =
        options.label && cluster.getShared
          ? await cluster.getShared(ref, ref.namespace, ref.name, options.label)
          : await cluster.get(ref, ref.namespace, ref.name);
      if (object) live.objects.set(identityOf(ref), object);
    } catch (error) {
      if (!options.tolerant || !(error instanceof ApiError)) throw error;
      live.failed.set(identityOf(ref), error);
    }
  });
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** False when the account may not list. */
async function listed(cluster: Cluster, refs: ObjectRef[], options: ReadOptions, live: Live): Promise<boolean> {
  const first = refs[0]!;
  const namespace = refs.every(ref => ref.namespace === first.namespace) ? first.namespace : undefined;
  const query: ListOptions = {
    ...(namespace ? { namespace } : {}),
    ...(options.labelSelector ? { labelSelector: options.labelSelector } : {}),
    ...(options.metadataOnly ? { metadataOnly: true } : {}),
  };
  try {
    const wanted = new Set(refs.map(identityOf));
    for (const object of (await cluster.list(first, query)).items) {
      const { namespace: of, name } = object.metadata;
      const identity = identityOf({ ...first, ...(of ? { namespace: of } : {}), name });
      if (wanted.delete(identity)) live.objects.set(identity, object);
    }
    if (options.labelSelector) for (const identity of wanted) live.unseen.add(identity);
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // An unknown kind has no objects.
    if (error.status === 404) return true;
    if (error.status === 403) return false;
    throw error;
  }
}
