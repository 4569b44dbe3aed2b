import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import * as z from 'zod';
import { ports } from '#ports';
import type { QueueMessage } from '../../shared/ports/queue.ts';
import { messageOfError } from '../../shared/reconcile/errors.ts';
import { messageSubject } from '../../shared/reconcile/message-subject.ts';

/** What `sendLater` put on the timer queue: the message whose time has come. */
const Delayed: z.ZodType<QueueMessage> = z.object({
  queue: z.enum(['source', 'kustomize', 'notification']),
  group: z.string().min(1),
  dedup: z.string().min(1),
  body: z.string(),
});

/** The standard queue of timers: forwards each message to its FIFO queue, whose deduplication drops a second delivery. */
async function handle(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  const { queue, log } = await ports(context.awsRequestId);
  const forward = async (record: SQSRecord) => {
    try {
      await queue.send([Delayed.parse(JSON.parse(record.body))]);
      return [];
    } catch (error) {
      log.error('a timer could not be forwarded', {
        messageId: record.messageId,
        ...messageSubject(record.body),
        error: messageOfError(error),
      });
      return [{ itemIdentifier: record.messageId }];
    }
  };
  return { batchItemFailures: (await Promise.all(event.Records.map(forward))).flat() };
}

export const handler = middy(handle);
