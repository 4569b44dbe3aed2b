import type { ObjectKey } from '../api/object.ts';
import type { Index } from '../ports/index.ts';
import { queueOf } from './work-item.ts';

/** The objects that wait for `key`. Receivers and Alerts name sources too, but have nothing to do when one changes. */
export async function dependentsToWake(index: Index, key: ObjectKey): Promise<ObjectKey[]> {
  const dependents = await index.dependentsOf(key);
  return dependents.filter(dependent => queueOf(dependent.kind) !== 'notification');
}
