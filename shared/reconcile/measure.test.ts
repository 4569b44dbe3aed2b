import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startInstalled } from '../../test/fixtures/installed.ts';
import type { KubeObject, ObjectKey } from '../api/object.ts';
import { ClusterUnreachable } from '../ports/cluster.ts';
import type { Measurement, Metrics } from '../ports/metrics.ts';
import { StalledError } from './errors.ts';
import type { Outcome } from './outcome.ts';
import { messageOf, type WorkItem, workItem } from './work-item.ts';
import { work } from './worker.ts';

const installed = await startInstalled();
after(installed.close);
const kept: Measurement[] = [];
const metrics: Metrics = { record: measurement => void kept.push(measurement), with: () => metrics };
/** Stands still, so that figures are exact. */
let now = Date.now();
const ports = { ...installed.ports, metrics, clock: { now: () => now } };
const keyOf = (name: string): ObjectKey => ({ cluster: 'main', kind: 'Kustomization', namespace: 'default', name });
const object = (name: string): KubeObject => ({
  apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
  kind: 'Kustomization',
  metadata: { name, namespace: 'default' },
  spec: { interval: '10m', prune: true, sourceRef: { kind: 'GitRepository', name: 'source' } },
});
const done: Outcome = { type: 'done', reason: 'Succeeded', message: '' };

/** What was measured while one message was worked on by a controller that takes 250 ms, and whether it comes again. */
async function measured(name: string, item: Partial<WorkItem>, act: () => Outcome, using = ports) {
  const body = messageOf({ ...workItem(keyOf(name), { reason: 'test', trace: 't1', sentAt: now - 40 }), ...item }).body;
  const reconcile = async () => {
    now += 250;
    return act();
  };
  const controller = { kind: 'Kustomization', transientConditions: [], reconcile };
  const { batchItemFailures } = await work([{ messageId: '1', body }], [controller], using, Date.now() + 60_000);
  return { again: batchItemFailures.length, lines: kept.splice(0) };
}
const fail = (error: Error) => (): Outcome => {
  throw error;
};

test('a reconcile is one measurement of its kind, and a line that tells what it was of', async () => {
  await installed.apply(object('app'));
  const { again, lines } = await measured('app', {}, () => done);
  assert.equal(again, 0);
  assert.deepEqual(lines, [
    {
      message: 'reconciled',
      level: 'info',
      kind: 'Kustomization',
      figures: { Reconciles: 1, ReconcileFailures: 0, ReconcileDuration: 250, QueueDelay: 40 },
      fields: {
        object: 'main/Kustomization/default/app',
        trace: 't1',
        reason: 'test',
        outcome: 'done',
        code: 'Succeeded',
      },
    },
  ]);
});

test('waiting for a timer is no delay, its lateness is', async () => {
  now += 1000;
  const { lines } = await measured('app', { sentAt: now - 500, dueAt: now - 70 }, () => done);
  assert.equal(lines[0]?.figures.QueueDelay, 70);
  now += 1000;
  const early = await measured('app', { sentAt: now, dueAt: now + 20 }, () => done);
  assert.equal(early.lines[0]?.figures.QueueDelay, 0, 'clocks that differ');
});

test('the timer of a retry says when it is due', async () => {
  installed.sent();
  now += 1000;
  await measured('app', {}, fail(new Error('no')));
  const [timer] = installed.sent().filter(({ delay }) => delay !== undefined);
  assert.ok(timer?.delay);
  assert.equal(timer.body.dueAt, timer.body.sentAt + timer.delay * 1000);
});

test('failed, stalled, cut off and thrown all count as failures, each once', async () => {
  const unreadable = {
    ...ports,
    index: new Proxy(ports.index, {
      get: (target, property) => {
        if (property === 'putObject')
          return async () => {
            throw new Error('the table is away');
          };
        const value = Reflect.get(target, property);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    }),
  };
  const cases: [string, () => Outcome, typeof ports, number, Partial<Measurement>][] = [
    ['failed', fail(new Error('no')), ports, 0, { message: 'reconcile failed', level: 'warn' }],
    ['stalled', fail(new StalledError('Bad', 'no')), ports, 0, { message: 'reconcile stalled', level: 'warn' }],
    [
      'unreachable',
      fail(new ClusterUnreachable('main', 'away')),
      ports,
      0,
      { message: 'the cluster does not answer; trying again later', level: 'warn' },
    ],
    ['thrown', () => done, unreadable, 1, { figuresOnly: true }],
  ];
  for (const [name, act, using, again, expected] of cases) {
    now += 1000;
    const answer = await measured('app', {}, act, using);
    assert.equal(answer.again, again, name);
    assert.equal(answer.lines.length, 1, name);
    const [line] = answer.lines;
    assert.deepEqual({ ...line, ...expected }, line, name);
    assert.deepEqual(
      line!.figures,
      { Reconciles: 1, ReconcileFailures: 1, ReconcileDuration: 250, QueueDelay: 40 },
      name,
    );
    assert.equal(line!.fields?.trace, 't1');
  }
});

test('a coalesced message, an object that is gone and a suspended one are no reconciles', async () => {
  now += 1000;
  await ports.index.markStarted(keyOf('app'), now);
  assert.deepEqual((await measured('app', { sentAt: now - 500 }, () => done)).lines, []);
  assert.deepEqual((await measured('gone', {}, () => done)).lines, []);
  const { spec, ...rest } = object('asleep');
  await installed.apply({ ...rest, spec: { ...spec, suspend: true } });
  assert.deepEqual((await measured('asleep', {}, () => done)).lines, []);
});

test('what could not be recorded is logged with why', async () => {
  now += 1000;
  installed.log.splice(0);
  const queue = {
    ...ports.queue,
    sendLater: async () => {
      throw new Error('the queue is away');
    },
  };
  const { again } = await measured('app', {}, fail(new Error('the cause')), { ...ports, queue });
  assert.equal(again, 1);
  const lines = installed.log.map(line => JSON.parse(line));
  assert.ok(lines.some(({ error, trace }) => error === 'the cause' && trace === 't1'));
  const worker = lines.find(({ message }) => message === 'the message will come again');
  assert.equal(worker?.error, 'the queue is away');
  assert.equal(worker.trace, 't1');
  assert.equal(worker.object, 'main/Kustomization/default/app');
});
