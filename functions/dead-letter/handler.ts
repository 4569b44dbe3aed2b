import middy from '@middy/core';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { ports } from '#ports';
import { UnknownCluster } from '../../shared/ports/cluster.ts';
import { deadLettered } from '../../shared/reconcile/dead-letter.ts';
import { findError, messageOfError } from '../../shared/reconcile/errors.ts';

/**
 * The dead-letter queues: what was given up after three attempts is said in the object's status and in the log. A message
 * whose object cannot be told, because its cluster is away, stays in its queue until it can.
 */
async function handle(event: SQSEvent): Promise<SQSBatchResponse> {
  const all = await ports();
  const tell = async (record: SQSRecord) => {
    try {
      await deadLettered(record, all);
      return [];
    } catch (error) {
      // Nobody is left to be told.
      if (findError(error, UnknownCluster)) return [];
      all.log.warn('an object could not be told that its reconcile was given up; trying again', {
        message: record.messageId,
        error: messageOfError(error),
      });
      return [{ itemIdentifier: record.messageId }];
    }
  };
  return { batchItemFailures: (await Promise.all(event.Records.map(tell))).flat() };
}

export const handler = middy(handle);
