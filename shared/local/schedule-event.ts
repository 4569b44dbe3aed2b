import { randomUUID } from 'node:crypto';
import type { EventBridgeEvent } from 'aws-lambda';

/** The event of an EventBridge schedule. */
export function scheduleEvent(at: Date): EventBridgeEvent<'Scheduled Event', Record<string, never>> {
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': 'Scheduled Event',
    source: 'aws.events',
    account: '000000000000',
    time: at.toISOString().replace(/\.\d+Z$/, 'Z'),
    region: 'local',
    resources: ['arn:aws:events:local:000000000000:rule/sluice-schedule'],
    detail: {},
  };
}
