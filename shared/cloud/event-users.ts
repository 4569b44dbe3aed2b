import { keyString, type ObjectKey } from '../api/object.ts';
import type { Ports } from '../ports/ports.ts';
import { isReconciled, messageOf, workItem } from '../reconcile/work-item.ts';
import type { Changed } from './event.ts';

/**
 * Has those reconciled that fetch what changed: one message an object, all of them in as few calls as the queue takes. Asks
 * the index and nobody else; who is not in it yet is looked at by the schedule. Returns whom it sent to.
 */
export async function wakeUsers(
  change: Changed,
  { index, queue, clock }: Pick<Ports, 'index' | 'queue' | 'clock'>,
): Promise<ObjectKey[]> {
  const users = [...(await usersOf(change.urls, index)), ...(await chartsOf(change.parents, index))];
  const objects = [...new Map(users.filter(isReconciled).map(key => [keyString(key), key])).values()];
  // Who began after the change has seen it already. Never in the future, or that could not be told.
  const sentAt = Math.min(change.at, clock.now());
  const trace = traceOf(change.id);
  if (objects.length > 0)
    await queue.send(objects.map(key => messageOf(workItem(key, { reason: 'event', trace, sentAt }))));
  return objects;
}

async function usersOf(urls: string[], index: Ports['index']): Promise<ObjectKey[]> {
  return (await Promise.all(urls.map(url => index.byUrl(url)))).flat();
}

/** A HelmRepository of type oci fetches nothing itself; its HelmCharts do, from the repositories below it. */
async function chartsOf(parents: string[], index: Ports['index']): Promise<ObjectKey[]> {
  const repositories = (await usersOf(parents, index)).filter(({ kind }) => kind === 'HelmRepository');
  const dependents = await Promise.all(repositories.map(key => index.dependentsOf(key)));
  return dependents.flat().filter(({ kind }) => kind === 'HelmChart');
}

/** The event's id, a UUID, as a trace: a second delivery of the event makes the same messages, which the queue drops. */
export function traceOf(id: string): string {
  const hex = id.replace(/-/g, '').toLowerCase();
  return /^[0-9a-f]{32}$/.test(hex) ? hex : Buffer.from(id).toString('hex').padEnd(32, '0').slice(0, 32);
}
