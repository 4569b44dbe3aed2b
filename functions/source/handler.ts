import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { ports } from '#ports';
import { gitRepositoryController } from '../../shared/controllers/source/git-repository.ts';
import { work } from '../../shared/reconcile/worker.ts';

const controllers = [gitRepositoryController];

/**
 * The queue 'source': a GitRepository that was pushed to, changed, or came due. What it makes of it is said in
 * shared/controllers/source; the Kustomizations that wait for the artifact go to functions/kustomize.
 */
async function handle(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  const deadline = Date.now() + context.getRemainingTimeInMillis();
  return work(event.Records, controllers, await ports(context.awsRequestId), deadline);
}

export const handler = middy(handle);
