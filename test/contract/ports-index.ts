import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { keyString, type ObjectKey } from '../../shared/api/object.ts';
import type { ClusterRecord, IndexedObject } from '../../shared/ports/index.ts';
import type { Implementation, Index, Opened } from './ports.ts';
import { runProcess } from './run-process.ts';

/** The contract of the index. */
export function indexContract(implementation: Implementation<Index>): void {
  describe(`index: ${implementation.name}`, () => {
    objects(implementation);
    marks(implementation);
    clusters(implementation);
  });
}

function opened(implementation: Implementation<Index>): () => Opened<Index> {
  let current: Opened<Index>;
  before(async () => {
    current = await implementation.open();
  });
  after(() => current.close());
  return () => current;
}

function key(name: string, more: Partial<ObjectKey> = {}): ObjectKey {
  return { cluster: 'east', kind: 'Kustomization', namespace: 'apps', name, ...more };
}

function object(name: string, more: Partial<IndexedObject> = {}): IndexedObject {
  return {
    key: key(name),
    uid: `uid-${name}`,
    generation: 1,
    resourceVersion: '10',
    dueAt: Number.MAX_SAFE_INTEGER,
    refs: [],
    urls: [],
    summary: {
      ready: 'True',
      reason: 'ok',
      message: 'fine 🚀',
      revision: 'main@sha1:1',
      suspended: false,
      createdAt: 1,
      since: 2,
    },
    ...more,
  };
}

function registration(name: string): ClusterRecord {
  return { name, access: { type: 'kubeconfig', secret: `s-${name}`, context: 'c' }, changes: 'sweep', addedAt: 7 };
}

const names = (keys: ObjectKey[]) => keys.map(({ name }) => name);

async function all(index: Index, cluster?: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of index.objects(cluster)) found.push(keyString(key));
  return found.sort();
}

function objects(implementation: Implementation<Index>): void {
  describe('objects', () => {
    const current = opened(implementation);

    test('what was put is got, whole, from any connection; what was removed is gone', async () => {
      const { port, again } = current();
      const put = object('whole', {
        requestedAt: 'now',
        hookPath: '/hook/x',
        refs: ['east/A/b/c'],
        urls: ['https://x/y'],
        dueAt: 5,
      });
      await port.putObject(put);
      assert.deepEqual(await (await again()).getObject(put.key), put);
      await port.removeObject(put.key);
      await port.removeObject(put.key);
      assert.equal(await port.getObject(put.key), undefined);
      assert.deepEqual(await port.byHookPath('/hook/x'), []);
      assert.deepEqual(await port.byUrl('https://x/y'), []);
      assert.deepEqual(await port.due(100, 10), []);
    });

    test('due: before the time, oldest first, at most so many; the due time can be moved', async () => {
      const { port } = current();
      for (const [name, dueAt] of [
        ['c', 300],
        ['a', 100],
        ['b', 200],
        ['d', 400],
      ] as const)
        await port.putObject(object(name, { dueAt }));
      assert.deepEqual(names(await port.due(400, 10)), ['a', 'b', 'c']);
      assert.deepEqual(names(await port.due(400, 2)), ['a', 'b']);
      await port.setDue(key('a'), 350);
      assert.deepEqual(names(await port.due(400, 10)), ['b', 'c', 'a']);
      assert.equal((await port.getObject(key('a')))?.dueAt, 350);
      await port.setDue(key('unknown'), 1);
      assert.equal(await port.getObject(key('unknown')), undefined);
      for (const name of ['a', 'b', 'c', 'd']) await port.removeObject(key(name));
    });

    test('dependents, hook paths and urls follow the newest record', async () => {
      const { port } = current();
      const source = key('repo', { kind: 'GitRepository' });
      await port.putObject(object('one', { refs: [keyString(source), 'east/Kustomization/apps/zero'] }));
      await port.putObject(object('two', { refs: [keyString(source), keyString(source)] }));
      await port.putObject(object('west', { key: key('two', { cluster: 'west' }), refs: [keyString(source)] }));
      assert.deepEqual(names(await port.dependentsOf(source)).sort(), ['one', 'two', 'two']);
      await port.putObject(object('one', { refs: [] }));
      assert.deepEqual((await port.dependentsOf(source)).map(keyString).sort(), [
        'east/Kustomization/apps/two',
        'west/Kustomization/apps/two',
      ]);
      await port.putObject(object('hook', { hookPath: '/hook/1', urls: ['https://a', 'https://b'] }));
      await port.putObject(object('hook2', { hookPath: '/hook/1' }));
      assert.deepEqual(names(await port.byHookPath('/hook/1')).sort(), ['hook', 'hook2']);
      assert.deepEqual(names(await port.byUrl('https://b')), ['hook']);
      await port.putObject(object('hook', { hookPath: '/hook/2', urls: ['https://c'] }));
      assert.deepEqual(names(await port.byHookPath('/hook/1')), ['hook2']);
      assert.deepEqual(names(await port.byHookPath('/hook/2')), ['hook']);
      assert.deepEqual(await port.byUrl('https://b'), []);
    });

    test('listing follows all pages, of one cluster or of all', async () => {
      const { port } = current();
      await port.clear();
      for (const name of ['east', 'west']) await port.addCluster(registration(name));
      for (let i = 0; i < 450; i++)
        await port.putObject(object(`n${i}`, { key: key(`n${i}`, { cluster: i % 3 === 0 ? 'west' : 'east' }) }));
      assert.equal((await all(port)).length, 450);
      assert.equal(new Set(await all(port)).size, 450);
      assert.equal((await all(port, 'west')).length, 150);
      assert.deepEqual(await all(port, 'north'), []);
      assert.equal((await port.due(Number.MAX_SAFE_INTEGER, 1000)).length, 0, 'suspended ones are never due');
      await port.clear();
      assert.deepEqual(await all(port), []);
    });
  });
}

function marks(implementation: Implementation<Index>): void {
  describe('marks', () => {
    const current = opened(implementation);

    test('the mark of the last start outlives a new record, not the object', async () => {
      const { port } = current();
      assert.equal(await port.lastStarted(key('m')), 0);
      await port.markStarted(key('m'), 1000);
      await port.putObject(object('m'));
      assert.equal(await port.lastStarted(key('m')), 1000);
      await port.markStarted(key('m'), 2000);
      assert.equal(await port.lastStarted(key('m')), 2000);
      await port.removeObject(key('m'));
      assert.equal(await port.lastStarted(key('m')), 0);
    });

    test('once: true for the first, false for others, until forgotten or expired', async () => {
      const { port, again, advance } = current();
      // Enough for a busy machine to get from one line to the next.
      const seconds = advance ? 100 : 5;
      assert.equal(await port.once('x', seconds), true);
      assert.equal(await (await again()).once('x', seconds), false);
      await port.forget('x');
      assert.equal(await port.once('x', seconds), true);
      if (advance) advance(seconds * 1000 + 100);
      else await new Promise(resolve => setTimeout(resolve, seconds * 1000 + 100));
      assert.equal(await port.once('x', seconds), true);
      await port.forget('never heard of');
    });

    test('once has one winner among processes', async () => {
      const racers = [1, 2, 3].map(() => runProcess(current(), 'claim', '200'));
      await Promise.all(racers.map(racer => racer.finished()));
      const won = racers.flatMap(({ lines }) => lines);
      assert.equal(won.length, 200);
      assert.equal(new Set(won).size, 200);
    });

    test('cursors are kept per cluster and kind', async () => {
      const { port } = current();
      assert.equal(await port.cursor('east', 'Alert'), undefined);
      await port.setCursor('east', 'Alert', '1');
      await port.setCursor('east', 'Alert', '2');
      await port.setCursor('west', 'Alert', '3');
      assert.equal(await port.cursor('east', 'Alert'), '2');
      await port.setCursor('east', 'Alert', undefined);
      assert.equal(await port.cursor('east', 'Alert'), undefined);
      assert.equal(await port.cursor('west', 'Alert'), '3');
    });
  });
}

function clusters(implementation: Implementation<Index>): void {
  describe('clusters', () => {
    const current = opened(implementation);
    const record = registration;

    test('a name is taken once; removing takes all of the cluster along, and nothing else', async () => {
      const { port } = current();
      assert.equal(await port.addCluster(record('east')), true);
      assert.equal(await port.addCluster({ ...record('east'), addedAt: 8 }), false);
      assert.equal(await port.addCluster(record('west')), true);
      assert.deepEqual(await port.cluster('east'), record('east'));
      assert.deepEqual((await port.clusters()).map(({ name }) => name).sort(), ['east', 'west']);
      const west = key('x', { cluster: 'west' });
      for (const one of [key('x'), west]) {
        await port.putObject(object('x', { key: one, refs: ['r/r/r/r'] }));
        await port.markStarted(one, 5);
        await port.setCursor(one.cluster, 'Alert', '5');
      }
      await port.removeCluster('east');
      assert.equal(await port.cluster('east'), undefined);
      assert.equal(await port.getObject(key('x')), undefined);
      assert.equal(await port.lastStarted(key('x')), 0);
      assert.equal(await port.cursor('east', 'Alert'), undefined);
      assert.deepEqual(await port.dependentsOf({ cluster: 'r', kind: 'r', namespace: 'r', name: 'r' }), [west]);
      assert.equal(await port.lastStarted(west), 5);
    });

    test('clear forgets objects, marks and cursors, and keeps the clusters', async () => {
      const { port } = current();
      await port.clear();
      assert.deepEqual(await all(port), []);
      assert.equal(await port.cursor('west', 'Alert'), undefined);
      assert.deepEqual(
        (await port.clusters()).map(({ name }) => name),
        ['west'],
      );
    });

    test('a registration survives a kill -9', async () => {
      const { port } = current();
      const writer = runProcess(current(), 'register');
      await writer.printed(10);
      await writer.kill();
      for (const line of writer.lines) assert.ok(await port.cluster(`c${line}`), `cluster c${line} was lost`);
    });
  });
}
