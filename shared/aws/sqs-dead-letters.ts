import { randomUUID } from 'node:crypto';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Clock } from '../ports/clock.ts';
import {
  type DeadLetter,
  type DeadLetterQueue,
  type DeadLetters,
  type DeadLettersFound,
  deadLetterQueues,
} from '../ports/dead-letters.ts';
import { awsError } from './aws-error.ts';
import { sdkSettings } from './sdk-settings.ts';

/** A letter that was received and is hidden from everybody else for a while. */
export interface HeldLetter extends DeadLetter {
  /** SQS's receipt handle. */
  handle: string;
  /** Epoch ms at which others see it again. */
  until: number;
}

/** Where what is held is kept between two commands: without it, the second could not touch what the first has found. */
export interface HeldLetters {
  load(): HeldLetter[];
  save(letters: HeldLetter[]): void;
}

export interface SqsDeadLettersOptions {
  /** URLs of the queues, and of their dead-letter queues. */
  urls: Record<DeadLetterQueue, string>;
  deadLetters: Record<DeadLetterQueue, string>;
  region: string;
  held: HeldLetters;
  /** How long what was found stays hidden from others, seconds. */
  holdSeconds?: number;
  clock: Clock;
}

/** As long as the dead-letter function hides what it has looked at (infra/constructs/queue-worker.ts). */
export const holdSeconds = 15 * 60;
/** What is held for less is no longer counted on. */
const marginMs = 5_000;
/** SQS waits that long for a message; the client gives up after ten seconds. */
const pollSeconds = 5;
/**
 * Calls that wait for messages side by side. Lambda's pollers wait as well, for the moment at which the function's hold ends:
 * which of those who wait gets a message is SQS's choice.
 */
const pollers = 8;
/** Most that are taken of one queue. */
const mostLetters = 1000;

/**
 * The dead letters on SQS. There is no looking without receiving, which hides a message from everybody else. Nothing is given
 * back after a look: Lambda's pollers would have it within milliseconds, and its function hides it for a quarter of an hour,
 * so that no command after the first would find it. What was found is held as long as that function would, and can be shown,
 * sent again and dropped meanwhile. The function looks at it again afterwards; nothing is lost by holding.
 */
export class SqsDeadLetters implements DeadLetters {
  readonly #options: SqsDeadLettersOptions;
  readonly #client: SQSClient;
  readonly #holdSeconds: number;
  readonly #held = new Map<string, HeldLetter>();

  constructor(options: SqsDeadLettersOptions) {
    this.#options = options;
    this.#holdSeconds = options.holdSeconds ?? holdSeconds;
    this.#client = new SQSClient({ ...sdkSettings, region: options.region, useQueueUrlAsEndpoint: false });
    for (const letter of options.held.load())
      if (letter.until > this.#now() + marginMs) this.#held.set(letter.id, letter);
  }

  #now(): number {
    return this.#options.clock.now();
  }

  async find(queues: readonly DeadLetterQueue[], waitSeconds: number): Promise<DeadLettersFound> {
    const until = this.#now() + waitSeconds * 1000;
    const hidden = await Promise.all(queues.map(queue => this.#take(queue, until)));
    const letters = [...this.#held.values()].filter(({ queue }) => queues.includes(queue));
    const place = (queue: DeadLetterQueue) => deadLetterQueues.indexOf(queue);
    letters.sort((a, b) => place(a.queue) - place(b.queue) || a.sentAt - b.sentAt);
    return { letters, hidden: hidden.reduce((sum, each) => sum + each, 0) };
  }

  async resend({ id }: DeadLetter): Promise<boolean> {
    const letter = await this.#claim(id);
    if (!letter) return false;
    const { queue, group, body } = letter;
    // As it was received, not by SqsQueue: a group that was hashed would be hashed again, and be another.
    const fifo = queue !== 'timer' && { MessageGroupId: group, MessageDeduplicationId: `again-${randomUUID()}` };
    const url = this.#options.urls[queue];
    await this.#ask(`send a message to the queue ${queue} again (sqs:SendMessage on ${url})`, () =>
      this.#client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: body, ...fifo })),
    );
    await this.#delete(letter);
    return true;
  }

  async drop({ id }: DeadLetter): Promise<boolean> {
    const letter = await this.#claim(id);
    if (letter) await this.#delete(letter);
    return letter !== undefined;
  }

  close(): void {
    this.#client.destroy();
  }

  /** Receives until nothing comes and, when there is time, until nobody else holds any; answers how many stay hidden. */
  async #take(queue: DeadLetterQueue, until: number): Promise<number> {
    while (this.#countOf(queue) < mostLetters && (await this.#receive(queue, 1)) > 0);
    let rest = await this.#rest(queue);
    while (rest.hidden > 0 && this.#now() < until && this.#countOf(queue) < mostLetters) {
      const wait = Math.max(1, Math.min(pollSeconds, Math.floor((until - this.#now()) / 1000)));
      const got = await Promise.all(Array.from({ length: pollers }, () => this.#receive(queue, wait)));
      rest = await this.#rest(queue);
      // What is left waits behind what is held here, in the same groups: no waiting brings it.
      if (rest.withOthers === 0 && got.every(count => count === 0)) break;
    }
    return rest.hidden;
  }

  async #receive(queue: DeadLetterQueue, waitSeconds: number): Promise<number> {
    const url = this.#options.deadLetters[queue];
    const until = this.#now() + this.#holdSeconds * 1000;
    const command = new ReceiveMessageCommand({
      QueueUrl: url,
      MaxNumberOfMessages: 10,
      VisibilityTimeout: this.#holdSeconds,
      WaitTimeSeconds: waitSeconds,
      MessageSystemAttributeNames: ['MessageGroupId', 'SentTimestamp'],
    });
    const { Messages = [] } = await this.#ask(
      `look at what the queue ${queue} gave up (sqs:ReceiveMessage on ${url})`,
      () => this.#client.send(command),
    );
    for (const message of Messages) {
      const letter = toLetter(message, queue, until);
      this.#held.set(letter.id, letter);
    }
    // At once: whoever is interrupted would hide them from everybody, himself included.
    if (Messages.length > 0) this.#remember();
    return Messages.length;
  }

  /** How many more there are than are held here, and how many of them others hold; both about, as SQS counts. */
  async #rest(queue: DeadLetterQueue): Promise<{ hidden: number; withOthers: number }> {
    const url = this.#options.deadLetters[queue];
    const asked = new GetQueueAttributesCommand({
      QueueUrl: url,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    });
    const { Attributes = {} } = await this.#ask(
      `count what the queue ${queue} gave up (sqs:GetQueueAttributes on ${url})`,
      () => this.#client.send(asked),
    );
    const visible = Number(Attributes.ApproximateNumberOfMessages ?? 0);
    const received = Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0);
    const own = this.#countOf(queue);
    return { hidden: Math.max(0, visible + received - own), withOthers: Math.max(0, received - own) };
  }

  #countOf(queue: DeadLetterQueue): number {
    return [...this.#held.values()].filter(letter => letter.queue === queue).length;
  }

  /** Makes sure that the letter is still held, and for long enough to deal with it; undefined when somebody else has it. */
  async #claim(id: string): Promise<HeldLetter | undefined> {
    const letter = this.#held.get(id);
    if (!letter) return undefined;
    const url = this.#options.deadLetters[letter.queue];
    const hold = { QueueUrl: url, ReceiptHandle: letter.handle, VisibilityTimeout: this.#holdSeconds };
    try {
      await this.#client.send(new ChangeMessageVisibilityCommand(hold));
    } catch (error) {
      if (!lostHold.test((error as Error).name))
        throw awsError(error, `hold a message of the queue ${letter.queue} (sqs:ChangeMessageVisibility on ${url})`);
      this.#forget(letter);
      return undefined;
    }
    return letter;
  }

  async #delete(letter: HeldLetter): Promise<void> {
    const url = this.#options.deadLetters[letter.queue];
    await this.#ask(`delete the message ${letter.id} (sqs:DeleteMessage on ${url})`, () =>
      this.#client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: letter.handle })),
    );
    this.#forget(letter);
  }

  #forget(letter: HeldLetter): void {
    this.#held.delete(letter.id);
    this.#remember();
  }

  #remember(): void {
    this.#options.held.save([...this.#held.values()]);
  }

  async #ask<T>(doing: string, act: () => Promise<T>): Promise<T> {
    return act().catch(error => {
      throw awsError(error, doing);
    });
  }
}

/** What SQS says of a handle whose message is visible again, in other hands, or gone; names differ with the kind of queue. */
const lostHold = /MessageNotInflight|ReceiptHandleIsInvalid|InvalidParameterValue/;

function toLetter(message: Message, queue: DeadLetterQueue, until: number): HeldLetter {
  const { MessageGroupId = '', SentTimestamp } = message.Attributes ?? {};
  return {
    id: message.MessageId!,
    queue,
    group: queue === 'timer' ? '' : MessageGroupId,
    body: message.Body ?? '',
    sentAt: Number(SentTimestamp ?? 0),
    handle: message.ReceiptHandle!,
    until,
  };
}
