import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { ports } from '#ports';
import { kustomizationController } from '../../shared/controllers/kustomize/kustomization.ts';
import { work } from '../../shared/reconcile/worker.ts';
import { config } from './config.ts';

const controllers = [kustomizationController(config)];

/**
 * The queue 'kustomize': a Kustomization whose source has a new artifact, whose dependency is ready, that changed, or came
 * due. Build, plan, apply, prune and health are the steps of shared/controllers/kustomize.
 */
async function handle(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  const deadline = Date.now() + context.getRemainingTimeInMillis();
  return work(event.Records, controllers, await ports(context.awsRequestId), deadline);
}

export const handler = middy(handle);
