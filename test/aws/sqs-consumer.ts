import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  type Message,
  ReceiptHandleIsInvalid,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import {
  isDeadLetterQueue,
  maxReceives,
  type QueueConsumer,
  type ReceivableQueue,
  type ReceivedMessage,
  type ReceiveOptions,
  type WorkQueue,
} from '../../shared/local/queue-consumer.ts';
import type { Queues } from './installation.ts';

/** The receiver's side of SQS by the calls that Lambda's pollers make, with the real SDK. Knows no lanes, and `perGroup` not at all. */
export class SqsConsumer implements QueueConsumer {
  readonly #queues: Queues;
  readonly #client: SQSClient;

  /** Credentials and region are found as the SDK finds them. */
  constructor(queues: Queues, endpoint: string) {
    this.#queues = queues;
    this.#client = new SQSClient({ endpoint, useQueueUrlAsEndpoint: false });
  }

  async receive(queue: ReceivableQueue, { max, visibilitySeconds }: ReceiveOptions): Promise<ReceivedMessage[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: this.#urlOf(queue),
      MaxNumberOfMessages: Math.min(max, 10),
      VisibilityTimeout: visibilitySeconds,
      MessageSystemAttributeNames: ['All'],
    });
    const { Messages = [] } = await this.#client.send(command);
    return Messages.map(message => received(queue, message));
  }

  async delete(queue: ReceivableQueue, handle: string): Promise<boolean> {
    return this.#current(new DeleteMessageCommand({ QueueUrl: this.#urlOf(queue), ReceiptHandle: handle }));
  }

  async release(queue: ReceivableQueue, handle: string, delaySeconds = 0): Promise<boolean> {
    const change = { QueueUrl: this.#urlOf(queue), ReceiptHandle: handle, VisibilityTimeout: delaySeconds };
    return this.#current(new ChangeMessageVisibilityCommand(change));
  }

  close(): void {
    this.#client.destroy();
  }

  /** False when SQS says that the handle is not the latest. */
  async #current(command: DeleteMessageCommand | ChangeMessageVisibilityCommand): Promise<boolean> {
    try {
      await this.#client.send(command as DeleteMessageCommand);
      return true;
    } catch (error) {
      if (error instanceof ReceiptHandleIsInvalid) return false;
      throw error;
    }
  }

  #urlOf(queue: ReceivableQueue): string {
    const { urls, deadLetters } = this.#queues;
    return isDeadLetterQueue(queue)
      ? deadLetters[queue.slice(0, -'-dlq'.length) as WorkQueue]
      : urls[queue as WorkQueue];
  }
}

function received(queue: ReceivableQueue, message: Message): ReceivedMessage {
  const attributes = message.Attributes ?? {};
  const receiveCount = Number(attributes.ApproximateReceiveCount);
  return {
    id: message.MessageId!,
    queue,
    group: attributes.MessageGroupId ?? '',
    dedup: attributes.MessageDeduplicationId ?? '',
    body: message.Body ?? '',
    handle: message.ReceiptHandle!,
    receiveCount,
    final: !isDeadLetterQueue(queue) && receiveCount >= maxReceives,
    sentAt: Number(attributes.SentTimestamp),
    firstReceivedAt: Number(attributes.ApproximateFirstReceiveTimestamp),
    sequence: Number(attributes.SequenceNumber ?? 0),
  };
}
