import { z } from 'zod';
import type { ObjectKey } from '../../api/object.ts';
import { diffInventory, type InventoryEntry } from '../../kube/inventory.ts';
import type { Store } from '../../ports/store.ts';

/**
 * A worker may die between the first object it creates and the status that records them. The message comes again, and
 * before any other of the same object; but if the source moved on meanwhile, the new manifests may lack what was created,
 * and nobody would ever prune it. So what is about to be created is noted in the store first (only when there is
 * something new), and a worker that gets a message for the second time takes the note for part of the inventory.
 */
const Note = z.object({ at: z.number(), entries: z.array(z.object({ id: z.string(), v: z.string() })) });

export const notesPrefix = 'applying/';

/** Older notes belong to attempts that were recorded long ago. A message is given up within minutes. */
const maxAgeMs = 60 * 60_000;

export async function noteNew(
  store: Store,
  key: ObjectKey,
  recorded: readonly InventoryEntry[],
  next: readonly InventoryEntry[],
  now: number,
): Promise<void> {
  const entries = diffInventory(next, recorded);
  if (entries.length === 0) return;
  await store.put(noteKey(key), Buffer.from(JSON.stringify({ at: now, entries })), { contentType: 'application/json' });
}

/** What an attempt that did not end may have created. */
export async function noted(store: Store, key: ObjectKey, now: number): Promise<InventoryEntry[]> {
  const stored = await store.get(noteKey(key));
  if (!stored) return [];
  const chunks: Buffer[] = [];
  for await (const chunk of stored.body) chunks.push(chunk as Buffer);
  const note = Note.safeParse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
  return note.success && now - note.data.at < maxAgeMs ? note.data.entries : [];
}

function noteKey({ cluster, namespace, name }: ObjectKey): string {
  return `${notesPrefix}${cluster}/${namespace}/${name}.json`;
}
