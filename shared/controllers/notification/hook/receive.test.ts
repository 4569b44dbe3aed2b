import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type Installed, startInstalled, unreachableKubeconfig } from '../../../../test/fixtures/installed.ts';
import type { KubeObject } from '../../../api/object.ts';
import { recordOf } from '../../../reconcile/record.ts';
import { work } from '../../../reconcile/worker.ts';
import { messageHandlers } from '../message-handlers.ts';
import { receiverController } from '../receiver.ts';
import { forgetAsked } from './find.ts';
import { type IncomingHook, maxHookBody, receiveHook } from './receive.ts';
import { webhookPath } from './webhook-path.ts';

const token = 'token of the receiver';
const ns = 'hooks';
const trace = 'f'.repeat(32);
const body = Buffer.from('{"ref":"refs/heads/main"}');
const options = { noCrossNamespaceRefs: false, deadlineMs: 5_000 };

let world: Installed;
before(async () => {
  world = await startInstalled();
  for (const name of [ns, 'elsewhere']) await world.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await putSecret('token', { token });
  for (const [name, labels, namespace] of [
    ['app', {}, ns],
    ['blue-1', { team: 'blue' }, ns],
    ['blue-2', { team: 'blue' }, ns],
    ['far', {}, 'elsewhere'],
  ] as const)
    await world.apply({
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'GitRepository',
      metadata: { name, namespace, labels },
      spec: { interval: '1h', url: 'https://git.example.com/app.git' },
    });
});
after(() => world.close());
beforeEach(async () => {
  world.sent();
  forgetAsked();
});

async function putSecret(name: string, data: Record<string, string>): Promise<void> {
  const encoded = Object.fromEntries(
    Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  );
  await world.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: ns }, data: encoded });
}

const receiverType = { apiVersion: 'notification.toolkit.fluxcd.io/v1', kind: 'Receiver' };

/** Applies a Receiver and has it reconciled; the object as it then is. */
async function receiver(name: string, spec: Record<string, unknown> = {}, cluster = 'main'): Promise<KubeObject> {
  await world.apply({
    ...receiverType,
    metadata: { name, namespace: ns },
    spec: {
      type: 'generic',
      secretRef: { name: 'token' },
      resources: [{ kind: 'GitRepository', name: 'app' }],
      ...spec,
    },
  });
  await reconcile(name, cluster);
  return (await world.cluster.get(receiverType, ns, name))!;
}

async function reconcile(name: string, cluster = 'main'): Promise<void> {
  const item = {
    type: 'reconcile',
    cluster,
    kind: 'Receiver',
    namespace: ns,
    name,
    reason: 'change',
    trace,
    sentAt: Date.now(),
  };
  const result = await work(
    [{ messageId: '1', body: JSON.stringify(item) }],
    [receiverController],
    world.ports,
    Date.now() + 30_000,
  );
  assert.deepEqual(result.batchItemFailures, []);
}

const pathOf = (name: string) => webhookPath(token, name, ns);
const hook = (name: string, change: Partial<IncomingHook> = {}): IncomingHook => ({
  path: pathOf(name),
  headers: {},
  body,
  trace,
  ...change,
});
const receive = (name: string, change: Partial<IncomingHook> = {}) =>
  receiveHook(hook(name, change), world.ports, options);

const ready = (object: KubeObject) => object.status.conditions.find((c: { type: string }) => c.type === 'Ready');

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

describe('a webhook', () => {
  it('asks only for what its filters let through', async () => {
    const spec = {
      resourceFilter: 'res.metadata.name == req.want',
      resources: [{ kind: 'GitRepository', name: '*', matchLabels: { team: 'blue' } }],
    };
    await receiver('filtered', spec);
    world.sent();
    const json = { 'content-type': 'application/json' };
    assert.equal((await receive('filtered', { body: Buffer.from('{"want":"blue-2"}'), headers: json })).status, 200);
    assert.deepEqual(
      world.sent().map(each => each.body.name),
      ['blue-2'],
    );
    assert.equal(
      (await receive('filtered', { body: Buffer.from('{}'), headers: json })).status,
      500,
      'nothing to compare with',
    );
    assert.equal(
      (await receive('filtered', { body: Buffer.from('no'), headers: json })).status,
      500,
      'a body that is no JSON',
    );
    assert.deepEqual(world.sent(), []);
  });

  it('annotates what it names, and sends it to be reconciled', async () => {
    await receiver('basic');
    world.sent();
    assert.deepEqual(await receive('basic'), { status: 200, message: '' });
    const sent = world.sent();
    assert.equal(sent.length, 1);
    const { sentAt, ...item } = sent[0]!.body;
    assert.deepEqual(item, {
      type: 'reconcile',
      cluster: 'main',
      kind: 'GitRepository',
      namespace: ns,
      name: 'app',
      reason: 'webhook',
      trace,
    });
    const object = await world.cluster.get(
      { apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'GitRepository' },
      ns,
      'app',
    );
    assert.equal(object?.metadata.annotations?.['reconcile.fluxcd.io/requestedAt'], new Date(sentAt).toISOString());
  });

  const resources: [string, Record<string, unknown>[], string[], number][] = [
    ['labels', [{ kind: 'GitRepository', name: '*', matchLabels: { team: 'blue' } }], ['blue-1', 'blue-2'], 200],
    ['labels-nobody', [{ kind: 'GitRepository', name: '*', matchLabels: { team: 'red' } }], [], 200],
    ['no-labels', [{ kind: 'GitRepository', name: '*' }], [], 500],
    ['another-namespace', [{ kind: 'GitRepository', name: 'far', namespace: 'elsewhere' }], ['far'], 200],
    [
      'twice',
      [
        { kind: 'GitRepository', name: 'app' },
        { kind: 'GitRepository', name: 'app' },
      ],
      ['app'],
      200,
    ],
    [
      'missing',
      [
        { kind: 'GitRepository', name: 'gone' },
        { kind: 'GitRepository', name: 'app' },
      ],
      ['app'],
      500,
    ],
    ['no-version', [{ kind: 'Kustomization', name: 'x' }], [], 500],
    [
      'unknown-kind',
      [
        { kind: 'HelmRepository', name: '*', matchLabels: { a: 'b' } },
        { kind: 'GitRepository', name: 'app' },
      ],
      ['app'],
      500,
    ],
  ];
  for (const [name, list, names, status] of resources)
    it(`resolves resources: ${name}`, async () => {
      await receiver(`res-${name}`, { resources: list });
      world.sent();
      const answer = await receive(`res-${name}`);
      assert.equal(answer.status, status, answer.message);
      assert.deepEqual(
        world
          .sent()
          .map(each => each.body.name)
          .sort(),
        names,
      );
    });

  it('stays in its namespace when it has to', async () => {
    await receiver('locked', { resources: [{ kind: 'GitRepository', name: 'far', namespace: 'elsewhere' }] });
    world.sent();
    const answer = await receiveHook(hook('locked'), world.ports, { ...options, noCrossNamespaceRefs: true });
    assert.equal(answer.status, 500);
    assert.match(answer.message, /cross-namespace references are not allowed/);
    assert.deepEqual(world.sent(), []);
  });

  it('is answered as Flux answers', async () => {
    await receiver('answers', { type: 'github', events: ['push'] });
    await receiver('suspended');
    await world.apply({
      ...receiverType,
      metadata: { name: 'suspended', namespace: ns },
      spec: { type: 'generic', secretRef: { name: 'token' }, resources: [], suspend: true },
    });
    await receiver('unready');
    await world.cluster.patch(
      receiverType,
      ns,
      'unready',
      { type: 'merge', body: { status: { conditions: [] } } },
      { subresource: 'status' },
    );
    const signature = `sha256=${createHmac('sha256', token).update(body).digest('hex')}`;
    const signed = { 'content-type': 'application/json', 'x-hub-signature-256': signature };
    const table: [string, Partial<IncomingHook>, number, RegExp][] = [
      ['answers', { headers: { ...signed, 'x-github-event': 'push' } }, 200, /^$/],
      ['answers', { headers: { ...signed, 'x-github-event': 'issues' } }, 400, /event "issues"/],
      ['answers', { headers: { ...signed, 'x-github-event': 'push' }, body: Buffer.from('{}') }, 400, /does not match/],
      ['answers', {}, 400, /missing/],
      ['answers', { path: `${pathOf('answers')}?x=1` }, 404, /no Receiver/],
      ['answers', { path: '/hook/' }, 404, /no Receiver/],
      ['nobody', {}, 404, /no Receiver/],
      ['suspended', {}, 503, /suspended/],
      ['unready', {}, 503, /not ready/],
      ['answers', { body: Buffer.alloc(maxHookBody + 1) }, 413, /at most 3145728/],
    ];
    for (const [name, change, status, message] of table) {
      const answer = await receive(name, change);
      assert.equal(answer.status, status, `${name}: ${answer.message}`);
      assert.match(answer.message, message);
      assert.ok(!answer.message.includes(token));
    }
  });

  it('is refused before anything is asked, when its path cannot be one', async () => {
    const nothing = {} as Installed['ports'];
    for (const path of ['/hook/x', `${pathOf('x')}/../y`, `${pathOf('x').toUpperCase()}`])
      assert.equal((await receiveHook(hook('x', { path }), nothing, options)).status, 404);
  });

  it('is refused when the token was emptied, which anybody could sign with', async () => {
    await putSecret('emptied', { token });
    await receiver('emptied', { type: 'generic-hmac', secretRef: { name: 'emptied' } });
    await putSecret('emptied', { token: '' });
    const signature = `sha256=${createHmac('sha256', '').update(body).digest('hex')}`;
    const answer = await receive('emptied', { headers: { 'x-signature': signature } });
    assert.deepEqual(answer, { status: 400, message: "the Receiver's token is missing" });
  });

  it('goes to the Receivers of all clusters, each once', async () => {
    await world.register('second');
    await receiver('fleet');
    await reconcile('fleet', 'second');
    world.sent();
    assert.equal((await receive('fleet')).status, 200);
    assert.deepEqual(
      world
        .sent()
        .map(each => each.body.cluster)
        .sort(),
      ['main', 'second'],
    );
    await world.local.index.removeCluster('second');
  });

  it('finds its Receiver in the cluster while the index is empty, and asks the cluster once', async () => {
    await receiver('lost');
    await world.local.index.clear();
    const before = world.cluster.stats;
    assert.ok(before);
    assert.equal((await receive('lost')).status, 200);
    assert.equal((await receive('lost')).status, 200);
    assert.equal((await receive('never-there')).status, 404);
  });
});

describe('a webhook whose cluster is away', () => {
  const handlers = messageHandlers({ noCrossNamespaceRefs: false });
  const context = () => ({
    ports: world.ports,
    deadline: Date.now() + 30_000,
    log: world.ports.log,
    redelivered: false,
  });
  const revived = async (kept: unknown) => handlers.hook!(kept, context());
  const bodies = async () => {
    const keys: string[] = [];
    for await (const { key } of world.ports.store.list('pending/')) keys.push(key);
    return keys;
  };

  /** Takes the cluster away, hands in the request, brings the cluster back; what was kept. */
  async function whileAway(name: string, headers: Record<string, string>) {
    await world.register('away');
    await reconcile(name, 'away');
    const record = await world.ports.index.getObject({ cluster: 'away', kind: 'Receiver', namespace: ns, name });
    await world.local.index.removeObject({ cluster: 'main', kind: 'Receiver', namespace: ns, name });
    await world.register('away', unreachableKubeconfig);
    await world.ports.index.putObject(record!);
    world.sent();
    const answer = await receive(name, { headers });
    const sent = world.sent();
    await world.register('away');
    await world.ports.index.putObject(record!);
    return { answer, sent };
  }
  after(() => world.local.index.removeCluster('away'));

  it('is kept, verified later, and carried out', async () => {
    await receiver('kept', { type: 'gitlab', events: ['Push Hook'] });
    const headers = {
      'x-gitlab-token': token,
      'x-gitlab-event': 'Push Hook',
      authorization: 'Bearer not-kept',
      'user-agent': 'GitLab',
    };
    const { answer, sent } = await whileAway('kept', headers);
    assert.equal(answer.status, 202);
    assert.equal(sent.length, 1);
    assert.equal(sent[0]!.message.queue, 'notification');
    assert.equal(sent[0]!.delay, 10);
    assert.ok(!JSON.stringify(sent).includes(token), 'no token in the message');
    assert.ok(!JSON.stringify(sent).includes('not-kept'), 'no headers that nobody needs');
    assert.equal((await bodies()).length, 1);
    await revived(sent[0]!.body);
    assert.deepEqual(
      world.sent().map(each => [each.body.reason, each.body.cluster, each.body.name, each.body.trace]),
      [['webhook', 'away', 'app', trace]],
    );
    assert.deepEqual(await bodies(), []);
    await revived(sent[0]!.body);
    assert.deepEqual(world.sent(), [], 'delivered twice, carried out once');
  });

  it('is dropped when it proves to be forged', async () => {
    await receiver('forged', { type: 'gitlab' });
    const { answer, sent } = await whileAway('forged', { 'x-gitlab-token': 'guess', 'x-gitlab-event': 'Push Hook' });
    assert.equal(answer.status, 202);
    await revived(sent[0]!.body);
    assert.deepEqual(world.sent(), []);
    assert.deepEqual(await bodies(), []);
    assert.ok(world.log.some(line => line.includes('kept webhook dropped') && line.includes('400')));
  });

  it('verifies signatures over the bytes that came', async () => {
    await receiver('signed', { type: 'generic-hmac' });
    const signature = `sha256=${createHmac('sha256', token).update(body).digest('hex')}`;
    const { sent } = await whileAway('signed', { 'x-signature': signature });
    await revived(sent[0]!.body);
    assert.equal(world.sent().length, 1);
  });

  it('waits on with growing delays for more than an hour, then is dropped with a line in the log', async () => {
    await receiver('patient');
    const { sent } = await whileAway('patient', {});
    await world.register('away', unreachableKubeconfig);
    let kept = sent[0]!.body;
    let waited = sent[0]!.delay!;
    const delays = [waited];
    for (;;) {
      await revived(kept);
      const [next] = world.sent();
      if (!next) break;
      assert.equal(next.body.attempt, kept.attempt + 1);
      kept = next.body;
      waited += next.delay!;
      delays.push(next.delay!);
    }
    assert.ok(waited > 3600, `${waited} s`);
    assert.deepEqual(
      delays,
      delays.toSorted((a, b) => a - b),
    );
    assert.deepEqual(await bodies(), []);
    assert.ok(world.log.some(line => line.includes('kept webhook dropped') && line.includes('given up after')));
  });

  it('is dropped when the cluster is no longer registered', async () => {
    await receiver('orphan');
    const { sent } = await whileAway('orphan', {});
    await world.local.index.removeCluster('away');
    await revived(sent[0]!.body);
    assert.deepEqual(await bodies(), []);
  });

  it('is kept even when the index knows nothing', async () => {
    await receiver('blind');
    await world.register('away', unreachableKubeconfig);
    await world.local.index.clear();
    world.sent();
    assert.equal((await receive('blind')).status, 202);
    const sent = world.sent();
    assert.deepEqual(sent.map(each => each.body.type).sort(), ['hook', 'reconcile'], 'main took it, away has it kept');
    await world.register('away');
    await revived(sent.find(each => each.body.type === 'hook')!.body);
    assert.deepEqual(
      world.sent().map(each => each.body.cluster),
      ['away'],
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
