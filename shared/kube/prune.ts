import { groupOf, type KubeObject } from '../api/object.ts';
import type { Cluster, DeleteOptions } from '../ports/cluster.ts';
import type { Change } from './change.ts';
import { type InventoryEntry, refOfEntry } from './inventory.ts';
import { settleAll } from './limiter.ts';
import { identityOf, type ObjectRef, subjectOf } from './object-id.ts';
import { isOwnedBy, type Owner, ownerSelector, policyOf } from './policy.ts';
import { readLive } from './read-live.ts';
import { compareRefs, stageOf, stages, waveOf } from './stages.ts';

export interface PruneOptions {
  owner: Owner;
  /** Default Background. */
  propagation?: NonNullable<DeleteOptions['propagation']>;
}

export interface PruneResult {
  changes: Change[];
  /** Entries whose deletion the server did not confirm: they stay in the inventory, to be tried again. */
  kept: InventoryEntry[];
  /** Set when anything was refused. */
  error?: PruneError;
}

/** Objects that could not be deleted. The others were. */
export class PruneError extends Error {
  readonly code = 'PruneFailed';
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'PruneError';
  }
}

/** The object could not even be read. */
class QueryFailed extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

interface Candidate {
  entry: InventoryEntry;
  ref: ObjectRef;
}

/**
 * Deletes what the entries name, in the reverse order of applying. Objects that the owner's labels do not claim, or that
 * opt out by annotation, are left alone; what is gone already counts as deleted.
 */
export async function prune(
  cluster: Cluster,
  entries: readonly InventoryEntry[],
  options: PruneOptions,
): Promise<PruneResult> {
  const candidates: Candidate[] = [];
  for (const entry of entries) candidates.push({ entry, ref: await served(cluster, refOfEntry(entry)) });
  candidates.sort((a, b) => compareRefs(b.ref, a.ref));
  const result: PruneResult = { changes: [], kept: [] };
  const failures: string[] = [];
  let cause: unknown;
  const live = await readCandidates(cluster, candidates, options.owner);
  for (const group of inReverse(candidates)) {
    const outcomes = await settleAll(group, 24, async ({ ref }) => {
      const unread = live.failed.get(identityOf(ref));
      if (unread) throw new QueryFailed(unread);
      return remove(cluster, ref, live.objects.get(identityOf(ref)), options);
    });
    for (const [i, outcome] of outcomes.entries()) {
      const { entry, ref } = group[i]!;
      if (outcome.status === 'fulfilled') {
        result.changes.push({ ...ref, action: outcome.value });
        continue;
      }
      result.changes.push({ ...ref, action: 'unknown' });
      result.kept.push(entry);
      const phase = outcome.reason instanceof QueryFailed ? 'query' : 'delete';
      failures.push(`${subjectOf(ref)} ${phase} failed: ${(outcome.reason as Error).message}`);
      cause ??= outcome.reason;
    }
  }
  if (failures.length > 0) result.error = new PruneError(`delete failed, errors: ${failures.join(';')};`, cause);
  return result;
}

/** The object in a version that the server has: the one it was applied in may have been removed meanwhile. */
async function served(cluster: Cluster, ref: ObjectRef): Promise<ObjectRef> {
  if ((await cluster.namespaced(ref)) !== undefined) return ref;
  const group = groupOf(ref.apiVersion);
  const [version] = (await cluster.servedVersions?.(group, ref.kind)) ?? [];
  return version ? { ...ref, apiVersion: group === '' ? version : `${group}/${version}` } : ref;
}

async function readCandidates(
  cluster: Cluster,
  candidates: readonly Candidate[],
  owner: Owner,
): Promise<{ objects: Map<string, KubeObject>; failed: Map<string, Error> }> {
  const refs = candidates.map(({ ref }) => ref);
  const live = await readLive(cluster, refs, {
    labelSelector: ownerSelector(owner),
    metadataOnly: true,
    tolerant: true,
  });
  // Without our label, or gone: the report tells them apart.
  const hidden = refs.filter(ref => live.unseen.has(identityOf(ref)));
  const found = await readLive(cluster, hidden, { maxGets: Number.POSITIVE_INFINITY, tolerant: true });
  return {
    objects: new Map([...live.objects, ...found.objects]),
    failed: new Map([...live.failed, ...found.failed]),
  };
}

/** Groups to delete one after the other; objects of a group are independent. */
function inReverse(candidates: readonly Candidate[]): Candidate[][] {
  const groups = new Map<number, Candidate[]>();
  for (const candidate of candidates) {
    const position = stages.indexOf(stageOf(candidate.ref)) * 10 + waveOf(candidate.ref);
    groups.set(position, [...(groups.get(position) ?? []), candidate]);
  }
  return [...groups].sort(([a], [b]) => b - a).map(([, group]) => group);
}

async function remove(
  cluster: Cluster,
  ref: ObjectRef,
  live: KubeObject | undefined,
  options: PruneOptions,
): Promise<'deleted' | 'skipped'> {
  if (!live) return 'deleted';
  const policy = policyOf(options.owner.group);
  if (!isOwnedBy(live, options.owner) || policy.pruneDisabled(live) || policy.excluded(live)) return 'skipped';
  const { uid } = live.metadata;
  // The object that was looked at, and no other that took its name meanwhile.
  await cluster.delete(ref, ref.namespace, ref.name, {
    propagation: options.propagation ?? 'Background',
    ...(uid ? { uid } : {}),
  });
  return 'deleted';
}
