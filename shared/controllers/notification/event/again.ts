import { createHash } from 'node:crypto';
import { keyString } from '../../../api/object.ts';
import type { Ports } from '../../../ports/ports.ts';
import type { ToolkitEvent } from '../../../reconcile/event.ts';
import type { NotifyAgain } from '../messages.ts';

/**
 * Seconds until the next try, by the number of tries so far. Flux tries five times within the provider's time-out; here a
 * try costs nothing while it waits, so that an outage of some minutes loses no notification.
 */
const delays = [2, 8, 30, 120, 480];

/** Undefined when it was tried often enough. `asked` is the service's own wish (Retry-After), honoured up to 15 minutes. */
export function delayAfter(attempts: number, asked?: number): number | undefined {
  const delay = delays[attempts - 1];
  return delay === undefined ? undefined : Math.min(900, Math.max(delay, asked ?? 0));
}

/** Puts the notification on a timer. */
export async function notifyLater(message: NotifyAgain, delaySeconds: number, ports: Ports): Promise<void> {
  const target = message.alert ? `${message.alert.namespace}/${message.alert.name}` : '*';
  const group = `notify/${message.event.cluster}/${occurrenceId(message.event).slice(0, 32)}/${target}`;
  await ports.queue.sendLater(
    { queue: 'notification', group, dedup: `${group}/${message.attempt}`, body: JSON.stringify(message) },
    delaySeconds,
  );
}

/** Tells this event from every other, the one that says the same a second later included. */
export function occurrenceId(event: ToolkitEvent): string {
  const key = keyString({ cluster: event.cluster, ...event.involvedObject });
  const identity = JSON.stringify([key, event.trace, event.timestamp, event.reason, event.message, event.metadata]);
  return createHash('sha256').update(identity).digest('hex');
}
