import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { SqsQueue } from '../../shared/aws/sqs-queue.ts';
import type { QueueMessage } from '../../shared/ports/queue.ts';
import { type Fault, jsonFault, startFaultProxy } from './fault-proxy.ts';
import { createQueues, type Queues } from './installation.ts';
import { startAwsServers } from './servers.ts';
import { SqsConsumer } from './sqs-consumer.ts';

const servers = await startAwsServers();
after(() => servers.close());
Object.assign(process.env, servers.env);

/** All messages of a queue: the bodies by group. */
async function drained(queues: Queues, endpoint = servers.sqs): Promise<Map<string, number[]>> {
  const consumer = new SqsConsumer(queues, endpoint);
  const groups = new Map<string, number[]>();
  for (;;) {
    const batch = await consumer.receive('kustomize', { max: 10, visibilitySeconds: 60 });
    if (batch.length === 0) break;
    for (const { group, body, handle } of batch) {
      groups.set(group, [...(groups.get(group) ?? []), Number(body)]);
      await consumer.delete('kustomize', handle);
    }
  }
  consumer.close();
  return groups;
}

function numbered(groups: number, each: number): QueueMessage[] {
  return Array.from({ length: groups * each }, (_, n) => ({
    queue: 'kustomize',
    group: `g${n % groups}`,
    dedup: String(n),
    body: String(n),
  }));
}

function assertComplete(found: Map<string, number[]>, groups: number, each: number): void {
  assert.equal(found.size, groups);
  for (let g = 0; g < groups; g++)
    assert.deepEqual(
      found.get(`g${g}`),
      Array.from({ length: each }, (_, n) => g + n * groups),
    );
}

test('a way on which every third call is refused or loses its answer: each message once, each group in order', async t => {
  const queues = await createQueues(servers, `faults-${randomUUID().slice(0, 8)}`, 60);
  const faults: Fault[] = [
    'lost',
    jsonFault(503, 'ServiceUnavailable'),
    jsonFault(400, 'RequestThrottled'),
    jsonFault(500, 'InternalError'),
  ];
  const proxy = await startFaultProxy(servers.sqs);
  let calls = 0;
  proxy.fault = () => {
    const call = calls++;
    return call % 3 === 1 ? faults[((call / 3) % 4) | 0]! : undefined;
  };
  t.after(() => proxy.close());
  const queue = new SqsQueue({ urls: queues.urls, endpoint: proxy.url });
  t.after(() => queue.close());
  await queue.send(numbered(25, 6));
  assert.ok(faults.every(fault => proxy.seen.some(asked => asked.fault === fault)));
  assertComplete(await drained(queues), 25, 6);
});

test('a thousand objects due at once', async t => {
  const queues = await createQueues(servers, `storm-${randomUUID().slice(0, 8)}`, 60);
  const proxy = await startFaultProxy(servers.sqs);
  t.after(() => proxy.close());
  const queue = new SqsQueue({ urls: queues.urls, endpoint: proxy.url });
  t.after(() => queue.close());
  await queue.send(numbered(1000, 1));
  assert.equal(proxy.seen.length, 100);
  assertComplete(await drained(queues), 1000, 1);
});

test('1 MiB in one call: many bodies together, and a timer that holds as much', async t => {
  // On moto, which knows the limit of today; ElasticMQ's is 256 KiB.
  const moto = { ...servers, sqs: servers.moto };
  const queues = await createQueues(moto, `large-${randomUUID().slice(0, 8)}`, 60);
  const queue = new SqsQueue({ urls: queues.urls, endpoint: servers.moto });
  t.after(() => queue.close());
  const kib = [400, 400, 224, 1024, 1, 1023];
  await queue.send(
    kib.map((size, n) => ({
      queue: 'kustomize',
      group: `g${n}`,
      dedup: `${n}`,
      body: `${n}`.padEnd(size * 1024, ' '),
    })),
  );
  const found = await drained(queues, servers.moto);
  assert.deepEqual([...found.values()].flat().sort(), [0, 1, 2, 3, 4, 5]);
  const timer: QueueMessage = { queue: 'source', group: 'g', dedup: 'd', body: '' };
  timer.body = 'x'.repeat(1024 * 1024 - JSON.stringify(timer).length);
  await queue.sendLater(timer, 1);
  await assert.rejects(queue.sendLater({ ...timer, body: `${timer.body}x` }, 1), { code: 'MessageTooLong' });
});

test('a queue that is not there is named', async t => {
  const queues = await createQueues(servers, `gone-${randomUUID().slice(0, 8)}`, 60);
  const queue = new SqsQueue({ urls: { ...queues.urls, source: `${queues.urls.source}-gone.fifo` } });
  t.after(() => queue.close());
  await assert.rejects(queue.send([{ queue: 'source', group: 'g', dedup: 'd', body: 'x' }]), {
    name: 'AwsError',
    message: /send 1 message to the queue source \(.*-gone\.fifo\): The specified queue does not exist/,
  });
});
