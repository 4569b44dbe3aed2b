import { KmsThrottled, SendMessageBatchCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { carried, checkDelay, checkMessage } from '../ports/message-limits.ts';
import type { Queue, QueueMessage, QueueName } from '../ports/queue.ts';
import { awsError } from './aws-error.ts';
import { sdkSettings } from './sdk-settings.ts';
import { type Entry, type EntryError, sendInOrder, type Unsent } from './sqs-batches.ts';
import { sqsId } from './sqs-ids.ts';

export interface SqsQueueOptions {
  /** URLs of the queues: the FIFO queues of the controllers, and the standard queue of timers. */
  urls: Record<QueueName | 'timer', string>;
  /** Default: as the SDK finds it. */
  region?: string;
  /** Where SQS answers. Default: as the SDK finds it (the region's, or AWS_ENDPOINT_URL_SQS). */
  endpoint?: string;
}

/** Tries of a call that was throttled or not answered; the SDK waits between them. FIFO queues drop what arrives twice. */
const maxAttempts = 5;

/** The queues on SQS, from the sender's side. One for a process: it keeps its connections. */
export class SqsQueue implements Queue {
  readonly #urls: SqsQueueOptions['urls'];
  readonly #client: SQSClient;

  constructor({ urls, region, endpoint }: SqsQueueOptions) {
    this.#urls = urls;
    this.#client = new SQSClient({
      ...sdkSettings,
      maxAttempts,
      // The endpoint decides where requests go, not the URL that names the queue: so it is with VPC endpoints, and with proxies.
      useQueueUrlAsEndpoint: false,
      ...(region && { region }),
      ...(endpoint && { endpoint }),
    });
  }

  async send(messages: QueueMessage[]): Promise<void> {
    const entries = messages.map(({ queue, group, dedup, body }) => ({ queue, group, dedup, body: carried(body) }));
    for (const entry of entries) checkMessage(entry);
    const queues = Map.groupBy(entries, ({ queue }) => queue);
    const ended = await Promise.allSettled([...queues].map(([queue, own]) => this.#sendTo(queue, own)));
    for (const outcome of ended) if (outcome.status === 'rejected') throw outcome.reason;
  }

  async sendLater(message: QueueMessage, delaySeconds: number): Promise<void> {
    checkMessage({ ...message, body: carried(message.body) });
    checkDelay(delaySeconds);
    const { queue, group, dedup, body } = message;
    const whole = carried(JSON.stringify({ queue, group, dedup, body }));
    checkMessage({ queue: 'timer', group, dedup, body: whole });
    const command = new SendMessageCommand({
      QueueUrl: this.#urls.timer,
      MessageBody: whole,
      DelaySeconds: delaySeconds,
    });
    await this.#client.send(command).catch(error => {
      throw awsError(error, `set a timer for the queue ${queue} (in ${this.#urls.timer})`);
    });
  }

  /** Closes the connections. For those that live longer than their queue; a function's end with its process. */
  close(): void {
    this.#client.destroy();
  }

  async #sendTo(queue: QueueName, messages: Entry[]): Promise<void> {
    const entries = messages.map(({ group, dedup, body }) => ({ group: sqsId(group), dedup: sqsId(dedup), body }));
    const doing = `send ${count(entries.length)} to the queue ${queue} (${this.#urls[queue]})`;
    const unsent = await sendInOrder(entries, batch => this.#sendBatch(queue, batch)).catch(error => {
      throw awsError(error, doing);
    });
    if (unsent.length > 0) throw unsentError(unsent, doing);
  }

  async #sendBatch(queue: QueueName, batch: Entry[]): Promise<Map<number, EntryError>> {
    const Entries = batch.map(({ group, dedup, body }, place) => ({
      Id: String(place),
      MessageGroupId: group,
      MessageDeduplicationId: dedup,
      MessageBody: body,
    }));
    const command = new SendMessageBatchCommand({ QueueUrl: this.#urls[queue], Entries });
    const { Successful = [], Failed = [] } = await this.#client.send(command).catch(error => {
      // KMS's throttling of an encrypted queue, which the SDK does not try again: nothing of the call was sent.
      if (!(error instanceof KmsThrottled)) throw error;
      return {
        Successful: [],
        Failed: Entries.map(({ Id }) => ({ Id, Code: error.name, Message: error.message, SenderFault: false })),
      };
    });
    const sent = new Set(Successful.map(({ Id }) => Id));
    const refused = new Map(Failed.map(entry => [entry.Id, entry]));
    const errors = new Map<number, EntryError>();
    for (const [place, { Id }] of Entries.entries()) {
      if (sent.has(Id)) continue;
      const { Code = 'NoAnswer', Message = 'SQS did not say what became of it', SenderFault } = refused.get(Id) ?? {};
      // Some throttling counts as the sender's fault; it passes all the same.
      errors.set(place, { code: Code, message: Message, final: SenderFault === true && !/throttl/i.test(Code) });
    }
    return errors;
  }
}

function unsentError(unsent: Unsent[], doing: string) {
  const { code, message } = unsent[0]!.error;
  const left = unsent.reduce((sum, { entries }) => sum + entries.length, 0);
  const error = Object.assign(new Error(`${code}: ${message}`), { name: code });
  return awsError(error, `${doing}: ${count(left)} of them could not be sent`);
}

function count(messages: number): string {
  return messages === 1 ? '1 message' : `${messages} messages`;
}
