import { clone } from '../crud/clone.ts';
import { mayBeRemoved } from '../crud/deletion-state.ts';
import type { Entry } from '../store/collection.ts';
import type { Store } from '../store/store.ts';

/** Takes a finalizer from an object; one that was asked to go and is held back by nothing else goes. */
export function releaseFinalizer(store: Store, entry: Entry, finalizer: string): void {
  const next = clone(entry.object);
  next.metadata.finalizers = (next.metadata.finalizers ?? []).filter(other => other !== finalizer);
  if (next.metadata.finalizers.length === 0) delete next.metadata.finalizers;
  if (mayBeRemoved(next)) store.remove({ ...entry, object: next });
  else store.put(entry.resource, next);
}
