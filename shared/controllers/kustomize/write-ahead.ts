import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import type { ObjectKey } from '../../api/object.ts';
import { diffInventory, type InventoryEntry, mergeInventory } from '../../kube/inventory.ts';
import type { Store } from '../../ports/store.ts';

/**
 * A worker may die, or lose its API server, between the first object it creates and the status that records them. If the
 * source moves on meanwhile, the new manifests may lack what was created, and nobody would ever prune it. So what is about
 * to be created is noted in the store first (only when there is something new), and the note is part of the inventory until
 * a status records it: it says on which inventory it builds, and any other one makes it void. So no writer of the status
 * has to remember the note, and a namesake made later (another uid) has nothing to do with it.
 */
const Note = z.object({
  uid: z.string(),
  recorded: z.string(),
  entries: z.array(z.object({ id: z.string(), v: z.string() })),
});

export const notesPrefix = 'applying/';

export interface NoteSubject {
  key: ObjectKey;
  uid: string;
  /** The inventory in the status as it was read. */
  recorded: readonly InventoryEntry[];
}

/** The recorded inventory with what attempts that did not end may have created since. */
export async function inventoryWithNotes(store: Store, subject: NoteSubject): Promise<InventoryEntry[]> {
  const stored = await store.get(noteKey(subject.key));
  if (!stored) return [...subject.recorded];
  const note = Note.safeParse(jsonOf(await buffer(stored.body)));
  const valid = note.success && note.data.uid === subject.uid && note.data.recorded === digestOf(subject.recorded);
  return valid ? mergeInventory([...subject.recorded], note.data.entries) : [...subject.recorded];
}

/** Notes what is about to be created. `before` is what {@link inventoryWithNotes} gave: the new note takes the old one in. */
export async function noteNew(
  store: Store,
  { key, uid, recorded }: NoteSubject,
  before: readonly InventoryEntry[],
  next: readonly InventoryEntry[],
): Promise<void> {
  if (diffInventory(next, before).length === 0) return;
  const entries = diffInventory(mergeInventory([...before], [...next]), recorded);
  const note = { uid, recorded: digestOf(recorded), entries };
  await store.put(noteKey(key), Buffer.from(JSON.stringify(note)), { contentType: 'application/json' });
}

/**
 * Drops a note that has served: what it named was dealt with, and the status will look as before, so that nothing else makes
 * it void.
 */
export async function dropServed(
  store: Store,
  { key, recorded }: NoteSubject,
  before: readonly InventoryEntry[],
  next: readonly InventoryEntry[],
): Promise<void> {
  if (before.length > recorded.length && digestOf(next) === digestOf(recorded)) await store.delete([noteKey(key)]);
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
