import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import * as z from 'zod';
import type { ObjectKey } from '../../api/object.ts';
import { diffInventory, type InventoryEntry, mergeInventory } from '../../kube/inventory.ts';
import type { Store } from '../../ports/store.ts';

/**
 * A worker may die, or lose its API server, between the first object it creates and the status that records them. If the
 * source moves on meanwhile, the new manifests may lack what was created, and nobody would ever prune it. So what is about
 * to be created is noted in the store first (only when there is something new), and the note is part of the inventory until
 * a status records it: it says on which inventories it builds, and any other one makes it void. So no writer of the status
 * has to remember the note, and a namesake made later (another uid) has nothing to do with it.
 */
const Note = z.object({
  uid: z.string(),
  /** Digests of the inventories on which it builds. */
  recorded: z.array(z.string()),
  entries: z.array(z.object({ id: z.string(), v: z.string() })),
});

export const notesPrefix = 'applying/';

export interface NoteSubject {
  key: ObjectKey;
  uid: string;
  /** The inventory in the status as it was read. */
  recorded: readonly InventoryEntry[];
}

export interface Noted {
  /** The recorded inventory with what attempts that did not end may have created since. */
  entries: InventoryEntry[];
  /** What the note builds on; empty without a note that counts. */
  recorded: readonly string[];
}

export async function inventoryWithNotes(store: Store, subject: NoteSubject): Promise<Noted> {
  const stored = await store.get(noteKey(subject.key));
  const note = stored && Note.safeParse(jsonOf(await buffer(stored.body))).data;
  const counts = note?.uid === subject.uid && note.recorded.includes(digestOf(subject.recorded));
  if (!note || !counts) return { entries: [...subject.recorded], recorded: [] };
  return { entries: mergeInventory(subject.recorded, note.entries), recorded: note.recorded };
}

/** Notes what is about to be created. `before` is what {@link inventoryWithNotes} gave: the new note takes the old one in. */
export async function noteNew(
  store: Store,
  { key, uid, recorded }: NoteSubject,
  before: Noted,
  next: readonly InventoryEntry[],
): Promise<void> {
  if (diffInventory(next, before.entries).length === 0) return;
  const entries = diffInventory(mergeInventory(before.entries, next), recorded);
  await write(store, key, { uid, recorded: [digestOf(recorded)], entries });
}

/**
 * After an attempt that failed in order: what it wrote is known, so of the rest only what earlier attempts may have created
 * stays noted. The note counts for the inventory as it is and as it will be, whether the status can be written or not.
 */
export async function noteFailed(
  store: Store,
  { key, uid, recorded }: NoteSubject,
  before: Noted,
  inventory: readonly InventoryEntry[],
): Promise<void> {
  const entries = diffInventory(mergeInventory(before.entries, inventory), recorded);
  if (entries.length === 0) return store.delete([noteKey(key)]);
  await write(store, key, { uid, recorded: [digestOf(recorded), digestOf(inventory)], entries });
}

/**
 * Drops a note that has served: what it named was dealt with, and the status will look as one that it counts for. One that
 * the status does not hold yet is still needed.
 */
export async function dropServed(
  store: Store,
  { key, recorded }: NoteSubject,
  before: Noted,
  next: readonly InventoryEntry[],
): Promise<void> {
  if (!before.recorded.includes(digestOf(next)) || diffInventory(next, recorded).length > 0) return;
  await store.delete([noteKey(key)]);
}

async function write(store: Store, key: ObjectKey, note: z.infer<typeof Note>): Promise<void> {
  await store.put(noteKey(key), Buffer.from(JSON.stringify(note)), { contentType: 'application/json' });
}

function digestOf(entries: readonly InventoryEntry[]): string {
  const ids = entries.map(({ id, v }) => `${id} ${v}`).sort();
  return createHash('sha256').update(ids.join('\n')).digest('hex');
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function noteKey({ cluster, namespace, name }: ObjectKey): string {
  return `${notesPrefix}${cluster}/${namespace}/${name}.json`;
}
