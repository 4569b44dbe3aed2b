/** Many objects, long texts, and keys that are longer than DynamoDB takes. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { keyString } from '../../shared/api/object.ts';
import { DynamoIndex } from '../../shared/aws/dynamo-index.ts';
import { systemClock } from '../../shared/ports/clock.ts';
import type { IndexedObject } from '../../shared/ports/index.ts';
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

describe('a cluster of 3,000 objects', async () => {
  const index = await opened();
  const source = keyOf('repo', { kind: 'GitRepository' });
  const message = `health check failed after 5m0s: ${'Deployment/apps/backend status: InProgress, '.repeat(40)}`;
  const summary = { ...indexed('x').summary, message: message.slice(0, 1900) };
  const refs = (i: number) => (i % 10 === 0 ? [keyString(source)] : []);
  const all = Array.from({ length: 3000 }, (_, i) => indexed(`app-${i}`, { summary, refs: refs(i), dueAt: i }));
  const names = (objects: IndexedObject[]) => objects.map(({ key }) => keyString(key)).sort();

  before(async () => {
    await Promise.all(all.map(object => index.putObject(object)));
    for (const name of ['north', 'east', 'south'])
      await index.addCluster({ name, access: { type: 'kubeconfig', secret: 's' }, changes: 'sweep', addedAt: 1 });
    await index.putObject(indexed('one', { key: keyOf('one', { cluster: 'south' }), refs: [keyString(source)] }));
  });

  it('is listed page by page, whole', async () => {
    const { answer, calls } = await proxy.during(() => listed(index, 'east'));
    assert.deepEqual(names(answer), names(all));
    assert.deepEqual(
      answer.find(({ key }) => key.name === 'app-77'),
      all[77],
    );
    assert.ok(calls.length > 4, 'of each partition more than a page');
    assert.equal((await listed(index)).length, 3001);
  });

  it('is not read to its end for who leaves the list', async () => {
    const { calls } = await proxy.during(async () => {
      for await (const { key } of index.objects('east')) if (key) break;
    });
    assert.ok(calls.length <= 4);
  });

  it('has all its dependents found', async () => {
    const { answer, operations } = await proxy.during(() => index.dependentsOf(source));
    assert.equal(answer.length, 301);
    assert.deepEqual(operations, ['Query']);
  });

  it('is removed whole, and alone', async () => {
    await index.markStarted(all[5]!.key, 5);
    await index.setCursor('east', 'Alert', '7');
    await index.removeCluster('east');
    assert.deepEqual(await listed(index, 'east'), []);
    assert.equal(await index.lastStarted(all[5]!.key), 0);
    assert.equal(await index.cursor('east', 'Alert'), undefined);
    assert.deepEqual(await index.dependentsOf(source), [keyOf('one', { cluster: 'south' })]);
    assert.deepEqual((await index.due(10_000, 10)).length, 0);
    assert.deepEqual(names(await listed(index)), ['south/Kustomization/apps/one']);
  });
});

describe('long and odd texts', async () => {
  const index = await opened();

  it('come back as they were', async () => {
    const odd = 'é🚀\u0000 "quoted"\n\u2028 half a pair: \ud83d';
    for (const times of [1, 100, 2000]) {
      const summary = { ...indexed('x').summary, message: odd.repeat(times), createdAt: 1_790_000_000_123 };
      const put = indexed('odd', {
        summary,
        requestedAt: odd,
        resourceVersion: '',
        dueAt: Number.MAX_SAFE_INTEGER - 1,
      });
      await index.putObject(put);
      assert.deepEqual(await index.getObject(put.key), put);
    }
  });

  it('of 6,000 references all wake the object, and are forgotten with it', async () => {
    const name = (i: number) => `application-${(i * 2_654_435_761) % 4_294_967_296}-${i}`;
    const ref = (i: number) => keyOf(name(i), { kind: 'GitRepository' });
    const refs = Array.from({ length: 6000 }, (_, i) => keyString(ref(i)));
    await index.putObject(indexed('wide', { refs }));
    assert.deepEqual((await index.getObject(keyOf('wide')))?.refs, refs);
    for (const i of [0, 98, 99, 3000, 5999]) assert.deepEqual(await index.dependentsOf(ref(i)), [keyOf('wide')]);
    const { operations } = await proxy.during(() => index.putObject(indexed('wide', { refs: refs.toReversed() })));
    assert.deepEqual(operations, ['UpdateItem'], 'the same links in another order');
    await index.removeObject(keyOf('wide'));
    for (const i of [0, 98, 99, 3000, 5999]) assert.deepEqual(await index.dependentsOf(ref(i)), []);
  });

  it('that are longer than a key may be are found by', async () => {
    const [path, url, ref, id] = ['/hook/p', 'https://u/', 'east/GitRepository/apps/r', 'id'].map(text =>
      text.padEnd(5000, 'é'),
    );
    const other = `${path}?`;
    await index.putObject(indexed('long', { hookPath: path!, urls: [url!], refs: [ref!] }));
    await index.putObject(indexed('other', { hookPath: other }));
    assert.deepEqual(await index.byHookPath(path!), [keyOf('long')]);
    assert.deepEqual(await index.byHookPath(other), [keyOf('other')]);
    assert.deepEqual(await index.byUrl(url!), [keyOf('long')]);
    assert.deepEqual(
      await index.dependentsOf(keyOf(ref!.slice('east/GitRepository/apps/'.length), { kind: 'GitRepository' })),
      [keyOf('long')],
    );
    assert.deepEqual([await index.once(id!, 60), await index.once(id!, 60)], [true, false]);
    await index.setCursor('east', id!, '1');
    assert.equal(await index.cursor('east', id!), '1');
  });

  it('in a name that no object can have are not found, and not indexed', async () => {
    const key = keyOf('n'.repeat(2000));
    assert.equal(await index.getObject(key), undefined);
    assert.equal(await index.lastStarted(key), 0);
    await index.setDue(key, 5);
    await index.removeObject(key);
    assert.equal(await index.cluster('c'.repeat(2000)), undefined);
    await assert.rejects(index.putObject(indexed('x', { key })), { name: 'AwsError', message: /too long a name/ });
    assert.deepEqual(await index.byHookPath(''), []);
  });
});
