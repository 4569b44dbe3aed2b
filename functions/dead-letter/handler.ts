import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { ports } from '#ports';
import { UnknownCluster } from '../../shared/ports/cluster.ts';
import { deadLettered } from '../../shared/reconcile/dead-letter.ts';
import { findError, messageOfError } from '../../shared/reconcile/errors.ts';

/**
 * The dead-letter queues: what was given up after three attempts is said in the object's status and in the log. A message
 * whose object cannot be told, because its cluster is away, stays in its queue until it can; one that has no object stays
 * until someone has looked at it.
 */
async function handle(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  const all = await ports(context.awsRequestId);
  const stays = async (record: SQSRecord): Promise<boolean> => {
    try {
      return (await deadLettered(record, all)) === 'kept';
    } catch (error) {
      // Nobody is left to be told.
      if (findError(error, UnknownCluster)) return false;
      all.log.warn('an object could not be told that its reconcile was given up; trying again', {
        messageId: record.messageId,
        error: messageOfError(error),
      });
      return true;
    }
  };
  const failures = await Promise.all(
    event.Records.map(async record => ((await stays(record)) ? [{ itemIdentifier: record.messageId }] : [])),
  );
  return { batchItemFailures: failures.flat() };
}

export const handler = middy(handle);
