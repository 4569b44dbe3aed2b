import type { QueueName } from '../ports/queue.ts';

/** The other side of the Queue port: what Lambda's event source mapping does with SQS, and the local host with SQLite. */
export interface QueueConsumer {
  /**
   * Takes messages; they stay invisible until deleted, released, or `visibilitySeconds` have passed. Messages of one
   * group come in order, and none while another of the group is in flight. A message that was received three times and
   * not deleted goes to the queue's dead-letter queue instead.
   */
  receive(queue: ReceivableQueue, options: ReceiveOptions): Promise<ReceivedMessage[]>;
  /** False when the handle is no longer the message's latest: another receive has it now. */
  delete(queue: ReceivableQueue, handle: string): Promise<boolean>;
  /** Makes the message visible again after `delaySeconds` (ChangeMessageVisibility). */
  release(queue: ReceivableQueue, handle: string, delaySeconds?: number): Promise<boolean>;
}

/** `timer` is the standard queue whose messages are forwarded to the FIFO queues when their delay is over. */
export type WorkQueue = QueueName | 'timer';
export type ReceivableQueue = WorkQueue | `${WorkQueue}-dlq`;

/** What lies there was given up by its worker, and is not given up again. */
export function isDeadLetterQueue(queue: string): boolean {
  return queue.endsWith('-dlq');
}

export interface ReceiveOptions {
  /** SQS gives at most 10 a call; the embedded queue as many as are asked for. */
  max: number;
  visibilitySeconds: number;
  /** Only what belongs to this lane (fair-share.ts): for the one consumer that shares itself between clusters. */
  lane?: string;
  /** At most so many of one group; 1 = what that many pollers with batch size 1 would get. Default: `max`. */
  perGroup?: number;
}

export interface ReceivedMessage {
  id: string;
  queue: ReceivableQueue;
  group: string;
  dedup: string;
  body: string;
  handle: string;
  /** 1 at the first delivery. */
  receiveCount: number;
  /** Not deleted now, it goes to the dead-letter queue. */
  final: boolean;
  /** Epoch ms. */
  sentAt: number;
  firstReceivedAt: number;
  /** Grows with every message of the queue. */
  sequence: number;
}

/** Receives after which a message goes to the dead-letter queue. */
export const maxReceives = 3;
/**
 * Receives that do not count towards that because the process or thread died meanwhile, at most: on one machine messages
 * share them, and one that kills its worker must not take those beside it along. (On Lambda each has its own.)
 */
export const maxPardons = 3;
/** How long a deduplication id is remembered. */
export const dedupSeconds = 300;
