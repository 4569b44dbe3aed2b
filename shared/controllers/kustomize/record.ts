import type { Outcome } from '../../reconcile/outcome.ts';
import { withReconcile } from './history.ts';
import { retryAfter, revisionMetadata, type Work } from './subject.ts';

/** Puts the reconcile into `status.history`, once there are manifests whose history it is. */
export function record(work: Work, status: string): void {
  if (!work.digest) return;
  const at = work.clock.now();
  work.status.history = withReconcile(work.status.history, {
    digest: work.digest,
    status,
    at,
    durationMs: at - work.startedAt,
    metadata: revisionMetadata(work.artifact),
  });
}

/** A failure that is recorded in the history, and tried again after the retry interval. */
export function failed(work: Work, reason: string, message: string, error?: unknown): Outcome {
  record(work, reason);
  const metadata = revisionMetadata(work.artifact);
  return { type: 'failed', reason, message, error, metadata, afterMs: retryAfter(work.object) };
}
