import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { after, describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import { SqsQueue } from '../../shared/aws/sqs-queue.ts';
import { type EventSource, type EventSourceOptions, type Invocation, startEventSource } from './event-source.ts';
import { createQueues, type Queues } from './installation.ts';
import { startAwsServers } from './servers.ts';

const servers = await startAwsServers();
after(() => servers.close());
Object.assign(process.env, servers.env);

interface Ground {
  queues: Queues;
  queue: SqsQueue;
  /** Sends to the FIFO queue: group and body, in this order. */
  send(...messages: [group: string, body: string][]): Promise<void>;
  /** An event source of the FIFO queue, or another, that ends with the test; keeps what it was told. */
  start(
    options: Partial<EventSourceOptions> & Pick<EventSourceOptions, 'invoke'>,
  ): EventSource & { ended: Invocation[] };
}

async function ground(t: TestContext, visibilitySeconds: number): Promise<Ground> {
  const queues = await createQueues(servers, `mapping-${randomUUID().slice(0, 8)}`, visibilitySeconds);
  const queue = new SqsQueue({ urls: queues.urls });
  const sources: EventSource[] = [];
  t.after(async () => {
    await Promise.all(sources.map(source => source.stop()));
    queue.close();
  });
  return {
    queues,
    queue,
    send: (...messages) =>
      queue.send(messages.map(([group, body]) => ({ queue: 'source', group, dedup: randomUUID(), body }))),
    start(options) {
      const ended: Invocation[] = [];
      const source = startEventSource({
        ...{ endpoint: servers.sqs, queueUrl: queues.urls.source, batchSize: 1, concurrency: 10 },
        onInvocation: invocation => void ended.push(invocation),
        ...options,
      });
      sources.push(source);
      return { stop: () => source.stop(), ended };
    },
  };
}

/**
 * How long what was received stays away. Nothing that is handled at once takes so long, however busy the machine is: it would
 * come again, and be seen twice.
 */
const visibilitySeconds = 5;

async function until(what: string, condition: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`not within 60 s: ${what}`);
    await delay(10);
  }
}

const bodies = (event: SQSEvent) => event.Records.map(({ body }) => body);
const groupOf = ({ attributes }: SQSRecord) => attributes.MessageGroupId!;
const failures = (records: SQSRecord[]) => ({
  batchItemFailures: records.map(({ messageId }) => ({ itemIdentifier: messageId })),
});

describe('order and concurrency', () => {
  for (const batchSize of [1, 4])
    test(`batches of ${batchSize}: a group is in order and in one invocation at a time, several groups side by side`, async t => {
      const { send, start } = await ground(t, 60);
      const busy = new Set<string>();
      const seen = new Map<string, number[]>();
      let running = 0;
      let most = 0;
      let overlaps = 0;
      const { ended } = start({
        batchSize,
        concurrency: 6,
        async invoke({ Records }) {
          const groups = new Set(Records.map(groupOf));
          if (!groups.isDisjointFrom(busy)) overlaps++;
          for (const group of groups) busy.add(group);
          most = Math.max(most, ++running);
          await delay(Math.random() * 20);
          for (const record of Records) {
            const group = groupOf(record);
            seen.set(group, [...(seen.get(group) ?? []), Number(record.body)]);
          }
          running--;
          for (const group of groups) busy.delete(group);
        },
      });
      const numbers = Array.from({ length: 12 }, (_, n) => n);
      const groups = Array.from({ length: 20 }, (_, g) => `g${g}`);
      for (const n of numbers) await send(...groups.map((group): [string, string] => [group, String(n)]));
      await until('all have been seen', () => [...seen.values()].flat().length >= 240);
      for (const group of groups) assert.deepEqual(seen.get(group), numbers, group);
      assert.equal(overlaps, 0);
      assert.ok(most > 1 && most <= 6, `${most} at a time`);
      assert.ok(ended.every(({ event }) => event.Records.length <= batchSize));
      if (batchSize > 1) assert.ok(ended.some(({ event }) => event.Records.length > 1));
    });

  test('as many invocations as there are groups, and as the mapping allows', async t => {
    const { send, start } = await ground(t, 60);
    const open = new Set<() => void>();
    const source = start({ concurrency: 4, invoke: () => new Promise<void>(resolve => open.add(resolve)) });
    await send(...['a', 'a', 'b', 'b', 'c', 'c'].map((group, n): [string, string] => [group, String(n)]));
    await until('one of each group has begun', () => open.size === 3);
    await send(['d', '6'], ['e', '7'], ['f', '8']);
    await until('as many as allowed have begun', () => open.size === 4);
    await delay(300);
    assert.equal(open.size, 4, 'no more than that');
    let done = 0;
    await until('all have ended', () => {
      for (const end of open) end();
      done = source.ended.length;
      return done === 9;
    });
  });

  test('a message sent twice with one deduplication id makes one invocation', async t => {
    const { queue, start } = await ground(t, 60);
    const { ended } = start({ invoke: async () => undefined });
    const twice = { queue: 'source' as const, group: 'g', dedup: 'same', body: 'once' };
    await Promise.all([queue.send([twice]), queue.send([twice]), queue.send([twice, twice])]);
    await queue.send([{ ...twice, dedup: 'other', body: 'last' }]);
    await until('the last has come', () => ended.some(({ event }) => bodies(event).includes('last')));
    assert.deepEqual(ended.flatMap(({ event }) => bodies(event)).sort(), ['last', 'once']);
  });
});

describe('what is not handled', () => {
  test('comes again on a FIFO queue, in order, and what was handled does not', async t => {
    const { send, start } = await ground(t, visibilitySeconds);
    for (const body of ['1', '2', '3']) await send(['g', body]);
    await send(['other', 'x']);
    const seen: string[][] = [];
    start({
      batchSize: 4,
      async invoke(event) {
        seen.push(bodies(event));
        const failed = event.Records.filter(({ body }) => body === '2' || body === '3');
        return failures(failed.filter(({ attributes }) => attributes.ApproximateReceiveCount === '1'));
      },
    });
    await until('it has come again', () => seen.flat().length >= 6);
    const ofGroup = seen.map(batch => batch.filter(body => body !== 'x')).filter(batch => batch.length > 0);
    assert.deepEqual(ofGroup, [
      ['1', '2', '3'],
      ['2', '3'],
    ]);
  });

  test('comes again on a standard queue', async t => {
    const { queue, queues, start } = await ground(t, visibilitySeconds);
    const seen: SQSRecord[] = [];
    const { ended } = start({
      queueUrl: queues.urls.timer,
      batchSize: 10,
      async invoke({ Records }) {
        seen.push(...Records);
        return failures(
          Records.filter(
            ({ body, attributes }) => body.includes('twice') && attributes.ApproximateReceiveCount === '1',
          ),
        );
      },
    });
    for (const body of ['once', 'twice', 'also once'])
      await queue.sendLater({ queue: 'source', group: 'g', dedup: body, body }, 1);
    await until(
      'all have been handled',
      () => ended.flatMap(({ failed, event }) => event.Records.filter(r => !failed.has(r.messageId))).length === 3,
    );
    const came = Map.groupBy(seen, ({ body }) => JSON.parse(body).body as string);
    assert.deepEqual(Object.fromEntries([...came].map(([body, records]) => [body, records.length])), {
      once: 1,
      'also once': 1,
      twice: 2,
    });
  });

  const all: Record<string, (event: SQSEvent) => Promise<unknown>> = {
    'a function error': () => Promise.reject(new Error('the worker died')),
    'an unknown id': async () => ({ batchItemFailures: [{ itemIdentifier: randomUUID() }] }),
    'an empty id': async () => ({ batchItemFailures: [{ itemIdentifier: '' }] }),
    'no id': async () => ({ batchItemFailures: [{ itemIdentifier: null }] }),
    'another key': async ({ Records }) => ({ batchItemFailures: [{ messageId: Records[0]!.messageId }] }),
    'no list': async () => ({ batchItemFailures: 'all' }),
  };
  const none: Record<string, unknown> = {
    'no answer': undefined,
    null: null,
    'an empty object': {},
    'an empty list': { batchItemFailures: [] },
    'a null list': { batchItemFailures: null },
  };
  test('is the whole batch when the answer says so, is malformed, or is none because the function failed', async t => {
    const { send, start } = await ground(t, visibilitySeconds);
    const seen = new Map<string, string[]>();
    const { ended } = start({
      concurrency: 20,
      async invoke(event) {
        const { body, attributes } = event.Records[0]!;
        seen.set(body, [...(seen.get(body) ?? []), attributes.ApproximateReceiveCount]);
        if (attributes.ApproximateReceiveCount !== '1') return undefined;
        return body in all ? all[body]!(event) : none[body];
      },
    });
    const cases = [...Object.keys(none), ...Object.keys(all)];
    await send(...cases.map((name): [string, string] => [name, name]));
    const expected = Object.keys(none).length + 2 * Object.keys(all).length;
    await until('all have been handled', () => ended.length >= expected);
    // Longer than the visibility timeout: what was to come again would have.
    await delay(visibilitySeconds * 1000 + 500);
    for (const name of Object.keys(none)) assert.deepEqual(seen.get(name), ['1'], name);
    for (const name of Object.keys(all)) assert.deepEqual(seen.get(name), ['1', '2'], name);
    const failed = ended.find(({ error }) => error !== undefined);
    assert.match(String(failed?.error), /the worker died/);
  });

  test('goes to the dead-letter queue after three receives, and its group goes on', async t => {
    const { send, start, queues } = await ground(t, visibilitySeconds);
    const seen: string[] = [];
    const dead: SQSEvent[] = [];
    start({
      async invoke(event) {
        seen.push(...bodies(event));
        if (bodies(event).includes('poison')) throw new Error('cannot be digested');
      },
    });
    start({ queueUrl: queues.deadLetters.source, invoke: async event => void dead.push(event) });
    await send(['g', 'poison']);
    await send(['g', 'fine'], ['h', 'also fine']);
    await until('the poison is dead and the others are done', () => dead.length === 1 && seen.length === 5);
    assert.deepEqual(
      seen.filter(body => body !== 'also fine'),
      ['poison', 'poison', 'poison', 'fine'],
    );
    assert.deepEqual(bodies(dead[0]!), ['poison']);
    assert.equal(groupOf(dead[0]!.Records[0]!), 'g');
  });
});

describe('time', () => {
  test('what a killed process had is invoked elsewhere after the visibility timeout', async t => {
    const { send, start, queues } = await ground(t, 2);
    const script = fileURLToPath(new URL('./event-source-process.ts', import.meta.url));
    const child = spawn(process.execPath, [script, servers.sqs, queues.urls.source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => child.kill('SIGKILL'));
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', text => {
      printed += text;
    });
    await send(['g', 'held']);
    await until('the process has it', () => printed === 'held\n');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const { ended } = start({ invoke: async () => undefined });
    await until('it has come again', () => ended.length === 1);
    const [record] = ended[0]!.event.Records;
    assert.equal(record?.body, 'held');
    assert.equal(record?.attributes.ApproximateReceiveCount, '2');
  });

  for (const name of ['source', 'timer'] as const)
    test(`an invocation that ends after the visibility timeout does not delete what another has now (${name})`, async t => {
      const { send, queue, start, queues } = await ground(t, visibilitySeconds);
      const counts: string[] = [];
      let second = false;
      const { ended } = start({
        queueUrl: queues.urls[name],
        async invoke({ Records }) {
          const count = Records[0]!.attributes.ApproximateReceiveCount;
          counts.push(count);
          if (count === '1') {
            const began = Date.now();
            await until('another has it', () => second);
            // The queue's time runs from before its answer is here; the event source goes by what has passed since.
            await delay(began + visibilitySeconds * 1000 - Date.now());
          }
          if (count === '2') {
            second = true;
            await until('the first has ended', () => ended.length === 1);
            // Until its deletion would have happened.
            await delay(200);
            throw new Error('to see whether it is still there');
          }
        },
      });
      if (name === 'source') await send(['g', 'x']);
      else await queue.sendLater({ queue: 'source', group: 'g', dedup: 'x', body: 'x' }, 1);
      await until('it has come a third time', () => ended.length === 3);
      assert.deepEqual(counts, ['1', '2', '3']);
      assert.deepEqual(
        ended.map(({ expired, failed }) => [expired, failed.size]),
        [
          [true, 0],
          [false, 1],
          [false, 0],
        ],
      );
    });

  test('stop waits for what is in flight, deletes it, and takes nothing more', async t => {
    const { send, start } = await ground(t, visibilitySeconds);
    let end = () => {};
    const first = start({ concurrency: 1, invoke: () => new Promise<void>(resolve => (end = resolve)) });
    await send(['g', 'in flight']);
    await send(['h', 'waiting']);
    await until('it has begun', () => end.name !== 'end');
    let stopped = false;
    const stopping = first.stop().then(() => {
      stopped = true;
    });
    await delay(50);
    assert.equal(stopped, false);
    end();
    await stopping;
    const { ended } = start({ invoke: async () => undefined });
    await until('the other has come', () => ended.length === 1);
    await delay(visibilitySeconds * 1000 + 200);
    assert.deepEqual(
      ended.flatMap(({ event }) => bodies(event)),
      ['waiting'],
    );
  });
});

test('the event is as Lambda sends it', async t => {
  const { queue, queues, start } = await ground(t, 60);
  const fifo = start({ invoke: async () => undefined });
  const standard = start({ queueUrl: queues.urls.timer, invoke: async () => undefined });
  await queue.send([{ queue: 'source', group: 'g', dedup: 'd', body: '🚀' }]);
  await queue.sendLater({ queue: 'source', group: 'g', dedup: 'd', body: 'x' }, 1);
  await until('both have come', () => fifo.ended.length + standard.ended.length === 2);
  const [record] = fifo.ended[0]!.event.Records;
  const { messageId, receiptHandle, attributes, ...rest } = record!;
  assert.deepEqual(rest, {
    body: '🚀',
    messageAttributes: {},
    md5OfBody: createHash('md5').update('🚀').digest('hex'),
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:eu-west-1:000000000000:${queues.urls.source.split('/').at(-1)}`,
    awsRegion: 'eu-west-1',
  });
  assert.ok(messageId && receiptHandle);
  const { SentTimestamp, ApproximateFirstReceiveTimestamp, SenderId, SequenceNumber, ...known } = attributes;
  assert.deepEqual(known, { ApproximateReceiveCount: '1', MessageGroupId: 'g', MessageDeduplicationId: 'd' });
  assert.match(SequenceNumber!, /^\d{20}$/);
  assert.ok(SenderId);
  for (const time of [SentTimestamp, ApproximateFirstReceiveTimestamp]) assert.match(time, /^\d{13}$/);
  const timer = standard.ended[0]!.event.Records[0]!;
  assert.equal(timer.attributes.MessageGroupId, undefined);
  assert.deepEqual(JSON.parse(timer.body), { queue: 'source', group: 'g', dedup: 'd', body: 'x' });
});
