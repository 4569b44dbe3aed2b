import { formatDuration } from '../../api/duration.ts';
import { type ApplySetResult, applySet } from '../../kube/apply.ts';
import { ApplyError } from '../../kube/apply-error.ts';
import { changesText, hasChanged } from '../../kube/change.ts';
import {
  diffInventory,
  type InventoryEntry,
  inventoryEntry,
  inventoryOf,
  mergeInventory,
} from '../../kube/inventory.ts';
import { prune } from '../../kube/prune.ts';
import { findError, messageOfError } from '../../reconcile/errors.ts';
import type { Outcome } from '../../reconcile/outcome.ts';
import { failed } from './record.ts';
import { inventoryOfStatus, ownerOf, revisionMetadata, targetOf, timeoutOf, type Work } from './subject.ts';
import { dropServed, inventoryWithNotes, type Noted, type NoteSubject, noteFailed, noteNew } from './write-ahead.ts';

/** Applies what was built, deletes what is no longer in it, and records both in the inventory. */
export async function applyManifests(work: Work): Promise<Outcome | undefined> {
  const { artifact, object, objects, ports, key } = work;
  if (!artifact || !objects) throw new Error('there are no manifests');
  work.stage(
    `Detecting drift for revision ${artifact.revision} with a timeout of ${formatDuration(timeoutOf(object))}`,
  );
  const subject: NoteSubject = { key, uid: object.metadata.uid ?? '', recorded: inventoryOfStatus(work.status) };
  const before = await inventoryWithNotes(ports.store, subject);
  await noteNew(ports.store, subject, before, inventoryOf(objects));
  let applied: ApplySetResult;
  try {
    applied = await applySet(targetOf(work), objects, {
      manager: 'kustomize-controller',
      owner: ownerOf(object),
      force: object.spec.force ?? false,
      inventory: before.entries,
      signal: work.signal,
      clock: work.clock,
      ignore: object.spec.ignore ?? [],
    });
  } catch (error) {
    return applyFailed(work, subject, before, error);
  }
  work.applied = applied;
  const changed = applied.changes.filter(hasChanged);
  if (changed.length > 0) tell(work, changesText(changed));
  const outcome = await removeStale(work, before.entries, applied.inventory);
  if (!outcome) await dropServed(ports.store, subject, before, applied.inventory);
  return outcome;
}

/** What was written before the failure is in the cluster, so it belongs to the inventory like what was there before. */
async function applyFailed(work: Work, subject: NoteSubject, before: Noted, error: unknown): Promise<Outcome> {
  const failure = findError(error, ApplyError);
  if (failure) {
    const entries = mergeInventory(failure.changes.map(inventoryEntry), subject.recorded);
    if (entries.length > 0 || work.status.inventory) work.status.inventory = { entries };
    await noteFailed(work.ports.store, subject, before, entries);
  }
  const written = (failure?.changes ?? []).filter(hasChanged);
  const message = `${messageOfError(error)}${written.length > 0 ? `\n${changesText(written)}` : ''}`;
  return failed(work, 'ReconciliationFailed', message, error);
}

async function removeStale(work: Work, before: InventoryEntry[], next: InventoryEntry[]): Promise<Outcome | undefined> {
  work.status.inventory = { entries: next };
  const stale = diffInventory(before, next);
  if (stale.length === 0 || !work.object.spec.prune) return undefined;
  const pruned = await prune(targetOf(work), stale, { owner: ownerOf(work.object) });
  // Objects that opt out are told once, too: from now on they are nobody's.
  if (pruned.changes.length > 0) tell(work, changesText(pruned.changes));
  if (!pruned.error) return undefined;
  // Refused deletions are tried again: they stay in the inventory.
  work.status.inventory = { entries: mergeInventory(next, pruned.kept) };
  return failed(work, 'PruneFailed', messageOfError(pruned.error), pruned.error);
}

/** Events are sent when the status is written, which may be after a wait for health; the log has it at once. */
function tell(work: Work, message: string): void {
  work.changed = true;
  work.log.info('applied', { revision: work.artifact?.revision, changes: shortened(message.trim().split('\n')) });
  work.event({ severity: 'info', reason: 'Progressing', message, metadata: revisionMetadata(work.artifact) });
}

function shortened(lines: readonly string[]): string {
  return lines.length <= 2 ? lines.join(', ') : `${lines.length} changes`;
}
