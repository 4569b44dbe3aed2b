import middy from '@middy/core';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import * as z from 'zod';
import { ports } from '#ports';
import type { QueueMessage } from '../../shared/ports/queue.ts';

/** What `sendLater` put on the timer queue: the message whose time has come. */
const Delayed: z.ZodType<QueueMessage> = z.object({
  queue: z.enum(['source', 'kustomize', 'notification']),
  group: z.string().min(1),
  dedup: z.string().min(1),
  body: z.string(),
});

/** The standard queue of timers: forwards each message to its FIFO queue, whose deduplication drops a second delivery. */
async function handle(event: SQSEvent): Promise<SQSBatchResponse> {
  const { queue, log } = await ports();
  const forward = async (record: SQSRecord) => {
    try {
      await queue.send([Delayed.parse(JSON.parse(record.body))]);
      return [];
    } catch (error) {
      log.error('a timer could not be forwarded', { message: record.messageId, error: String(error) });
      return [{ itemIdentifier: record.messageId }];
    }
  };
  return { batchItemFailures: (await Promise.all(event.Records.map(forward))).flat() };
}

export const handler = middy(handle);
