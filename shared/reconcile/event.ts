import * as z from 'zod';
import { keyString, type ObjectKey } from '../api/object.ts';
import type { QueueMessage } from '../ports/queue.ts';

/**
 * A Flux event on its way to Alerts and Providers: the body of a message of the queue 'notification'. Sent by the kit,
 * consumed by functions/notification.
 */
export const ToolkitEvent = z.object({
  type: z.literal('event'),
  cluster: z.string(),
  trace: z.string(),
  involvedObject: z.object({
    apiVersion: z.string(),
    kind: z.string(),
    namespace: z.string(),
    name: z.string(),
    uid: z.string(),
    resourceVersion: z.string(),
  }),
  severity: z.enum(['info', 'error']),
  /** RFC 3339. */
  timestamp: z.string(),
  reason: z.string(),
  message: z.string(),
  /** Keys as Flux writes them in annotations: `kustomize.toolkit.fluxcd.io/revision`, … */
  metadata: z.record(z.string(), z.string()),
  reportingController: z.string(),
  reportingInstance: z.string(),
});
export type ToolkitEvent = z.infer<typeof ToolkitEvent>;

/**
 * The message that carries an event. Its own group per object: events of one object arrive in order, and never wait behind
 * a reconcile. `sequence` tells apart events of one reconcile with the same text.
 */
export function eventMessage(event: ToolkitEvent, key: ObjectKey, sequence: number): QueueMessage {
  return {
    queue: 'notification',
    group: `event/${keyString(key)}`,
    dedup: `${event.trace}/${keyString(key)}/${event.timestamp}/${sequence}`,
    body: JSON.stringify(event),
  };
}
