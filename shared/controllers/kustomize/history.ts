import { formatDuration } from '../../api/duration.ts';
import { rfc3339 } from '../../reconcile/summarize.ts';

interface Snapshot {
  digest: string;
  firstReconciled: string;
  lastReconciled: string;
  lastReconciledDuration: string;
  lastReconciledStatus: string;
  totalReconciliations: number;
  metadata?: Record<string, string>;
}

const maxSnapshots = 5;

/**
 * `status.history` with one more reconcile: that of the same manifests with the same result is counted up and comes to the
 * front. Pure. Reconciles that found everything as it should be are not counted, since telling would cost a write each.
 */
export function withReconcile(
  history: unknown,
  reconcile: { digest: string; status: string; at: number; durationMs: number; metadata: Record<string, string> },
): Snapshot[] {
  const snapshots = Array.isArray(history) ? (history as Snapshot[]) : [];
  const { digest, status } = reconcile;
  const same = (snapshot: Snapshot) => snapshot.digest === digest && snapshot.lastReconciledStatus === status;
  const before = snapshots.find(same);
  const at = rfc3339(reconcile.at);
  const latest: Snapshot = {
    digest,
    firstReconciled: before?.firstReconciled ?? at,
    lastReconciled: at,
    lastReconciledDuration: formatDuration(reconcile.durationMs),
    lastReconciledStatus: status,
    totalReconciliations: (before?.totalReconciliations ?? 0) + 1,
    metadata: reconcile.metadata,
  };
  return [latest, ...snapshots.filter(snapshot => !same(snapshot))].slice(0, maxSnapshots);
}
