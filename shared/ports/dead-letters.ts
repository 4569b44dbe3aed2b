import type { QueueName } from './queue.ts';

/** The queues whose messages can be given up; each has a dead-letter queue. */
export const deadLetterQueues = ['source', 'kustomize', 'notification', 'timer'] as const satisfies (
  | QueueName
  | 'timer'
)[];
export type DeadLetterQueue = (typeof deadLetterQueues)[number];

/** A message in a dead-letter queue. */
export interface DeadLetter {
  id: string;
  /** The queue it was given up by. */
  queue: DeadLetterQueue;
  /** Its message group, as the queue has it; '' for those of `timer`. */
  group: string;
  body: string;
  /** Epoch ms at which it was first sent. */
  sentAt: number;
}

export interface DeadLettersFound {
  /** Those that can be had, by queue and age. */
  letters: DeadLetter[];
  /** How many more there are, about: somebody else looks at them, or they wait behind such a one of their group. */
  hidden: number;
}

/** The dead-letter queues for someone who looks at them by hand, beside the function that looks at them by itself. */
export interface DeadLetters {
  /** Looks; waits up to `waitSeconds` for what somebody else looks at. */
  find(queues: readonly DeadLetterQueue[], waitSeconds: number): Promise<DeadLettersFound>;
  /**
   * Puts a letter that was found back into the queue that gave it up: same group and body, new ids, so that nothing takes
   * it for a duplicate. False, and nothing is done, when somebody else has it by now or it is gone.
   */
  resend(letter: DeadLetter): Promise<boolean>;
  /** Deletes a letter that was found. False as for `resend`. */
  drop(letter: DeadLetter): Promise<boolean>;
  close(): void;
}
