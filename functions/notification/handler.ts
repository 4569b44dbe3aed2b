import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { ports } from '#ports';
import { messageHandlers } from '../../shared/controllers/notification/message-handlers.ts';
import { receiverController } from '../../shared/controllers/notification/receiver.ts';
import { alertController, providerController } from '../../shared/controllers/notification/static-kinds.ts';
import { work } from '../../shared/reconcile/worker.ts';
import { config } from './config.ts';

const controllers = [receiverController, providerController, alertController];
const messages = messageHandlers(config);

/**
 * The queue 'notification': events on their way to the Providers of Alerts, Receivers that want their path, and webhooks that
 * wait for their cluster.
 */
async function handle(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  const deadline = Date.now() + context.getRemainingTimeInMillis();
  return work(event.Records, controllers, await ports(context.awsRequestId), deadline, { messages });
}

export const handler = middy(handle);
