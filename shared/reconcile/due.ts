import type { Ports } from '../ports/ports.ts';
import { newTrace } from './trace.ts';
import { messageOf, workItem } from './work-item.ts';

/** Swept every minute, so what comes due before the middle of the next one is sent now. */
const horizonMs = 30_000;
/** When a message sent by the schedule must have been worked on; later, another is sent. */
const lostAfterMs = 5 * 60_000;
const batch = 100;

/**
 * Enqueues the objects whose time has come: intervals, and what a lost timer left behind. Each moves its due time on, so
 * that a minute later it is not sent again while its message still waits. Returns how many were sent.
 */
export async function sendDue(ports: Ports, deadline: number): Promise<number> {
  const { index, queue, clock } = ports;
  let sent = 0;
  while (clock.now() < deadline) {
    const keys = await index.due(clock.now() + horizonMs, batch);
    if (keys.length === 0) break;
    const sentAt = clock.now();
    const trace = newTrace();
    await queue.send(keys.map(key => messageOf(workItem(key, { reason: 'interval', trace, sentAt }))));
    await Promise.all(keys.map(key => index.setDue(key, sentAt + lostAfterMs)));
    sent += keys.length;
    if (keys.length < batch) break;
  }
  return sent;
}
