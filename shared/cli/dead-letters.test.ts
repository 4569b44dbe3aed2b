import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { type LocalPorts, localPorts } from '../local/local-ports.ts';
import type { WorkQueue } from '../local/queue-consumer.ts';
import { eventMessage, type ToolkitEvent } from '../reconcile/event.ts';
import { messageOf, workItem } from '../reconcile/work-item.ts';
import { run as check } from './check.ts';
import { run } from './dead-letters.ts';

const scratch = mkdtempSync(join(tmpdir(), 'sluice-dead-letters-'));
const opened: LocalPorts[] = [];
after(() => {
  for (const each of opened) each.close();
  rmSync(scratch, { recursive: true, force: true });
});

let dir = '';
let ports: LocalPorts;
/** Of the queues; ahead of the machine's, so that letters have an age. */
let now = 0;
beforeEach(() => {
  now = Date.now() - 3 * 3600_000;
  dir = join(scratch, String(opened.length));
  ports = localPorts({ dir, publicUrl: '', clock: { now: () => now } });
  opened.push(ports);
});

async function sluice(...args: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const io = { out: (line: string) => out.push(line), err: (line: string) => err.push(line), env: {}, cwd: scratch };
  const exit = await run([...args, '--dir', dir], io);
  return { exit, out: out.join('\n'), err: err.join('\n') };
}

/** Has what is in the queue given up, as when its worker failed three times. */
async function giveUp(queue: WorkQueue): Promise<void> {
  for (let receive = 1; receive <= 4; receive++) {
    for (const { handle } of await ports.queue.receive(queue, { max: 100, visibilitySeconds: 60, perGroup: 10 }))
      await ports.queue.release(queue, handle);
  }
}

const key = (kind: string) => ({ cluster: 'prod', kind, namespace: 'apps', name: 'web' });
const item = (kind: string, sentAt = 1) => workItem(key(kind), { reason: 'change', trace: 'abc1', sentAt });
const event: ToolkitEvent = {
  type: 'event',
  cluster: 'prod',
  trace: 'abc2',
  involvedObject: { ...key('GitRepository'), apiVersion: 'v1', uid: 'u', resourceVersion: '1' },
  severity: 'error',
  timestamp: '2026-01-01T00:00:00Z',
  reason: 'GitOperationFailed',
  message: `no such branch \u001b[31m${'x'.repeat(900)}`,
  metadata: { token: 'hunter2' },
  reportingController: 'source-controller',
  reportingInstance: 'sluice',
};

/** One of each kind. */
async function fill(): Promise<void> {
  await ports.queue.send([
    messageOf(item('Kustomization')),
    { queue: 'kustomize', group: 'prod/ImagePolicy/apps/web', dedup: 'b', body: JSON.stringify(item('ImagePolicy')) },
    { queue: 'source', group: 'g', dedup: 's', body: '{"type":"novel","secretToken":"hunter2"}' },
    { queue: 'source', group: 'g', dedup: 't', body: 'no JSON\u0085 but \n two lines' },
    eventMessage(event, key('GitRepository'), 0),
  ]);
  await ports.queue.sendLater(eventMessage(event, key('GitRepository'), 1), 1);
  now += 2000;
  for (const queue of ['source', 'kustomize', 'notification', 'timer'] as const) await giveUp(queue);
}

interface Listed {
  id: string;
  queue: string;
  kind: string;
  object?: string;
}
async function listed(...args: string[]): Promise<Listed[]> {
  const { exit, out } = await sluice('list', '-o', 'json', ...args);
  assert.equal(exit, 0);
  return JSON.parse(out).letters;
}

describe('sluice dead-letters', () => {
  it('lists what there is, and why', async () => {
    await fill();
    const { exit, out } = await sluice();
    assert.equal(exit, 0);
    const golden = new URL('../../test/golden/cli/dead-letters.txt', import.meta.url);
    const text = `${out.replace(/^(\w+ +)[0-9a-f]{8} /gm, '$1(id)     ')}\n`;
    if (process.env.UPDATE_GOLDEN) writeFileSync(golden, text);
    assert.equal(text, readFileSync(golden, 'utf8'));
    assert.doesNotMatch(out, /hunter2/);
  });

  it('says that there is none', async () => {
    assert.deepEqual(await sluice('list'), { exit: 0, out: 'there is no dead letter', err: '' });
    assert.deepEqual(await sluice('resend', '--all'), { exit: 0, out: 'there is no dead letter', err: '' });
  });

  it('lists those of one queue', async () => {
    await fill();
    assert.deepEqual(
      (await listed('--queue', 'kustomize')).map(({ kind, object }) => [kind, object]),
      [
        ['reconcile', 'prod/Kustomization/apps/web'],
        ['reconcile', 'prod/ImagePolicy/apps/web'],
      ].sort((a, b) => a[1]!.localeCompare(b[1]!)),
    );
  });

  it('shows one, bounded, and without what may be secret', async () => {
    await fill();
    const letters = await listed();
    for (const { id, queue } of letters) {
      const { exit, out } = await sluice('show', id);
      assert.equal(exit, 0);
      assert.match(out, new RegExp(`^id: +${id}\nqueue: +${queue}\n`));
      assert.doesNotMatch(out, /hunter2|x{600}/);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not reach a terminal
      assert.doesNotMatch(out, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    }
    const timer = letters.find(({ queue }) => queue === 'timer')!;
    assert.match((await sluice('show', timer.id.slice(0, 8))).out, /"body": \{\n {4}"type": "event",/);
  });

  it('sends one again: to the end of its group, as a new message, which is tried three times', async () => {
    await fill();
    const before = item('Kustomization', 2);
    await ports.queue.send([messageOf(before)]);
    const letter = (await listed('--queue', 'kustomize')).find(({ object }) => object?.includes('Kustomization'))!;
    const { exit, out } = await sluice('resend', letter.id.slice(0, 12));
    assert.deepEqual([exit, out], [0, `sent again: kustomize ${letter.id} (reconcile of prod/Kustomization/apps/web)`]);
    assert.equal((await listed('--queue', 'kustomize')).length, 1);
    now = Date.now();
    const received = await ports.queue.receive('kustomize', { max: 10, visibilitySeconds: 60 });
    assert.deepEqual(
      received.map(({ group, body, receiveCount, final }) => [group, JSON.parse(body).sentAt, receiveCount, final]),
      [
        ['prod/Kustomization/apps/web', 2, 1, false],
        ['prod/Kustomization/apps/web', 1, 1, false],
      ],
    );
    assert.notEqual(received[1]!.id, letter.id, 'it is told anew when it is given up again');
  });

  it('sends all of a queue again, those of a group in order, also what is in the hands of the function', async () => {
    const bodies = Array.from({ length: 25 }, (_, n) => `{"n":${n}}`);
    await ports.queue.send(bodies.map((body, n) => ({ queue: 'source', group: 'g', dedup: `d${n}`, body })));
    for (let round = 0; round < 3; round++) await giveUp('source');
    const [held] = await ports.queue.receive('source-dlq', { max: 1, visibilitySeconds: 60 });
    const { exit, out } = await sluice('resend', '--all', '--queue', 'source');
    assert.equal(exit, 0);
    assert.equal(out.split('\n').length, 25);
    assert.equal(await ports.queue.release('source-dlq', held!.handle, 60), false, 'the function no longer has it');
    assert.equal(ports.queue.depth('source-dlq'), 0);
    now = Date.now();
    const seen: string[] = [];
    for (let receive = 0; receive < 3; receive++)
      for (const { body, handle } of await ports.queue.receive('source', { max: 10, visibilitySeconds: 60 })) {
        seen.push(body);
        await ports.queue.delete('source', handle);
      }
    assert.deepEqual(seen, bodies);
    await ports.queue.send([{ queue: 'source', group: 'g', dedup: 'next', body: '{}' }]);
    await giveUp('source');
    assert.equal((await ports.queue.receive('source-dlq', { max: 1, visibilitySeconds: 1 })).length, 1);
  });

  it('sends a timer again, which still carries its message', async () => {
    await fill();
    assert.equal((await sluice('resend', '--all', '--queue', 'timer')).exit, 0);
    now = Date.now();
    const [timer] = await ports.queue.receive('timer', { max: 1, visibilitySeconds: 60 });
    assert.equal(JSON.parse(timer!.body).queue, 'notification');
  });

  it('drops one, and then all', async () => {
    await fill();
    const [first, ...rest] = await listed();
    assert.match((await sluice('drop', first!.id)).out, /^dropped: source /);
    assert.deepEqual(await listed(), rest);
    const [behind] = await ports.queue.receive('source-dlq', { max: 10, visibilitySeconds: 60 });
    assert.equal(behind?.id, rest[0]!.id, 'the function still finds what was behind it in its group');
    assert.equal((await sluice('drop', '--all')).out.split('\n').length, rest.length);
    assert.deepEqual(await listed(), []);
    now += 3600_000;
    for (const queue of ['source', 'kustomize', 'notification', 'timer'] as const)
      assert.deepEqual(ports.queue.readyLanes(`${queue}-dlq`), [], 'no group without messages is left');
  });

  it('touches nothing when one of several is not there', async () => {
    await fill();
    const letters = await listed();
    const { exit, err } = await sluice('drop', letters[0]!.id, 'ffff-none');
    assert.equal(exit, 1);
    assert.match(err, /there is no dead letter "ffff-none" that could be had now; `sluice dead-letters` lists/);
    assert.deepEqual(await listed(), letters);
  });

  const refusals: [string[], RegExp][] = [
    [['purge'], /unknown command "dead-letters purge"; there is list, show, resend and drop/],
    [['show'], /name the message/],
    [['drop'], /name the messages, or all: sluice dead-letters drop ID…\|--all/],
    [['resend', 'abcd', '--all'], /name the messages, or all/],
    [['resend', 'abc'], /"abc" is too short for an id/],
    [['list', '--queue', 'helm'], /--queue is "helm"; it has to be source, kustomize, notification or timer/],
    [['list', '--wait', '2h'], /--wait is "2h"; it has to be a duration of at most an hour/],
    [['list', '--wait', 'soon'], /--wait is "soon"/],
    [['list', '-o', 'yaml'], /table or json/],
  ];
  for (const [args, message] of refusals)
    it(`refuses ${args.join(' ')}`, async () => {
      const { exit, err } = await sluice(...args);
      assert.equal(exit, 2, err);
      assert.match(err, message);
    });

  it('is what check points to', async () => {
    await fill();
    await ports.index.addCluster({
      name: 'prod',
      access: { type: 'kubeconfig', secret: 'none' },
      changes: 'watch',
      addedAt: 1,
    });
    const out: string[] = [];
    const io = { out: (line: string) => out.push(line), err: () => {}, env: {}, cwd: scratch };
    assert.equal(await check(['--dir', dir], io), 1);
    assert.match(out.join('\n'), /✗ 2 messages of the queue source .*; `sluice dead-letters` shows/);
  });
});
