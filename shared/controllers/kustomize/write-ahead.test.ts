import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FileStore } from '../../local/file-store.ts';
import { dropServed, inventoryWithNotes, noteFailed, noteNew } from './write-ahead.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-notes-'));
after(() => rmSync(dir, { recursive: true }));
const store = new FileStore(dir);

const entries = (...names: string[]) => names.map(name => ({ id: `ns_${name}__ConfigMap`, v: 'v1' }));
const subject = (name: string, recorded: ReturnType<typeof entries>, uid = 'u') => ({
  key: { cluster: 'c', kind: 'Kustomization', namespace: 'ns', name },
  uid,
  recorded,
});
const known = async (...args: Parameters<typeof subject>) =>
  (await inventoryWithNotes(store, subject(...args))).entries.map(({ id }) => id.split('_')[1]);
const nothing = (recorded: ReturnType<typeof entries>) => ({ entries: recorded, recorded: [] });

test('what several attempts in a row began to create is all remembered', async () => {
  const before = entries('a');
  await noteNew(store, subject('k', before), nothing(before), entries('a', 'b'));
  assert.deepEqual(await known('k', before), ['a', 'b']);
  // The second attempt builds another revision, and dies as well.
  const noted = await inventoryWithNotes(store, subject('k', before));
  await noteNew(store, subject('k', before), noted, entries('a', 'c'));
  assert.deepEqual((await known('k', before)).sort(), ['a', 'b', 'c']);
});

test('a status with another inventory makes the note void, and so does another object of the name', async () => {
  await noteNew(store, subject('v', []), nothing([]), entries('a'));
  assert.deepEqual(await known('v', []), ['a']);
  assert.deepEqual(await known('v', entries('b')), ['b']);
  assert.deepEqual(await known('v', [], 'another uid'), []);
});

test('a note that has served is dropped when the status would not make it void', async () => {
  const recorded = entries('a');
  await noteNew(store, subject('d', recorded), nothing(recorded), entries('a', 'b'));
  const before = await inventoryWithNotes(store, subject('d', recorded));
  await dropServed(store, subject('d', recorded), before, entries('a', 'c'));
  assert.deepEqual(await known('d', recorded), ['a', 'b'], 'c is not in the status yet');
  await dropServed(store, subject('d', recorded), before, recorded);
  assert.deepEqual(await known('d', recorded), ['a']);
});

test('an attempt that failed in order leaves nothing that was never written', async () => {
  const recorded = entries('a');
  await noteNew(store, subject('f', recorded), nothing(recorded), entries('a', 'b', 'c'));
  await noteFailed(store, subject('f', recorded), nothing(recorded), recorded);
  assert.deepEqual(await known('f', recorded), ['a'], 'nothing was written');
  await noteNew(store, subject('f', recorded), nothing(recorded), entries('a', 'b', 'c'));
  await noteFailed(store, subject('f', recorded), nothing(recorded), entries('a', 'b'));
  assert.deepEqual(await known('f', recorded), ['a', 'b'], 'the status could not be written');
  assert.deepEqual(await known('f', entries('a', 'b')), ['a', 'b'], 'it could');
});

test('an attempt that failed in order keeps what an earlier one that died may have created', async () => {
  const recorded = entries('a');
  await noteNew(store, subject('e', recorded), nothing(recorded), entries('a', 'x'));
  const before = await inventoryWithNotes(store, subject('e', recorded));
  await noteNew(store, subject('e', recorded), before, entries('a', 'b'));
  await noteFailed(store, subject('e', recorded), before, recorded);
  assert.deepEqual(await known('e', recorded), ['a', 'x']);
});

test('a note cut by a crash is none', async () => {
  await store.put('applying/c/ns/x.json', Buffer.from('{"uid":'));
  assert.deepEqual(await known('x', entries('a')), ['a']);
});
