import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startInstalled } from '../../test/fixtures/installed.ts';
import { emfMetrics } from '../aws/emf-metrics.ts';
import { deadLettered } from './dead-letter.ts';
import { conditionsOf } from './subject.ts';
import { workItem } from './work-item.ts';

const installed = await startInstalled();
after(installed.close);
const { cluster } = installed;
const lines: string[] = [];
const metrics = emfMetrics({ name: 'test', clock: installed.ports.clock, write: line => lines.push(line) });
const ports = { ...installed.ports, metrics };
const type = { apiVersion: 'kustomize.toolkit.fluxcd.io/v1', kind: 'Kustomization' };
const key = { cluster: 'main', kind: 'Kustomization', namespace: 'default', name: 'app' };
const record = {
  messageId: 'm1',
  body: JSON.stringify(workItem(key, { reason: 'change', trace: 't', sentAt: 1 })),
};

test('an object whose reconcile was given up says so, is tried again later, and counts once', async () => {
  await installed.apply({
    ...type,
    metadata: { name: 'app', namespace: 'default' },
    spec: { interval: '10m', prune: true, sourceRef: { kind: 'GitRepository', name: 'source' } },
  });
  assert.equal(await deadLettered(record, ports), 'done');
  const ready = conditionsOf((await cluster.get(type, 'default', 'app'))!).find(({ type }) => type === 'Ready');
  assert.equal(ready?.status, 'False');
  assert.match(ready.message, /worker stopped several times/);
  const { dueAt } = (await ports.index.getObject(key))!;
  assert.ok(dueAt > Date.now() + 10 * 60_000 && dueAt < Date.now() + 20 * 60_000);
  assert.equal(await deadLettered(record, ports), 'done');
  assert.equal(lines.length, 1);
  const { DeadLetters, object, trace } = JSON.parse(lines[0]!);
  assert.deepEqual(
    { DeadLetters, object, trace },
    { DeadLetters: 1, object: 'main/Kustomization/default/app', trace: 't' },
  );
});

test('an object that is gone is forgotten', async () => {
  await cluster.delete(type, 'default', 'app');
  assert.equal(await deadLettered({ ...record, messageId: 'm2' }, ports), 'done');
  assert.equal(await ports.index.getObject(key), undefined);
});
