import middy from '@middy/core';
import type { Context, EventBridgeEvent } from 'aws-lambda';
import { ports } from '#ports';
import { changeOf } from '../../shared/cloud/event.ts';
import { traceOf, wakeUsers } from '../../shared/cloud/event-users.ts';

/**
 * A push to ECR or CodeCommit and a change in S3 begin here: EventBridge tells of them, with no Receiver. Whom they concern
 * says the index; the work items go to functions/source. What is thrown makes Lambda deliver the event again.
 */
async function handle(event: EventBridgeEvent<string, unknown>, context: Context): Promise<void> {
  const all = await ports(context.awsRequestId);
  const change = changeOf(event);
  if (!change) return;
  const woken = await wakeUsers(change, all);
  all.log.info('event', { trace: traceOf(change.id), event: change.what, objects: woken.length });
}

export const handler = middy(handle);
