import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startInstalled } from '../../test/fixtures/installed.ts';
import type { KubeObject, ObjectKey } from '../api/object.ts';
import { ClusterUnreachable } from '../ports/cluster.ts';
import { onObjectChange } from './changes.ts';
import type { Context } from './controller.ts';
import type { Outcome } from './outcome.ts';
import { recordOf } from './record.ts';
import { messageOf, workItem } from './work-item.ts';
import { work } from './worker.ts';

const installed = await startInstalled();
after(installed.close);
const { ports, cluster } = installed;
const source: ObjectKey = { cluster: 'main', kind: 'GitRepository', namespace: 'default', name: 'source' };
const keyOf = (name: string): ObjectKey => ({ cluster: 'main', kind: 'Kustomization', namespace: 'default', name });
const kustomization = (name: string): KubeObject => ({
  apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
  kind: 'Kustomization',
  metadata: { name, namespace: 'default' },
  spec: { interval: '10m', prune: true, sourceRef: { kind: 'GitRepository', name: 'source' } },
});
const done: Outcome = { type: 'done', reason: 'Succeeded', message: '' };

/** One message, worked on by a controller that does what it is told. */
async function deliver(
  body: string,
  act: (context: Context) => Promise<Outcome>,
  deadline = Date.now() + 60_000,
  using = ports,
) {
  const controller = { kind: 'Kustomization', transientConditions: [], reconcile: act };
  const record = { messageId: '1', body, attributes: { MessageGroupId: 'g', ApproximateReceiveCount: '1' } };
  return (await work([record], [controller], using, deadline)).batchItemFailures;
}
const message = (name: string) =>
  messageOf(workItem(keyOf(name), { reason: 'test', trace: 't', sentAt: Date.now() })).body;

test('the index knows what an object refers to before the controller reads that', async () => {
  await installed.apply(kustomization('refs'));
  let dependents: ObjectKey[] = [];
  await deliver(message('refs'), async context => {
    dependents = await context.ports.index.dependentsOf(source);
    return done;
  });
  assert.deepEqual(dependents, [keyOf('refs')]);
});

test('a controller that was told to stop writes nothing more', async () => {
  await installed.apply(kustomization('late'));
  const late = Promise.withResolvers<unknown>();
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'too-late', namespace: 'default' } };
  // The kit keeps five seconds of the deadline for itself.
  await deliver(
    message('late'),
    async context => {
      await delay(400);
      late.resolve(await context.cluster.create(map).catch(error => error));
      return done;
    },
    Date.now() + 5_100,
  );
  assert.ok((await late.promise) instanceof Error, 'the request was refused');
  assert.equal(await cluster.get(map, 'default', 'too-late'), undefined);
});

test('what the cluster cut off is taken up as unfinished, whatever ran in between', async () => {
  await installed.apply(kustomization('cut'));
  installed.sent();
  const failures = await deliver(message('cut'), async () => {
    throw new ClusterUnreachable('main', 'away');
  });
  assert.deepEqual(failures, []);
  const [timer] = installed.sent();
  assert.equal(timer?.body.unfinished, true);
  assert.ok(timer.delay);
  await ports.index.markStarted(keyOf('cut'), Date.now());
  let seen: boolean | undefined;
  await deliver(JSON.stringify({ ...timer.body, sentAt: timer.body.sentAt - 5000 }), async context => {
    seen = context.redelivered;
    return done;
  });
  assert.equal(seen, true);
});

test('a change that is taken in late does not overwrite what a fast worker recorded', async () => {
  const object = await installed.apply(kustomization('fast'));
  const record = recordOf(keyOf('fast'), { ...object, metadata: { ...object.metadata, resourceVersion: '999' } }, 42);
  const queue = { ...ports.queue, send: () => ports.index.putObject(record) };
  await onObjectChange('main', { type: 'ADDED', object }, { ...ports, queue });
  assert.equal((await ports.index.getObject(keyOf('fast')))?.dueAt, 42);
});

const type = { apiVersion: 'kustomize.toolkit.fluxcd.io/v1', kind: 'Kustomization' };
const patched = (name: string, body: object) =>
  cluster.patch(type, 'default', name, { type: 'merge', body }, { fieldManager: 'user' });
const asked = { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': 'now' } } };
const meanwhile: [string, KubeObject['spec'], (name: string) => Promise<unknown>][] = [
  ['another spec', {}, name => patched(name, { spec: { interval: '20m' } })],
  ['a request', {}, name => patched(name, asked)],
  ['its deletion', {}, name => cluster.delete(type, 'default', name)],
  ['its deletion while suspended', { suspend: true }, name => cluster.delete(type, 'default', name)],
  ['the end of its suspension', { suspend: true }, name => patched(name, { spec: { suspend: false } })],
];
for (const [position, [what, spec, change]] of meanwhile.entries())
  test(`what comes between the reading of an object and the writing of its status is not taken for seen: ${what}`, async () => {
    const name = `between-${position}`;
    // Ready, so that a suspension has something to write.
    await installed.apply(kustomization(name));
    await deliver(message(name), async () => done);
    await patched(name, { spec });
    let changes = 1;
    const slow = new Proxy(cluster, {
      get: (target, property) => {
        if (property !== 'apply') {
          const value = Reflect.get(target, property);
          return typeof value === 'function' ? value.bind(target) : value;
        }
        return async (...args: Parameters<typeof cluster.apply>) => {
          if (args[1].subresource === 'status' && changes-- > 0) await change(name);
          return cluster.apply(...args);
        };
      },
    });
    const clusters = { ...ports.clusters, get: async () => slow };
    await deliver(message(name), async () => ({ ...done, message: 'again' }), undefined, { ...ports, clusters });
    assert.ok(changes <= 0, 'it came in between');
    installed.sent();
    const object = (await cluster.get(type, 'default', name))!;
    await onObjectChange('main', { type: 'MODIFIED', object }, ports);
    assert.deepEqual(
      installed.sent().map(({ body }) => body.name),
      [name],
    );
  });
