import { randomBytes } from 'node:crypto';

/**
 * A new trace id: 32 hexadecimal digits, as W3C trace context has them, so that the id can be handed to other systems as
 * it is. Made where work begins (a webhook, a change in a cluster, the schedule) and carried from there to the end.
 */
export function newTrace(): string {
  return randomBytes(16).toString('hex');
}
