/** The queues, from the sender's side. Receiving is Lambda's event source mapping, or the local host's poller. */

/** FIFO queues of the controllers; each has a dead-letter queue. */
export type QueueName = 'source' | 'kustomize' | 'notification';

export interface QueueMessage {
  queue: QueueName;
  /** Message group: messages of one group are delivered in order, never two at a time. Adapters hash what SQS refuses. */
  group: string;
  /**
   * Deduplication id: a second message of the group with the same id within five minutes is dropped (one of another group may
   * be: on one machine it is, on AWS it is not). Carries the delivery or the time.
   */
  dedup: string;
  /** At most 1 MiB of UTF-8. */
  body: string;
}

export interface Queue {
  /** Sends all, in as few calls as possible. Throws when any could not be sent. */
  send(messages: QueueMessage[]): Promise<void>;
  /**
   * Delivers the message to its FIFO queue after `delaySeconds` (1 to 900), by way of the standard timer queue.
   * Duplicates and lateness are possible; a lost timer is made good by the index's `dueAt`.
   */
  sendLater(message: QueueMessage, delaySeconds: number): Promise<void>;
}
