/**
 * An event source mapping, as Lambda's does it with SQS: takes messages, invokes a function with them, deletes those that
 * were handled and leaves the others to the queue's visibility timeout. Source: Lambda developer guide, "Using Lambda with
 * Amazon SQS" and "Handling errors for an SQS event source". Not done: a batching window (FIFO queues have none), and the
 * splitting of batches beyond 6 MB.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSEvent } from 'aws-lambda';
import { failedOf } from '../../shared/local/sqs-event.ts';
import { type QueueOrigin, recordOf } from './event-source-record.ts';
import { Slots } from './event-source-slots.ts';
import { credentials, region } from './servers.ts';

export interface EventSourceOptions {
  /** Where SQS answers. */
  endpoint: string;
  queueUrl: string;
  /** Messages an invocation gets at most, up to 10. Those of a FIFO queue may be of several groups; those of a group are in order. */
  batchSize: number;
  /**
   * Invocations at a time, at most (MaximumConcurrency). A FIFO queue has no more than it has groups with messages: SQS gives
   * nothing of a group of which something is in flight.
   */
  concurrency: number;
  /** Invokes the function; what it answers is read as ReportBatchItemFailures says. A rejection is a failed invocation. */
  invoke(event: SQSEvent): Promise<unknown>;
  /** Told of every invocation when it has ended, before its messages are deleted. */
  onInvocation?(invocation: Invocation): void;
  /** Told of calls to SQS that failed; they are made again. Default: writes to stderr. */
  onError?(error: unknown): void;
}

export interface Invocation {
  event: SQSEvent;
  /** Epoch ms. */
  startedAt: number;
  endedAt: number;
  /** Ids of the messages that will come again, or go to the dead-letter queue. */
  failed: Set<string>;
  /** Why the invocation failed as a whole. */
  error?: unknown;
  /** It took longer than the visibility timeout: SQS has given its messages to others meanwhile, or will. */
  expired: boolean;
}

export interface EventSource {
  /** Receives no more, and resolves when what has been received has been handled and deleted. Takes a second or so. */
  stop(): Promise<void>;
}

/**
 * How long a receive waits for messages. Lambda's wait 20 s; here those of a process that was killed, which its server goes
 * on answering, are not to swallow messages for so long, nor does ElasticMQ look on when it has moved a message away.
 */
const waitSeconds = 1;
/** A poller asks again as soon as it has handed over what it got, so that a few serve many invocations. */
const maxPollers = 2;
const pauseAfterErrorMs = 200;

export function startEventSource(options: EventSourceOptions): EventSource {
  const source = new Poller(options);
  source.start();
  return source;
}

class Poller implements EventSource {
  readonly #options: EventSourceOptions;
  readonly #client: SQSClient;
  readonly #slots: Slots;
  #stopping = false;
  readonly #inFlight = new Set<Promise<void>>();
  #polling: Promise<unknown> = Promise.resolve();

  constructor(options: EventSourceOptions) {
    this.#options = options;
    this.#slots = new Slots(options.concurrency);
    this.#client = new SQSClient({
      ...{ endpoint: options.endpoint, region, credentials, useQueueUrlAsEndpoint: false },
      requestHandler: {
        connectionTimeout: 3_000,
        requestTimeout: (waitSeconds + 10) * 1000,
        throwOnRequestTimeout: true,
      },
    });
  }

  start(): void {
    this.#polling = this.#poll();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#polling;
    await Promise.all(this.#inFlight);
    this.#client.destroy();
  }

  async #poll(): Promise<void> {
    const queue = await this.#untilAnswered(() => this.#describe());
    if (!queue) return;
    const pollers = Math.min(maxPollers, this.#options.concurrency);
    await Promise.all(Array.from({ length: pollers }, () => this.#pollOn(queue)));
  }

  /** Receives only what can be invoked at once: the visibility timeout runs from the receive on. */
  async #pollOn(queue: PolledQueue): Promise<void> {
    for (;;) {
      await this.#slots.take();
      const messages = await this.#untilAnswered(() => this.#receive());
      if (!messages?.length) {
        this.#slots.free();
        if (messages) continue;
        return;
      }
      const done = this.#handle(messages, queue).finally(() => {
        this.#inFlight.delete(done);
        this.#slots.free();
      });
      this.#inFlight.add(done);
    }
  }

  async #handle(messages: Message[], queue: PolledQueue): Promise<void> {
    const visibleAt = Date.now() + queue.visibilitySeconds * 1000;
    const event = { Records: messages.map(message => recordOf(message, queue)) };
    const invocation = await this.#invoke(event, visibleAt);
    this.#options.onInvocation?.(invocation);
    // A FIFO queue refuses the handles of what has become visible again, even if nobody has received it yet; a standard
    // queue takes the latest handle at any time.
    if (queue.fifo && invocation.expired) return;
    const handled = messages.filter(({ MessageId }) => !invocation.failed.has(MessageId!));
    if (handled.length > 0) await this.#delete(handled).catch(error => this.#report(error));
  }

  async #invoke(event: SQSEvent, visibleAt: number): Promise<Invocation> {
    const ids = event.Records.map(({ messageId }) => ({ id: messageId }));
    const startedAt = Date.now();
    const outcome = await this.#options.invoke(event).then(
      answer => ({ failed: failedOf(answer, ids) }),
      (error: unknown) => ({ failed: new Set(ids.map(({ id }) => id)), error }),
    );
    const endedAt = Date.now();
    return { event, startedAt, endedAt, expired: endedAt >= visibleAt, ...outcome };
  }

  async #describe(): Promise<PolledQueue> {
    const { queueUrl } = this.#options;
    const asked = new GetQueueAttributesCommand({
      QueueUrl: queueUrl,
      AttributeNames: ['QueueArn', 'VisibilityTimeout'],
    });
    const { Attributes = {} } = await this.#client.send(asked);
    const fifo = queueUrl.endsWith('.fifo');
    return { arn: Attributes.QueueArn!, region, fifo, visibilitySeconds: Number(Attributes.VisibilityTimeout) };
  }

  async #receive(): Promise<Message[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: this.#options.queueUrl,
      MaxNumberOfMessages: this.#options.batchSize,
      WaitTimeSeconds: waitSeconds,
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
    });
    return (await this.#client.send(command)).Messages ?? [];
  }

  async #delete(messages: Message[]): Promise<void> {
    const Entries = messages.map(({ ReceiptHandle }, place) => ({ Id: String(place), ReceiptHandle }));
    const { Failed = [] } = await this.#client.send(
      new DeleteMessageBatchCommand({ QueueUrl: this.#options.queueUrl, Entries }),
    );
    // A handle that is no longer valid belongs to a message that another invocation has now.
    const others = Failed.filter(({ Code = '' }) => !/ReceiptHandleIsInvalid|InvalidParameterValue/.test(Code));
    if (others.length > 0) throw new Error(`SQS did not delete ${others.length} messages: ${JSON.stringify(others)}`);
  }

  /** Asks until there is an answer; undefined once it is to stop, but an answer that was asked for before is awaited. */
  async #untilAnswered<T>(ask: () => Promise<T>): Promise<T | undefined> {
    while (!this.#stopping) {
      try {
        return await ask();
      } catch (error) {
        if (this.#stopping) break;
        this.#report(error);
        await delay(pauseAfterErrorMs);
      }
    }
    return undefined;
  }

  #report(error: unknown): void {
    const { onError, queueUrl } = this.#options;
    if (onError) onError(error);
    else console.error(`the event source of ${queueUrl}:`, error);
  }
}

interface PolledQueue extends QueueOrigin {
  fifo: boolean;
  visibilitySeconds: number;
}
