import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ObjectKey } from '../api/object.ts';
import { localPorts } from '../local/local-ports.ts';
import { messageOf, workItem } from './work-item.ts';
import { type WorkRecord, work } from './worker.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-test-'));
const ports = localPorts({ dir, publicUrl: 'http://127.0.0.1' });
after(() => {
  ports.close();
  rmSync(dir, { recursive: true });
});

const key = (name: string): ObjectKey => ({ cluster: 'absent', kind: 'Kustomization', namespace: 'ns', name });
const controller = {
  kind: 'Kustomization',
  transientConditions: [],
  reconcile: async () => ({ type: 'done', reason: 'Succeeded', message: '' }) as const,
};
const record = (id: string, body: unknown, group: string, receives = 1): WorkRecord => ({
  messageId: id,
  body: typeof body === 'string' ? body : JSON.stringify(body),
  attributes: { MessageGroupId: group, ApproximateReceiveCount: String(receives) },
});
const item = (name: string, sentAt: number) =>
  JSON.parse(messageOf(workItem(key(name), { reason: 'r', trace: 't', sentAt })).body);
const run = async (records: WorkRecord[], messages = {}) =>
  (await work(records, [controller], ports, Date.now() + 60_000, { messages })).batchItemFailures.map(
    failure => failure.itemIdentifier,
  );

test('what cannot be understood comes again, until the dead-letter queue has it', async () => {
  const unknown = { ...item('a', 0), kind: 'Nothing' };
  const extra = { ...item('a', 0), secret: 'x' };
  const records = ['not json', '[]', { type: 'other' }, unknown, extra].map((body, n) => record(`${n}`, body, `${n}`));
  assert.deepEqual(await run(records), ['0', '1', '2', '3', '4']);
});

test('after a failure the rest of its group is given back, untouched; other groups go on', async () => {
  const seen: unknown[] = [];
  const note = async (body: unknown) => {
    const { id } = body as { id: string };
    if (id === 'bad') throw new Error('no');
    seen.push(id);
  };
  const event = (id: string) => ({ type: 'event', id });
  const records = [
    record('1', event('one'), 'g'),
    record('2', event('bad'), 'g'),
    record('3', event('three'), 'g'),
    record('4', event('four'), 'h'),
  ];
  assert.deepEqual(await run(records, { event: note }), ['2', '3']);
  assert.deepEqual(seen.sort(), ['four', 'one']);
});

test('a message of a cluster that is gone is dropped', async () => {
  assert.deepEqual(await run([record('1', item('gone', Date.now()), 'g')]), []);
});

test('a message sent before the last start is acknowledged without work, unless it is delivered again', async () => {
  const started = Date.now() - 1000;
  await ports.index.markStarted(key('co'), started);
  await run([record('1', item('co', started - 5000), 'g')]);
  assert.equal(await ports.index.lastStarted(key('co')), started, 'no new start');
  await run([record('1', item('co', started - 5000), 'g', 2)]);
  assert.ok((await ports.index.lastStarted(key('co'))) > started, 'the attempt that died is made good');
});

test('a start marked by a clock that was set back since hides nothing', async () => {
  const future = Date.now() + 3_600_000;
  await ports.index.markStarted(key('back'), future);
  await run([record('1', item('back', Date.now()), 'g')]);
  assert.ok((await ports.index.lastStarted(key('back'))) < future, 'the message was worked on');
});
