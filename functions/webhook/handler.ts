import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { ports } from '#ports';
import { receiveHook } from '../../shared/controllers/notification/hook/receive.ts';
import { newTrace } from '../../shared/reconcile/trace.ts';
import { config } from './config.ts';

/**
 * A push begins here: a Git provider calls the path of a Receiver. Verifying the request and asking for reconciles is the
 * matter of shared/controllers/notification/hook; the work items go to functions/source.
 */
async function handle(event: APIGatewayProxyEventV2, context: Context): Promise<APIGatewayProxyStructuredResultV2> {
  const trace = newTrace();
  const query = event.rawQueryString ? `?${event.rawQueryString}` : '';
  const hook = {
    path: event.rawPath + query,
    headers: event.headers,
    body: Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8'),
    trace,
  };
  const answer = await receiveHook(hook, await ports(context.awsRequestId), config);
  return {
    statusCode: answer.status,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-sluice-trace': trace },
    body: answer.message && `${answer.message}\n`,
  };
}

export const handler = middy(handle);
