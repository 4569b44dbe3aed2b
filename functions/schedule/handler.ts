import middy from '@middy/core';
import type { Context, EventBridgeEvent } from 'aws-lambda';
import { ports } from '#ports';
import { newTrace } from '../../shared/reconcile/trace.ts';
import { runSchedule } from './run-schedule.ts';

/** Time kept back for what comes after the parts: the figures. */
const reserveMs = 5_000;

/** Every minute: run-schedule.ts says what is done. The trace is that of the lines about it; each change begins its own. */
async function handle(_: EventBridgeEvent<string, unknown>, context: Context): Promise<void> {
  const trace = newTrace();
  const all = await ports(context.awsRequestId);
  const traced = { ...all, log: all.log.with({ trace }), metrics: all.metrics.with({ trace }) };
  await runSchedule(traced, Date.now() + context.getRemainingTimeInMillis() - reserveMs);
}

export const handler = middy(handle);
