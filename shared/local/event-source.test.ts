import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { systemClock } from '../ports/clock.ts';
import type { QueueMessage } from '../ports/queue.ts';
import { fixtureFunctions, linesOf, scratch, startTestHost, until } from './fixture/start-host.ts';
import { SqliteQueue } from './sqlite-queue.ts';
import { announce } from './wake.ts';

function message(group: string, body: Record<string, unknown>): QueueMessage {
  return { queue: 'source', group, dedup: randomUUID(), body: JSON.stringify(body) };
}

test('the storm of one cluster, whose API server is slow, does not hold up the push of another', async t => {
  const dir = scratch();
  const file = join(dir, 'notes');
  const functions = { ...fixtureFunctions, source: { ...fixtureFunctions.source, timeoutSeconds: 900 } };
  const host = await startTestHost(t, { dir, functions, concurrency: { source: 4 } });
  const storm = Array.from({ length: 2000 }, (_, n) =>
    message(`slow/GitRepository/ns/${n}`, { act: 'wait', milliseconds: 600_000, file, label: 'storm' }),
  );
  await host.ports.queue.send(storm);
  await until('the storm has all there is', () => linesOf(file).length === 4);
  for (let n = 0; n < 3; n++)
    await host.ports.queue.send([message('quick/GitRepository/ns/a', { act: 'ok', file, label: `push${n}` })]);
  await until('the pushes are done', () => linesOf(file).some(line => line.startsWith('end push2')));
  assert.equal(linesOf(file).filter(line => line.startsWith('end storm')).length, 0, 'nothing had to end for it');
});

test('a clock that jumps ahead does not deliver what is in flight a second time', async t => {
  const dir = scratch();
  const file = join(dir, 'notes');
  let ahead = 0;
  const host = await startTestHost(t, { dir, clock: { now: () => Date.now() + ahead } });
  // It ends when another has begun, which is sent after the jump: whatever takes that one would take this one, too.
  await host.ports.queue.send([message('c/GitRepository/ns/a', { act: 'gather', count: 2, file, label: 'a' })]);
  await until('it has begun', () => linesOf(file).length === 1);
  ahead = 8 * 3_600_000;
  await host.ports.queue.send([message('c/GitRepository/ns/b', { act: 'ok', file, label: 'b' })]);
  await until('both are done', () => host.ports.queue.depth('source') === 0);
  const begun = linesOf(file).filter(line => line.startsWith('begin'));
  assert.deepEqual(
    begun.map(line => line.split(' ').slice(1, 3).join(' ')),
    ['a 1', 'b 1'],
  );
});

test('a message that kills its thread again and again takes nobody along', async t => {
  const dir = scratch();
  const file = join(dir, 'notes');
  let now = Date.now();
  const host = await startTestHost(t, { dir, threads: 1, clock: { now: () => now } });
  /** The queues' time goes on while nobody works, in small steps: two run beside each other only when both come at once. */
  const goOn = () => {
    if (host.pool.threads.some(({ load }) => load > 0)) return;
    now += 100;
    announce(['source', 'source-dlq']);
  };
  const beside = Array.from({ length: 8 }, (_, n) =>
    message(`c/GitRepository/ns/${n}`, { act: 'wait', milliseconds: 200, file, label: `beside${n}` }),
  );
  await host.ports.queue.send([...beside, message('c/GitRepository/ns/x', { act: 'crash always', file, label: 'x' })]);
  const dead = () => linesOf(file).filter(line => line.startsWith('dead'));
  await until('the killer is given up', () => {
    goOn();
    return dead().length > 0;
  });
  await until('the others are done', () => {
    goOn();
    return host.ports.queue.depth('source') === 0;
  });
  assert.deepEqual(dead(), ['dead x 1']);
  for (let n = 0; n < 8; n++) assert.ok(linesOf(file).some(line => line.startsWith(`end beside${n} `)));
});

test('stops and ends of the host do not count as failures of what was in flight, three times', async t => {
  const dir = scratch();
  const queue = new SqliteQueue(join(dir, 'queue.db'), systemClock);
  t.after(() => queue.close());
  await queue.send([message('c/GitRepository/ns/a', {})]);
  const receive = () => queue.receive('source', { max: 1, visibilitySeconds: 60 });
  const finals: boolean[] = [];
  for (let n = 0; n < 6; n++) {
    const [received] = await receive();
    assert.equal(received?.receiveCount, n + 1);
    finals.push(received.final);
    await queue.releaseAll();
  }
  assert.deepEqual(finals, [false, false, false, false, false, true]);
  assert.deepEqual(await receive(), []);
  assert.equal(queue.depth('source-dlq'), 1);
});

test('a file of the version before is taken over, with what it holds', async t => {
  const file = join(scratch(), 'queue.db');
  const old = new DatabaseSync(file);
  old.exec(`
    CREATE TABLE messages (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, queue TEXT NOT NULL, grp TEXT NOT NULL, dedup TEXT NOT NULL,
      body TEXT NOT NULL, sent_at INTEGER NOT NULL, first_received_at INTEGER, receives INTEGER NOT NULL DEFAULT 0,
      visible_at INTEGER NOT NULL DEFAULT 0, handle TEXT);
    CREATE INDEX messages_by_group ON messages (queue, grp, seq);
    CREATE TABLE groups (queue TEXT NOT NULL, grp TEXT NOT NULL, ready_at INTEGER NOT NULL, PRIMARY KEY (queue, grp)) WITHOUT ROWID;
    CREATE INDEX groups_by_time ON groups (queue, ready_at);
    CREATE TABLE dedup (queue TEXT NOT NULL, id TEXT NOT NULL, expires_at INTEGER NOT NULL, PRIMARY KEY (queue, id)) WITHOUT ROWID;
    CREATE INDEX dedup_by_time ON dedup (expires_at);
    INSERT INTO messages (id, queue, grp, dedup, body, sent_at) VALUES ('i', 'source', 'c/GitRepository/ns/a', 'd', 'kept', 1);
    INSERT INTO groups VALUES ('source', 'c/GitRepository/ns/a', 1);
    PRAGMA user_version = 1`);
  old.close();
  const queue = new SqliteQueue(file, systemClock);
  t.after(() => queue.close());
  const [lane] = queue.readyLanes('source');
  assert.equal(lane, '');
  const [received] = await queue.receive('source', { max: 1, visibilitySeconds: 60, lane });
  assert.equal(received?.body, 'kept');
});
