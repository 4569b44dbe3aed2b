import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { type Installed, unreachableKubeconfig } from '../../../../test/fixtures/installed.ts';
import { messageHandlers } from '../message-handlers.ts';
import {
  body,
  hook,
  ns,
  options,
  pathOf,
  putSecret,
  receive,
  receiver,
  receiverType,
  reconcile,
  token,
  trace,
  world,
} from '../testing/hooks.ts';
import { type IncomingHook, maxHookBody, receiveHook } from './receive.ts';

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
      requestedAt: new Date(sentAt).toISOString(),
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
        { kind: 'ImageRepository', name: '*', matchLabels: { a: 'b' } },
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
