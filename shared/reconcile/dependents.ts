import type { ObjectKey } from '../api/object.ts';
import type { Index } from '../ports/index.ts';
import type { Ports } from '../ports/ports.ts';
import { messageOf, queueOf, workItem } from './work-item.ts';

/** The objects that wait for `key`. Receivers and Alerts name sources too, but have nothing to do when one changes. */
async function dependentsToWake(index: Index, key: ObjectKey): Promise<ObjectKey[]> {
  const dependents = await index.dependentsOf(key);
  return dependents.filter(dependent => queueOf(dependent.kind) !== 'notification');
}

/** Sends those that wait for `key` to their queues. What they will look at must have been written before. */
export async function wakeDependents(
  key: ObjectKey,
  { index, queue, clock }: Pick<Ports, 'index' | 'queue' | 'clock'>,
  trace: string,
): Promise<void> {
  const dependents = await dependentsToWake(index, key);
  if (dependents.length === 0) return;
  const sentAt = clock.now();
  await queue.send(
    dependents.map(dependent => messageOf(workItem(dependent, { reason: 'dependency', trace, sentAt }))),
  );
}
