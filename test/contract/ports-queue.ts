import assert from 'node:assert/strict';
import { after, before, describe, test as run, type TestContext } from 'node:test';
import type { ReceivableQueue, ReceivedMessage } from '../../shared/local/queue-consumer.ts';
import type { QueueMessage } from '../../shared/ports/queue.ts';
import type { Implementation, Opened, QueuePort } from './ports.ts';
import { runProcess } from './run-process.ts';

/** The contract of the queues: Queue, and the consumer that Lambda's event source mapping or the local host is. */
export function queueContract(implementation: Implementation<QueuePort>): void {
  describe(`queue: ${implementation.name}`, () => {
    ordering(implementation);
    redelivery(implementation);
    deduplication(implementation);
    timers(implementation);
    bodies(implementation);
    processes(implementation);
  });
}

let serial = 0;

function message(group: string, body: string, more: Partial<QueueMessage> = {}): QueueMessage {
  return { queue: 'source', group, dedup: `dedup-${serial++}`, body, ...more };
}

/** Declares a test, unless it is one that cannot hold on the implementation. */
function testOf(implementation: Implementation<QueuePort>) {
  return (name: string, body: (t: TestContext) => void | Promise<void>) =>
    run(name, { skip: implementation.exceptions?.[name] ?? false }, body);
}

/** A fresh queue for the tests of one block. */
function opened(implementation: Implementation<QueuePort>): () => Opened<QueuePort> {
  let current: Opened<QueuePort>;
  before(async () => {
    current = await implementation.open();
  });
  after(() => current.close());
  return () => current;
}

/** Receives until `count` messages came; what comes later than a minute does not come. */
async function receive(
  queue: QueuePort,
  count: number,
  visibilitySeconds = 30,
  name: ReceivableQueue = 'source',
): Promise<ReceivedMessage[]> {
  const found: ReceivedMessage[] = [];
  const end = Date.now() + 60_000;
  while (found.length < count && Date.now() < end)
    found.push(...(await queue.receive(name, { max: Math.min(10, count - found.length), visibilitySeconds })));
  return found;
}

async function deleteAll(queue: QueuePort, messages: ReceivedMessage[]): Promise<void> {
  for (const { queue: name, handle } of messages) await queue.delete(name, handle);
}

async function pass(current: Opened<QueuePort>, milliseconds: number): Promise<void> {
  if (current.advance) current.advance(milliseconds);
  else await new Promise(resolve => setTimeout(resolve, milliseconds));
}

/** Seconds in which a busy machine gets from one line of a test to the next; they only cost time that cannot be put forward. */
const ample = (current: Opened<QueuePort>) => (current.advance ? 100 : 5);

const bodiesOf = (messages: ReceivedMessage[]) => messages.map(({ body }) => body);

function ordering(implementation: Implementation<QueuePort>): void {
  describe('order', () => {
    const current = opened(implementation);
    const test = testOf(implementation);

    test('messages of a group come in the order they were sent', async () => {
      const { port } = current();
      const sent = Array.from({ length: 25 }, (_, i) => String(i));
      for (const body of sent) await port.send([message('order', body)]);
      const got: string[] = [];
      while (got.length < sent.length) {
        const batch = await receive(port, 1);
        assert.equal(batch.length, 1);
        got.push(...bodiesOf(batch));
        await deleteAll(port, batch);
      }
      assert.deepEqual(got, sent);
    });

    test('no message of a group comes while another is in flight; other groups do', async () => {
      const { port } = current();
      await port.send([message('a', 'a1'), message('a', 'a2'), message('b', 'b1')]);
      const first = await receive(port, 1);
      assert.deepEqual(bodiesOf(first), ['a1']);
      const second = await port.receive('source', { max: 10, visibilitySeconds: 30 });
      assert.deepEqual(bodiesOf(second), ['b1']);
      assert.deepEqual(await port.receive('source', { max: 10, visibilitySeconds: 30 }), []);
      await deleteAll(port, first);
      const third = await receive(port, 1);
      assert.deepEqual(bodiesOf(third), ['a2']);
      await deleteAll(port, [...second, ...third]);
    });

    test('one receive may bring several of a group, in order; the group is free when all are deleted', async () => {
      const { port } = current();
      for (const body of ['1', '2', '3', '4']) await port.send([message('batch', body)]);
      const batch = await port.receive('source', { max: 3, visibilitySeconds: 30 });
      assert.deepEqual(bodiesOf(batch), ['1', '2', '3']);
      assert.ok(batch.every((m, i) => i === 0 || m.sequence > batch[i - 1]!.sequence));
      await deleteAll(port, [batch[0]!, batch[2]!]);
      assert.deepEqual(await port.receive('source', { max: 3, visibilitySeconds: 30 }), [], 'the second is in flight');
      await deleteAll(port, [batch[1]!]);
      const rest = await receive(port, 1);
      assert.deepEqual(bodiesOf(rest), ['4']);
      await deleteAll(port, rest);
    });

    test('queues do not see each other', async () => {
      const { port } = current();
      await port.send([message('g', 'for kustomize', { queue: 'kustomize' })]);
      assert.deepEqual(await port.receive('source', { max: 1, visibilitySeconds: 30 }), []);
      const got = await port.receive('kustomize', { max: 1, visibilitySeconds: 30 });
      assert.deepEqual(bodiesOf(got), ['for kustomize']);
      await deleteAll(port, got);
    });
  });
}

function redelivery(implementation: Implementation<QueuePort>): void {
  describe('redelivery', () => {
    const current = opened(implementation);
    const test = testOf(implementation);

    test('what is not deleted comes again after its visibility timeout, before those behind it', async () => {
      const { port } = current();
      await port.send([message('again', 'first'), message('again', 'second')]);
      const seconds = ample(current());
      const [once] = await receive(port, 1, seconds);
      assert.equal(once?.receiveCount, 1);
      assert.deepEqual(await port.receive('source', { max: 1, visibilitySeconds: 1 }), []);
      await pass(current(), seconds * 1000 + 100);
      const [twice] = await receive(port, 1);
      assert.equal(twice?.body, 'first');
      assert.equal(twice?.receiveCount, 2);
      assert.notEqual(twice?.handle, once?.handle);
      await deleteAll(port, [once!]);
      assert.deepEqual(
        await port.receive('source', { max: 1, visibilitySeconds: 30 }),
        [],
        'a stale handle frees nothing',
      );
      await deleteAll(port, [twice!]);
      const [behind] = await receive(port, 1);
      assert.equal(behind?.body, 'second');
      await deleteAll(port, [behind!]);
    });

    test('a released message comes at once, or after the time asked for', async () => {
      const { port } = current();
      await port.send([message('release', 'x')]);
      const [one] = await receive(port, 1);
      await port.release('source', one!.handle);
      const [two] = await receive(port, 1);
      assert.equal(two?.receiveCount, 2);
      const seconds = ample(current());
      await port.release('source', two!.handle, seconds);
      assert.deepEqual(await port.receive('source', { max: 1, visibilitySeconds: 30 }), []);
      await pass(current(), seconds * 1000 + 100);
      await deleteAll(port, await receive(port, 1));
    });

    test('after three receives a message goes to the dead-letter queue, and its group goes on', async () => {
      const { port } = current();
      await port.send([message('poison', 'bad'), message('poison', 'good')]);
      for (let i = 1; i <= 3; i++) {
        const [bad] = await receive(port, 1);
        assert.equal(bad?.body, 'bad');
        assert.equal(bad?.receiveCount, i);
        await port.release('source', bad!.handle);
      }
      const [good] = await receive(port, 1);
      assert.equal(good?.body, 'good');
      await deleteAll(port, [good!]);
      const dead = await port.receive('source-dlq', { max: 10, visibilitySeconds: 30 });
      assert.deepEqual(bodiesOf(dead), ['bad']);
      assert.equal(dead[0]?.group, 'poison');
      await deleteAll(port, dead);
    });
  });
}

function deduplication(implementation: Implementation<QueuePort>): void {
  describe('deduplication', () => {
    const current = opened(implementation);
    const test = testOf(implementation);

    test('a second message with the same id is dropped, also after the first was deleted, in its queue only', async () => {
      const { port } = current();
      const twice = message('dup', 'one');
      await port.send([twice]);
      await port.send([{ ...twice, body: 'two' }]);
      const got = await receive(port, 1);
      assert.deepEqual(bodiesOf(got), ['one']);
      await deleteAll(port, got);
      await port.send([{ ...twice, body: 'three' }, message('dup', 'other')]);
      const rest = await receive(port, 1);
      assert.deepEqual(bodiesOf(rest), ['other']);
      await deleteAll(port, rest);
      await port.send([{ ...twice, queue: 'notification' }]);
      const elsewhere = await port.receive('notification', { max: 1, visibilitySeconds: 30 });
      assert.equal(elsewhere.length, 1);
      await deleteAll(port, elsewhere);
    });

    test('the id is free again after five minutes', async t => {
      if (!current().advance) return t.skip('needs a clock that can be set');
      const { port } = current();
      const twice = message('dup', 'one');
      await port.send([twice]);
      await deleteAll(port, await receive(port, 1));
      await pass(current(), 240_000);
      await port.send([twice]);
      assert.deepEqual(await port.receive('source', { max: 1, visibilitySeconds: 30 }), []);
      await pass(current(), 61_000);
      await port.send([twice]);
      await deleteAll(port, await receive(port, 1));
    });
  });
}

function timers(implementation: Implementation<QueuePort>): void {
  describe('timers', () => {
    const current = opened(implementation);
    const test = testOf(implementation);

    test('a delayed message appears in the timer queue when its time has come, whole', async () => {
      const { port } = current();
      const later = message('g', 'later 🚀');
      const seconds = ample(current());
      await port.sendLater(later, 2 * seconds);
      await port.sendLater(message('g', 'sooner'), seconds);
      assert.deepEqual(await port.receive('timer', { max: 10, visibilitySeconds: 30 }), []);
      const got: ReceivedMessage[] = [];
      const end = Date.now() + 60_000;
      while (got.length < 2 && Date.now() < end) {
        await pass(current(), seconds * 200);
        const due = await port.receive('timer', { max: 10, visibilitySeconds: 30 });
        await deleteAll(port, due);
        got.push(...due);
      }
      assert.deepEqual(
        got.map(({ body }) => JSON.parse(body).body),
        ['sooner', 'later 🚀'],
      );
      assert.deepEqual(JSON.parse(got[1]!.body), later);
    });

    test('only whole seconds from 1 to 900', async () => {
      for (const seconds of [0, -1, 901, 1.5, Number.NaN])
        await assert.rejects(current().port.sendLater(message('g', 'x'), seconds), { code: 'InvalidDelay' });
    });
  });
}

function bodies(implementation: Implementation<QueuePort>): void {
  describe('bodies', () => {
    const current = opened(implementation);
    const test = testOf(implementation);

    test('any text that JSON can hold arrives as it was sent', async () => {
      const { port } = current();
      const texts = ['🚀 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \u{10FFFD}', 'ÄÖÜ\r\n\ttab', '"quoted" \\ \'', '漢字'];
      for (const text of texts) await port.send([message('text', text)]);
      const got = await receive(port, texts.length);
      assert.deepEqual(bodiesOf(got), texts);
      await deleteAll(port, got);
    });

    test('a JSON body arrives with the same meaning, whatever characters its strings hold', async () => {
      const { port } = current();
      const value = { text: '\u0000\u001b\u007f\uFFFE\uFFFF\uD83D' };
      await port.send([message('json', JSON.stringify(value))]);
      const got = await receive(port, 1);
      assert.deepEqual(JSON.parse(got[0]!.body), value);
      await deleteAll(port, got);
      await port.sendLater(message('json', JSON.stringify(value)), 1);
      await pass(current(), 1100);
      const [timer] = await receive(port, 1, 30, 'timer');
      assert.deepEqual(JSON.parse(JSON.parse(timer!.body).body), value);
      await deleteAll(port, [timer!]);
    });

    test('1 MiB is taken, a byte more is refused, and nothing of that call is sent', async () => {
      const { port } = current();
      const full = 'ä'.repeat(512 * 1024);
      await port.send([message('large', full)]);
      const got = await receive(port, 1);
      assert.ok(got[0]?.body === full);
      await deleteAll(port, got);
      await assert.rejects(port.send([message('large', 'small'), message('large', `${full}x`)]), {
        code: 'MessageTooLong',
      });
      assert.deepEqual(await port.receive('source', { max: 1, visibilitySeconds: 30 }), []);
    });

    test('what SQS cannot carry is refused: control characters, unpaired surrogates, nothing at all', async () => {
      for (const body of ['\u0000', 'a\u001bb', '\uD83D', ''])
        await assert.rejects(current().port.send([message('bad', body)]), { code: 'InvalidMessage' });
    });

    test('groups of any length and with any characters are groups', async () => {
      const { port } = current();
      const groups = ['a b', 'x'.repeat(300), `${'x'.repeat(300)}y`, 'cluster/Kind/näme/space'];
      for (const group of groups) await port.send([message(group, group)]);
      const got = await receive(port, groups.length);
      assert.deepEqual(bodiesOf(got).sort(), groups.sort());
      await deleteAll(port, got);
    });
  });
}

function processes(implementation: Implementation<QueuePort>): void {
  describe('processes', () => {
    const current = opened(implementation);
    const test = testOf(implementation);

    test('several consumers share the work: each message once, each group in order', async () => {
      const { port } = current();
      const groups = Array.from({ length: 20 }, (_, g) => `g${g}`);
      for (let i = 0; i < 20; i++)
        await port.send(groups.map(group => message(group, String(i), { queue: 'kustomize' })));
      const consumers = [1, 2, 3].map(() => runProcess(current(), 'drain'));
      await Promise.all(consumers.map(consumer => consumer.finished()));
      const lines = consumers.flatMap(({ lines }) => lines);
      assert.equal(lines.length, 400);
      assert.equal(new Set(lines).size, 400);
      for (const consumer of consumers)
        for (const group of groups) {
          const numbers = consumer.lines
            .filter(line => line.startsWith(`${group} `))
            .map(line => Number(line.split(' ')[1]));
          assert.deepEqual(
            numbers,
            numbers.toSorted((a, b) => a - b),
          );
        }
    });

    test('what was accepted survives a kill -9 of the sender', async () => {
      const { port } = current();
      const sender = runProcess(current(), 'send', 'killed');
      await sender.printed(50);
      await sender.kill();
      const accepted = sender.lines.length;
      const got: string[] = [];
      for (;;) {
        const batch = await port.receive('source', { max: 10, visibilitySeconds: 30 });
        if (batch.length === 0) break;
        got.push(...bodiesOf(batch));
        await deleteAll(port, batch);
      }
      assert.ok(got.length >= accepted, `${accepted} accepted, ${got.length} there`);
      assert.deepEqual(
        got,
        Array.from(got, (_, i) => String(i)),
      );
    });

    test('what a killed consumer held comes again', async () => {
      const { port } = current();
      await port.send([message('held', 'precious', { queue: 'notification' })]);
      const consumer = runProcess(current(), 'hold');
      await consumer.printed(1);
      assert.deepEqual(consumer.lines, ['precious']);
      await consumer.kill();
      await pass(current(), 2100);
      const again = await receive(port, 1, 30, 'notification');
      assert.deepEqual(bodiesOf(again), ['precious']);
      assert.equal(again[0]?.receiveCount, 2);
      await deleteAll(port, again);
    });
  });
}
