import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IndexedObject } from '../../ports/index.ts';
import { recordOf } from '../../reconcile/record.ts';
import {
  ns,
  pathOf,
  putSecret,
  ready,
  receive,
  receiver,
  receiverType,
  reconcile,
  token,
  world,
} from './testing/hooks.ts';

describe('a Receiver', () => {
  it('gets the path that Flux computes, and is indexed by it', async () => {
    const object = await receiver('path');
    assert.equal(object.status.webhookPath, pathOf('path'));
    assert.equal(ready(object).message, `Receiver initialized for path: ${pathOf('path')}`);
    assert.deepEqual([ready(object).status, ready(object).reason], ['True', 'Succeeded']);
    assert.equal(object.status.observedGeneration, 1);
    assert.deepEqual(object.metadata.finalizers, ['finalizers.fluxcd.io']);
    assert.deepEqual(await world.ports.index.byHookPath(pathOf('path')), [
      { cluster: 'main', kind: 'Receiver', namespace: ns, name: 'path' },
    ]);
  });

  it('is indexed by its path before its status tells that', async t => {
    const { index } = world.ports;
    const put = index.putObject.bind(index);
    const told: unknown[] = [];
    t.mock.method(index, 'putObject', async (record: IndexedObject) => {
      if (record.hookPath) told.push((await world.cluster.get(receiverType, ns, 'early'))?.status?.webhookPath);
      return put(record);
    });
    await receiver('early');
    assert.deepEqual(told, [undefined, pathOf('early')]);
  });

  it('is looked at again after its interval, and says which request it has handled', async () => {
    const before = Date.now();
    await receiver('interval', { interval: '20m' });
    const key = { cluster: 'main', kind: 'Receiver', namespace: ns, name: 'interval' };
    const due = (await world.ports.index.getObject(key))!.dueAt - before;
    assert.ok(due > 18 * 60_000 && due < 22 * 60_000, `${due} ms`);
    const annotations = { 'reconcile.fluxcd.io/requestedAt': 'now-please' };
    await world.cluster.patch(receiverType, ns, 'interval', { type: 'merge', body: { metadata: { annotations } } });
    await reconcile('interval');
    const object = await world.cluster.get(receiverType, ns, 'interval');
    assert.equal(object?.status.lastHandledReconcileAt, 'now-please');
  });

  it('tells of its success in the cluster, as Flux does', async () => {
    await receiver('told');
    const { items } = await world.cluster.list({ apiVersion: 'v1', kind: 'Event' }, { namespace: ns });
    const said = items
      .filter(item => item.involvedObject?.name === 'told')
      .map(item => [item.type, item.reason, item.message]);
    assert.deepEqual(said, [['Normal', 'Succeeded', 'Reconciliation finished, next run in 10m0s']]);
  });

  for (const [name, data, message] of [
    [
      'absent',
      undefined,
      `unable to read token from secret '${ns}/secret-absent' error: secrets "secret-absent" not found`,
    ],
    ['no-token', { other: 'x' }, `invalid '${ns}/secret-no-token' secret data: required fields 'token'`],
    ['empty-token', { token: '' }, `invalid '${ns}/secret-empty-token' secret data: 'token' is empty`],
  ] as [string, Record<string, string> | undefined, string][])
    it(`says TokenNotFound: ${name}`, async () => {
      if (data) await putSecret(`secret-${name}`, data);
      const object = await receiver(name, { secretRef: { name: `secret-${name}` } });
      assert.deepEqual([ready(object).status, ready(object).reason], ['False', 'TokenNotFound']);
      assert.equal(ready(object).message, message);
      assert.equal(object.status.webhookPath, undefined);
      const reconciling = object.status.conditions.find((c: { type: string }) => c.type === 'Reconciling');
      assert.deepEqual([reconciling.status, reconciling.reason], ['True', 'ProgressingWithRetry']);
      const { items } = await world.cluster.list({ apiVersion: 'v1', kind: 'Event' }, { namespace: ns });
      const said = items.filter(item => item.involvedObject?.name === name).map(item => [item.type, item.reason]);
      assert.deepEqual(said, [['Warning', 'Failed']], 'the Event has the reason that Flux gives it');
    });

  it('loses its path with its token', async () => {
    await putSecret('fleeting', { token });
    await receiver('fleeting', { secretRef: { name: 'fleeting' } });
    assert.equal((await receive('fleeting')).status, 200);
    await world.cluster.delete({ apiVersion: 'v1', kind: 'Secret' }, ns, 'fleeting');
    await reconcile('fleeting');
    assert.deepEqual(await world.ports.index.byHookPath(pathOf('fleeting')), []);
    assert.equal((await receive('fleeting')).status, 404);
  });

  it('of a type that is not built is stalled, and named', async () => {
    const object = await receiver('harbor', { type: 'harbor' });
    assert.match(ready(object).message, /spec\.type: harbor/);
    assert.ok(
      object.status.conditions.some(
        (c: { type: string; status: string }) => c.type === 'Stalled' && c.status === 'True',
      ),
    );
  });
});

describe('the index record of a Receiver', () => {
  it('names what the Receiver names', async () => {
    const object = await receiver('refs');
    const key = { cluster: 'main', kind: 'Receiver', namespace: ns, name: 'refs' };
    assert.deepEqual(recordOf(key, object, 0).refs, [`main/GitRepository/${ns}/app`]);
  });
});
