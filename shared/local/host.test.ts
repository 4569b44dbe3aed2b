import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, globSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { QueueMessage } from '../ports/queue.ts';
import { fixtureFunctions, linesOf, scratch, startTestHost, until } from './fixture/start-host.ts';

function message(group: string, body: Record<string, unknown>, queue: QueueMessage['queue'] = 'source'): QueueMessage {
  return { queue, group, dedup: randomUUID(), body: JSON.stringify(body) };
}

test('messages of a group run one after the other, in order; groups run beside each other on all threads', async t => {
  const dir = scratch();
  const file = join(dir, 'notes');
  const host = await startTestHost(t, { dir, concurrency: { source: 8 } });
  const groups = ['a', 'b', 'c', 'd'];
  for (let i = 0; i < 5; i++)
    await host.ports.queue.send(
      groups.map(group =>
        message(group, { ...(i === 0 ? { act: 'gather', count: 3 } : { act: 'ok' }), file, label: `${group}${i}` }),
      ),
    );
  await until('all have ended', () => linesOf(file).filter(line => line.startsWith('end')).length === 20);
  const notes = linesOf(file).map(line => line.split(' '));
  let most = 0;
  const open = new Set<string>();
  const order: Record<string, string[]> = { a: [], b: [], c: [], d: [] };
  for (const [what, label] of notes as [string, string][]) {
    if (what === 'end') open.delete(label);
    else {
      assert.ok(![...open].some(other => other[0] === label[0]), `${label} began while another of its group ran`);
      open.add(label);
      order[label[0]!]!.push(label);
    }
    most = Math.max(most, open.size);
  }
  for (const group of groups)
    assert.deepEqual(
      order[group],
      [0, 1, 2, 3, 4].map(i => `${group}${i}`),
    );
  assert.ok(most >= 3, 'groups ran beside each other');
  assert.equal(new Set(notes.map(note => note[3])).size, 2, 'on both threads');
  await until('they are deleted', () => host.ports.queue.depth('source') === 0);
});

test('the event is what the event source mapping makes of a message, with a deadline', async t => {
  const dir = scratch();
  const file = join(dir, 'notes');
  const functions = { ...fixtureFunctions, source: { ...fixtureFunctions.source, timeoutSeconds: 300 } };
  const host = await startTestHost(t, { dir, functions });
  const sent = message('group 1', { act: 'tell', file, label: 'x 🚀' });
  await host.ports.queue.send([sent]);
  await until('it was told', () => linesOf(file).some(line => line.startsWith('{')));
  const { record, left } = JSON.parse(linesOf(file).find(line => line.startsWith('{'))!);
  assert.equal(record.body, sent.body);
  assert.equal(record.eventSource, 'aws:sqs');
  assert.match(record.eventSourceARN, /^arn:aws:sqs:.*:sluice-source\.fifo$/);
  assert.equal(record.attributes.MessageGroupId, 'group 1');
  assert.equal(record.attributes.MessageDeduplicationId, sent.dedup);
  assert.equal(record.attributes.ApproximateReceiveCount, '1');
  assert.match(record.attributes.SequenceNumber, /^\d{20}$/);
  assert.ok(left > 200_000 && left <= 300_000);
});

test('what fails comes again, and is given up after three times; its group goes on', async t => {
  const dir = scratch();
  const file = join(dir, 'notes');
  let ahead = 0;
  const host = await startTestHost(t, { dir, clock: { now: () => Date.now() + ahead } });
  await host.ports.queue.send([
    message('g', { act: 'fail', file, label: 'bad', reluctant: 4 }),
    message('g', { act: 'ok', file, label: 'good' }),
    message('h', { act: 'throw', file, label: 'thrown' }),
    message('i', { act: 'fail once', file, label: 'once' }),
  ]);
  // The pauses between attempts are long; time is put forward instead of waited for.
  const dead = () => linesOf(file).filter(line => line.startsWith('dead'));
  await until('two are given up, the one whose object could not be told at first included', () => {
    ahead += 1000;
    return dead().length === 2;
  });
  assert.deepEqual(dead().toSorted(), ['dead bad 5', 'dead thrown 1']);
  await until('the rest is done', () => host.ports.queue.depth('source') + host.ports.queue.depth('source-dlq') === 0);
  const begun = linesOf(file)
    .filter(line => line.startsWith('begin'))
    .map(line => line.split(' ').slice(1, 3).join(' '));
  assert.deepEqual(
    begun.filter(line => line.startsWith('bad')),
    ['bad 1', 'bad 2', 'bad 3'],
  );
  assert.deepEqual(
    begun.filter(line => line.startsWith('thrown')),
    ['thrown 1', 'thrown 2', 'thrown 3'],
  );
  assert.deepEqual(
    begun.filter(line => line.startsWith('once')),
    ['once 1', 'once 2'],
  );
  assert.ok(begun.indexOf('good 1') > begun.indexOf('bad 3'));
});

test('what is kept in a dead-letter queue does not hide what was given up after it, of the same group', async t => {
  const dir = scratch();
  const file = join(dir, 'notes');
  let ahead = 0;
  const host = await startTestHost(t, { dir, clock: { now: () => Date.now() + ahead } });
  await host.ports.queue.send([
    message('g', { act: 'fail', file, label: 'kept', reluctant: 1_000_000 }),
    message('g', { act: 'fail', file, label: 'told' }),
  ]);
  await until('the second is told', () => {
    ahead += 1000;
    return linesOf(file).some(line => line.startsWith('dead told'));
  });
  await until('the second is gone', () => host.ports.queue.depth('source-dlq') === 1);
});

test('a thread that crashes is replaced, and what it held is done by another', async t => {
  const dir = scratch();
  const file = join(dir, 'notes');
  const host = await startTestHost(t, { dir, threads: 1 });
  await host.ports.queue.send([
    message('a', { act: 'crash', file, label: 'crash' }),
    message('b', { act: 'wait', milliseconds: 50, file, label: 'beside' }),
  ]);
  await until('both have ended', () => linesOf(file).filter(line => line.startsWith('end')).length >= 2);
  assert.ok(linesOf(file).some(line => line.startsWith('end crash 2')));
  await until('they are deleted', () => host.ports.queue.depth('source') === 0);
});

test('a function that outlives its timeout loses its thread, after the others on it have finished', async t => {
  const dir = scratch();
  const file = join(dir, 'notes');
  const functions = { ...fixtureFunctions, source: { ...fixtureFunctions.source, timeoutSeconds: 1 } };
  let ahead = 0;
  const host = await startTestHost(t, { dir, threads: 1, functions, clock: { now: () => Date.now() + ahead } });
  const { module } = functions.source;
  /** Waits for a thread to be there: its start must not take of the second that an invocation has. */
  const started = () => host.pool.invoke({ function: 'source', module, event: { Records: [] }, timeoutSeconds: 60 });
  await started();
  const [thread] = host.pool.threads;
  await host.ports.queue.send([
    message('a', { act: 'hang', file, label: 'hang' }),
    message('b', { act: 'wait', milliseconds: 2000, file, label: 'patient' }, 'kustomize'),
  ]);
  await until('the patient one has ended', () => linesOf(file).some(line => line.startsWith('end patient 1')));
  await until('its thread was ended', () => !host.pool.threads.includes(thread!));
  await started();
  // At the second receive, or at the third: a second is little for a machine that stands still now and then.
  await until('the hanging one was done again', () => {
    ahead += 200;
    return linesOf(file).some(line => /^end hang [23]/.test(line));
  });
  const notes = linesOf(file);
  assert.ok(
    notes.findIndex(line => /^begin hang [23]/.test(line)) > notes.findIndex(line => line.startsWith('end patient')),
  );
});

test('a stop gives back what is not finished; the next start takes it up at once', async t => {
  const dir = scratch();
  const file = join(dir, 'notes');
  const host = await startTestHost(t, { dir });
  await host.ports.queue.send([message('a', { act: 'hang', file, label: 'long' })]);
  await until('it has begun', () => linesOf(file).length === 1);
  await host.close();
  await startTestHost(t, { dir });
  await until('it was done', () => linesOf(file).some(line => line.startsWith('end long 2')));
});

test('a delayed message comes when its time has come', async t => {
  const dir = scratch();
  const file = join(dir, 'notes');
  const host = await startTestHost(t, { dir });
  // The fixture's timer function is a worker: it gets the forwarded message as its body.
  const sent = { ...message('a', {}), act: 'ok', file, label: 'later' };
  await host.ports.queue.sendLater(sent, 1);
  await until('it came', () => linesOf(file).some(line => line.startsWith('end later 1')));
});

test('messages sent by another process are found', async t => {
  const dir = scratch();
  const file = join(dir, 'notes');
  await startTestHost(t, { dir });
  const queue = new URL('./sqlite-queue.ts', import.meta.url).href;
  const script = `
    const { SqliteQueue } = await import(${JSON.stringify(queue)});
    const queue = new SqliteQueue(${JSON.stringify(join(dir, 'queue.db'))}, { now: () => Date.now() });
    await queue.send([${JSON.stringify(message('a', { act: 'ok', file, label: 'foreign' }))}]);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  await until('it was done', () => linesOf(file).some(line => line.startsWith('end foreign 1')));
});

test('the schedule is called at the start, with an EventBridge event', async t => {
  const dir = scratch();
  await startTestHost(t, { dir });
  const file = join(dir, 'schedule.jsonl');
  await until('it was called', () => linesOf(file).length > 0);
  const event = JSON.parse(linesOf(file)[0]!);
  assert.equal(event['detail-type'], 'Scheduled Event');
  assert.match(event.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
});

test('one host per state directory; the lock of a killed one does not hold', async t => {
  const dir = scratch();
  const fixture = fileURLToPath(new URL('./fixture/start-host.ts', import.meta.url));
  const script = `
    const { fixtureFunctions } = await import(${JSON.stringify(fixture)});
    const { startHost } = await import(${JSON.stringify(new URL('./host.ts', import.meta.url).href)});
    await startHost({ dir: ${JSON.stringify(dir)}, functions: fixtureFunctions });
    console.log('locked');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  await assert.rejects(startTestHost(t, { dir }), { code: 'StateLocked', message: new RegExp(`process ${child.pid}`) });
  child.kill('SIGKILL');
  await once(child, 'exit');
  await startTestHost(t, { dir });
});

test('temporary files lie in the state directory, and go with the thread or the host that made them', async t => {
  const dir = scratch();
  const file = join(dir, 'notes');
  const litter = () => globSync('tmp/*/sluice-artifact-*', { cwd: dir });
  const host = await startTestHost(t, { dir, threads: 1 });
  await host.ports.queue.send([message('a', { act: 'litter', file, label: 'one' })]);
  await until('it was done', () => host.ports.queue.depth('source') === 0);
  assert.equal(litter().length, 1);
  await host.ports.queue.send([message('a', { act: 'crash', file, label: 'two' })]);
  await until('the folder went with the thread', () => litter().length === 0);
  await until('the second was done again', () => host.ports.queue.depth('source') === 0);
  await host.close();
  mkdirSync(join(dir, 'tmp', '9', 'sluice-artifact-of-a-killed-one'), { recursive: true });
  await startTestHost(t, { dir, threads: 1 });
  assert.deepEqual(litter(), []);
});

test('what a thread was writing into the store when it died goes with the host, or when it is old', async t => {
  const dir = scratch();
  const incoming = join(dir, 'store', 'incoming');
  const host = await startTestHost(t, { dir, threads: 1 });
  mkdirSync(incoming, { recursive: true });
  await host.ports.queue.send([message('a', { act: 'half', file: join(dir, 'notes'), label: 'one' })]);
  await until('it was done', () => host.ports.queue.depth('source') === 0);
  writeFileSync(join(incoming, 'old'), '');
  utimesSync(join(incoming, 'old'), 1, 1);
  await host.ports.store.clean(60_000);
  assert.deepEqual(readdirSync(incoming), ['one']);
  await host.close();
  assert.equal(existsSync(incoming), false);
});
