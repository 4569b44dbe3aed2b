/** What the index asks of DynamoDB: calls and units are money. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { keyString, type ObjectKey } from '../../shared/api/object.ts';
import { DynamoIndex } from '../../shared/aws/dynamo-index.ts';
import { dueShardOf } from '../../shared/aws/dynamo-table.ts';
import { systemClock } from '../../shared/ports/clock.ts';
import { DynamoProxy } from './dynamo-proxy.ts';
import { indexed, keyOf, listed } from './indexed-object.ts';
import { freshTable } from './open-index.ts';
import { startAwsServers } from './servers.ts';

const servers = await startAwsServers();
after(() => servers.close());
Object.assign(process.env, servers.env);
const proxy = await DynamoProxy.start(servers.dynamodb);
after(() => proxy.close());

async function opened(): Promise<DynamoIndex> {
  return new DynamoIndex({ table: await freshTable(servers.dynamodb), endpoint: proxy.url, clock: systemClock });
}

const refs = ['east/GitRepository/apps/repo', 'east/Kustomization/apps/base'];
const never = Number.MAX_SAFE_INTEGER;

const [index, full] = [await opened(), await opened()];

describe('calls and units of', () => {
  const app = indexed('app', { refs, dueAt: 1000 });
  before(async () => {
    await index.putObject(app);
    await index.putObject(indexed('hook', { hookPath: '/hook/1', urls: ['https://x/y'] }));
    await index.addCluster({ name: 'east', access: { type: 'kubeconfig', secret: 's' }, changes: 'sweep', addedAt: 1 });
    await index.once('known', 60);
  });

  // One unit writes 1 KB, and each change of a due time moves an entry of the secondary index: one to delete, one to put.
  const cases: [string, () => Promise<unknown>, string[], number][] = [
    ['a record as it was', () => index.putObject(app), ['UpdateItem'], 1],
    ['a record with another due time', () => index.putObject({ ...app, dueAt: 2000 }), ['UpdateItem'], 3],
    ['another status only', () => index.putObject({ ...app, dueAt: 2000, resourceVersion: '11' }), ['UpdateItem'], 1],
    ['a due time', () => index.setDue(app.key, 3000), ['UpdateItem'], 3],
    ['a due time of an unknown object', () => index.setDue(keyOf('unknown'), 3000), ['UpdateItem'], 0],
    ['a start', () => index.markStarted(app.key, 5), ['PutItem'], 1],
    ['the last start', () => index.lastStarted(app.key), ['GetItem'], 1],
    ['an object', () => index.getObject(app.key), ['GetItem'], 1],
    ['dependents', () => index.dependentsOf(keyOf('repo', { kind: 'GitRepository' })), ['Query'], 1],
    ['a hook path', () => index.byHookPath('/hook/1'), ['Query'], 1],
    ['a URL', () => index.byUrl('https://x/y'), ['Query'], 1],
    ['an id, for the first', () => index.once('new', 60), ['PutItem'], 1],
    ['an id, for others', () => index.once('known', 60), ['PutItem'], 0],
    ['the clusters', () => index.clusters(), ['Query'], 1],
    ['a cluster', () => index.cluster('east'), ['GetItem'], 1],
    ['a cursor', () => index.cursor('east', 'Alert'), ['GetItem'], 1],
    ['setting a cursor', () => index.setCursor('east', 'Alert', '1'), ['PutItem'], 1],
    ['a new object without links', () => index.putObject(indexed('n1')), ['UpdateItem', 'UpdateItem'], 1],
    ['removing what is gone', () => index.removeObject(keyOf('n2')), ['GetItem', 'DeleteItem'], 2],
    ['what is due', () => index.due(never, 100), Array(8).fill('Query'), 0.5],
    ['the objects of a cluster', () => listed(index, 'east'), Array(4).fill('Query'), 2],
  ];
  for (const [title, act, operations, units] of cases)
    it(title, async () => {
      const seen = await proxy.during(act);
      assert.deepEqual(seen.operations, operations);
      // DynamoDB counts more than DynamoDB Local: a unit for each refused write, half a unit (consistent: one) for a read of nothing.
      assert.equal(seen.units, units);
    });

  // An action of a transaction costs two units.
  const inTransactions: [string, () => Promise<unknown>, string, number][] = [
    ['a new object with two links', () => index.putObject(indexed('n2', { refs })), 'UpdateItem', 3],
    ['one link less', () => index.putObject(indexed('n2', { refs: refs.slice(1) })), 'UpdateItem', 2],
    ['another link', () => index.putObject(indexed('n2', { refs: refs.slice(0, 1) })), 'UpdateItem', 3],
    ['removing it, its link and its mark', () => index.removeObject(keyOf('n2')), 'GetItem', 3],
  ];
  for (const [title, act, before, actions] of inTransactions)
    it(title, async () => {
      const { calls, operations } = await proxy.during(act);
      assert.deepEqual(operations, [before, 'TransactWriteItems']);
      assert.equal(calls[1]!.body.TransactItems.length, actions);
    });

  it('reads that must see what was just written are consistent', () => {
    const reads = proxy.calls.filter(({ operation, body }) => /^(Get|Query)/.test(operation) && !body.IndexName);
    assert.ok(reads.length > 10);
    assert.ok(reads.every(({ body }) => body.ConsistentRead === true));
    assert.ok(!proxy.calls.some(({ operation }) => operation === 'Scan'));
  });
});

describe('a thousand that are due', () => {
  // Some at the same time as others.
  const dueAt = (i: number) => 1_000_000 + ((i * 7919) % 1000) - (i % 7 === 0 ? 1 : 0);
  const all = Array.from({ length: 1000 }, (_, i) => indexed(`due-${i}`, { dueAt: dueAt(i) }));
  const byKey = new Map(all.map(object => [keyString(object.key), object.dueAt]));
  const oldestFirst = all.map(object => object.dueAt).sort((a, b) => a - b);
  /** Their due times; fails when one is there twice. */
  const times = (keys: ObjectKey[]) => {
    assert.equal(new Set(keys.map(keyString)).size, keys.length);
    return keys.map(key => byKey.get(keyString(key)));
  };
  before(() => Promise.all(all.map(object => full.putObject(object))));

  it('come oldest first, all of them or as many as were asked for', async () => {
    assert.deepEqual(times(await full.due(never, 5000)), oldestFirst);
    assert.deepEqual(times(await full.due(never, 100)), oldestFirst.slice(0, 100));
    const some = oldestFirst[500]!;
    assert.deepEqual(
      times(await full.due(some, 5000)),
      oldestFirst.filter(at => at < some),
    );
  });

  it('are read little more than are needed', async () => {
    const { calls, units } = await proxy.during(() => full.due(never, 100));
    assert.ok(calls.length >= 8 && calls.length <= 16, `${calls.length} calls`);
    assert.ok(units <= 16, `${units} units`);
  });

  it('are swept batch by batch, each once', async () => {
    const swept: ObjectKey[] = [];
    for (let keys = await full.due(2_000_000, 100); keys.length > 0; keys = await full.due(2_000_000, 100)) {
      swept.push(...keys);
      await Promise.all(keys.map(key => full.setDue(key, 3_000_000)));
    }
    assert.deepEqual(times(swept), oldestFirst);
  });

  it('are found when all of them lie in one shard', async () => {
    const skewed = await opened();
    const same = all.filter(({ key }) => dueShardOf(key) === dueShardOf(all[0]!.key)).slice(0, 60);
    await Promise.all(same.map(object => skewed.putObject(object)));
    const sorted = same.map(object => object.dueAt).sort((a, b) => a - b);
    const { answer, calls } = await proxy.during(() => skewed.due(never, 50));
    assert.deepEqual(times(answer), sorted.slice(0, 50));
    assert.ok(calls.length > 10, 'in several pages');
    assert.deepEqual(times(await skewed.due(never, 1000)), sorted);
  });

  it('are not listed again when the secondary index is behind', async () => {
    const behind = await opened();
    for (const name of ['a', 'b', 'c']) await behind.putObject(indexed(name, { dueAt: 10 }));
    const old = new Map<string, unknown>();
    const shard = (body: { ExpressionAttributeValues: object }) => JSON.stringify(body.ExpressionAttributeValues);
    const isDue = (body: { IndexName?: string }) => body.IndexName === 'due';
    proxy.fate = ({ body }) =>
      isDue(body) ? { answer: answer => old.get(shard(body)) ?? (old.set(shard(body), answer) && answer) } : 'pass';
    try {
      assert.equal((await behind.due(100, 10)).length, 3);
      await behind.setDue(keyOf('a'), 500);
      await behind.setDue(keyOf('b'), 500);
      // Moved back by somebody else: listed as it was, and rightly.
      const other = new DynamoIndex({ table: tableOf(proxy), endpoint: servers.dynamodb, clock: systemClock });
      await other.setDue(keyOf('b'), 20);
      assert.deepEqual((await behind.due(100, 10)).map(({ name }) => name).sort(), ['b', 'c']);
      await behind.removeObject(keyOf('a'));
      assert.deepEqual((await behind.due(100, 10)).map(({ name }) => name).sort(), ['b', 'c']);
    } finally {
      proxy.fate = () => 'pass';
    }
  });
});

function tableOf({ calls }: DynamoProxy): string {
  return calls.at(-1)!.body.TableName;
}
