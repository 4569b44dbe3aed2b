import { findCondition } from '../../api/conditions.ts';
import { formatDuration } from '../../api/duration.ts';
import type { Kustomization } from '../../api/kustomize/kustomization.ts';
import type { KubeObject } from '../../api/object.ts';
import { changesText } from '../../kube/change.ts';
import { checkHealth } from '../../kube/health.ts';
import { type InventoryEntry, refOfEntry } from '../../kube/inventory.ts';
import { type ObjectRef, subjectOf } from '../../kube/object-id.ts';
import { prune } from '../../kube/prune.ts';
import { messageOfError } from '../../reconcile/errors.ts';
import type { Outcome } from '../../reconcile/outcome.ts';
import { rfc3339 } from '../../reconcile/summarize.ts';
import { inventoryOfStatus, ownerOf, type Subject, serviceAccountOf, targetOf, timeoutOf } from './subject.ts';
import { inventoryWithNotes } from './write-ahead.ts';

const done: Outcome = { type: 'done', reason: 'Succeeded', message: 'finalized' };

/** Deletes what the Kustomization applied, if its deletion policy says so, before the object itself may go. */
export async function finalizeKustomization(subject: Subject): Promise<Outcome> {
  const { object, clock, key, ports, status } = subject;
  if (!deletes(object)) return done;
  const recorded = inventoryOfStatus(status);
  const { entries } = await inventoryWithNotes(ports.store, { key, uid: object.metadata.uid ?? '', recorded });
  if (entries.length === 0) return done;
  if (!(await canImpersonate(subject))) return leaveBehind(subject, entries);
  const waiting = object.spec.deletionPolicy === 'WaitForTermination';
  const begun = waiting ? terminationBegun(object) : undefined;
  if (begun === undefined) {
    const result = await prune(targetOf(subject), entries, { owner: ownerOf(object) });
    if (result.error) return pruneFailed(subject, result.error);
    if (result.changes.length > 0) tell(subject, 'info', changesText(result.changes));
  }
  return waiting ? awaitTermination(subject, entries, begun ?? clock.now()) : done;
}

/** Whether what was applied goes with the Kustomization. A suspended one leaves everything as it is. */
export function deletes({ spec }: Kustomization): boolean {
  if (spec.suspend) return false;
  switch (spec.deletionPolicy ?? 'MirrorPrune') {
    case 'MirrorPrune':
      return spec.prune;
    case 'Delete':
    case 'WaitForTermination':
      return true;
    case 'Orphan':
      return false;
  }
}

/** Without its service account nothing can be deleted in its name any more, and the object must not hang for that. */
async function canImpersonate(subject: Subject): Promise<boolean> {
  const name = serviceAccountOf(subject);
  if (!name) return true;
  const namespace = subject.object.metadata.namespace ?? '';
  return (await subject.cluster.get({ apiVersion: 'v1', kind: 'ServiceAccount' }, namespace, name)) !== undefined;
}

function leaveBehind(subject: Subject, entries: readonly InventoryEntry[]): Outcome {
  const names = entries.map(entry => subjectOf(refOfEntry(entry))).join('\n');
  tell(subject, 'error', `unable to prune objects: \n${names}`);
  return done;
}

function pruneFailed(subject: Subject, error: Error): Outcome {
  tell(subject, 'error', 'pruning for deleted resource failed');
  return { type: 'failed', reason: 'PruneFailed', message: messageOfError(error), error };
}

const terminating = 'Terminating';

/** When the deletion of the objects was asked for by an earlier invocation: written into the Reconciling condition. */
function terminationBegun(object: Kustomization): number | undefined {
  const condition = findCondition(object as unknown as KubeObject, 'Reconciling');
  return condition?.message.startsWith(terminating) ? Date.parse(condition.lastTransitionTime) : undefined;
}

async function awaitTermination(subject: Subject, entries: readonly InventoryEntry[], begun: number): Promise<Outcome> {
  const refs: ObjectRef[] = entries.map(refOfEntry);
  const left = await stillThere(subject, refs);
  if (left.length === 0) return done;
  if (subject.clock.now() - begun >= timeoutOf(subject.object)) {
    subject.log.warn('objects did not go in time', { since: rfc3339(begun), left: left.map(subjectOf) });
    tell(subject, 'error', 'failed to wait for resources termination');
    return done;
  }
  const message = `${terminating} ${refs.length} objects with a timeout of ${formatDuration(timeoutOf(subject.object))}`;
  return { type: 'waiting', ready: 'Unknown', reason: 'Progressing', message, afterMs: 2000 };
}

/** Objects that are being deleted; those that were left alone (annotations, other owners) have nothing to wait for. */
async function stillThere(subject: Subject, refs: readonly ObjectRef[]): Promise<ObjectRef[]> {
  const results = await checkHealth(targetOf(subject), refs);
  return results.filter(({ object }) => object?.metadata.deletionTimestamp !== undefined).map(({ ref }) => ref);
}

function tell(subject: Subject, severity: 'info' | 'error', message: string): void {
  const { lastAppliedRevision: revision = '', lastAppliedOriginRevision: originRevision = '' } = subject.object.status;
  const reason = findCondition(subject.object as unknown as KubeObject, 'Ready')?.reason ?? severity;
  subject.event({
    severity,
    reason,
    message,
    // Empty ones are left out.
    metadata: { revision, originRevision },
  });
}
