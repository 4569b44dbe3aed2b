import { createHash } from 'node:crypto';
import * as z from 'zod';
import { keyString, type ObjectKey } from '../api/object.ts';
import type { QueueMessage, QueueName } from '../ports/queue.ts';

/** "Look at this object": the only message controllers get (design, section 4). */
export const WorkItem = z.strictObject({
  type: z.literal('reconcile'),
  cluster: z.string(),
  kind: z.string(),
  namespace: z.string(),
  name: z.string(),
  /** Why it was sent: webhook, interval, change, dependency, timer, retry, resync. */
  reason: z.string(),
  /** The trace that began at the webhook or the schedule. */
  trace: z.string(),
  /** Epoch ms. */
  sentAt: z.number(),
  /** Epoch ms at which its timer should bring it; absent for what was sent at once. */
  dueAt: z.number().optional(),
  /** Value of `reconcile.fluxcd.io/requestedAt` that caused it. */
  requestedAt: z.string().optional(),
  /** How often it has failed in a row; carried by the retry's timer, so that the backoff needs no store. */
  attempt: z.number().int().nonnegative().optional(),
  /**
   * An attempt before it ended without a word in the status, since the cluster did not answer: what that one did may be in
   * the cluster all the same, and whom it had to wake may sleep. To be treated as a message that is delivered again.
   */
  unfinished: z.boolean().optional(),
});
export type WorkItem = z.infer<typeof WorkItem>;

/** The queue whose worker reconciles a kind. Throws for a kind that no controller reconciles. */
export function queueOf(kind: string): QueueName {
  const queue = queues[kind];
  if (!queue) throw new Error(`no controller reconciles ${kind}`);
  return queue;
}

/** Whether a controller of ours reconciles objects of the kind. */
export function isReconciled({ kind }: Pick<ObjectKey, 'kind'>): boolean {
  return Object.hasOwn(queues, kind);
}

const queues: Record<string, QueueName> = {
  GitRepository: 'source',
  OCIRepository: 'source',
  Bucket: 'source',
  HelmRepository: 'source',
  HelmChart: 'source',
  ExternalArtifact: 'source',
  ArtifactGenerator: 'source',
  Kustomization: 'kustomize',
  Receiver: 'notification',
  Provider: 'notification',
  Alert: 'notification',
};

export function workItem(
  key: ObjectKey,
  cause: Pick<WorkItem, 'reason' | 'trace' | 'sentAt' | 'dueAt' | 'requestedAt' | 'attempt' | 'unfinished'>,
): WorkItem {
  const { cluster, kind, namespace, name } = key;
  return { type: 'reconcile', cluster, kind, namespace, name, ...cause };
}

/**
 * The message that carries a work item. The deduplication id holds the trace and the time: two pushes a second apart are
 * two messages (the second may bring what the first did not see), the same delivery sent twice is one.
 */
export function messageOf(item: WorkItem): QueueMessage {
  const group = keyString(item);
  const dedup = createHash('sha256').update(`${group}|${item.reason}|${item.trace}|${item.sentAt}`).digest('hex');
  return { queue: queueOf(item.kind), group, dedup, body: JSON.stringify(item) };
}
