import { createHash } from 'node:crypto';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import * as z from 'zod';
import type { ReceivedMessage } from './queue-consumer.ts';

/** The event that Lambda's event source mapping makes of a batch of messages. */
export function sqsEvent(messages: ReceivedMessage[]): SQSEvent {
  return { Records: messages.map(sqsRecord) };
}

function sqsRecord(message: ReceivedMessage): SQSRecord {
  const fifo = !message.queue.startsWith('timer');
  return {
    messageId: message.id,
    receiptHandle: message.handle,
    body: message.body,
    attributes: {
      ApproximateReceiveCount: String(message.receiveCount),
      SentTimestamp: String(message.sentAt),
      SenderId: 'local',
      ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
      ...(fifo && {
        SequenceNumber: String(message.sequence).padStart(20, '0'),
        MessageGroupId: message.group,
        MessageDeduplicationId: message.dedup,
      }),
    },
    messageAttributes: {},
    md5OfBody: createHash('md5').update(message.body).digest('hex'),
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:local:000000000000:sluice-${message.queue}${fifo ? '.fifo' : ''}`,
    awsRegion: 'local',
  };
}

const BatchResponse = z.object({ batchItemFailures: z.array(z.object({ itemIdentifier: z.string().min(1) })) });

/**
 * Which messages of a batch were not handled, read from a function's answer as Lambda reads it: nothing at all means
 * success; an answer that names no known message, or is malformed, fails the whole batch.
 */
export function failedOf(response: unknown, messages: Pick<ReceivedMessage, 'id'>[]): Set<string> {
  const all = new Set(messages.map(({ id }) => id));
  if (response === undefined || response === null) return new Set();
  if (typeof response === 'object' && (response as { batchItemFailures?: unknown }).batchItemFailures == null)
    return new Set();
  const parsed = BatchResponse.safeParse(response);
  if (!parsed.success) return all;
  const failed = new Set(parsed.data.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
  return failed.isSubsetOf(all) ? failed : all;
}
