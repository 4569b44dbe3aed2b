import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import type { Implementation, Opened, Store } from './ports.ts';
import { runProcess } from './run-process.ts';

/** The contract of the artifact store. */
export function storeContract(implementation: Implementation<Store>): void {
  describe(`store: ${implementation.name}`, () => {
    objects(implementation);
    listing(implementation);
    races(implementation);
  });
}

function opened(implementation: Implementation<Store>): () => Opened<Store> {
  let current: Opened<Store>;
  before(async () => {
    current = await implementation.open();
  });
  after(() => current.close());
  return () => current;
}

async function read(store: Store, key: string): Promise<Buffer | undefined> {
  const object = await store.get(key);
  return object && (await buffer(object.body));
}

const oddKeys = [
  'k',
  'k/k',
  'k//k',
  '../k',
  '../../../../etc/k',
  'k/../../k',
  'k/.k',
  './k',
  'k\\k',
  'k%2Fk',
  'a b+c',
  '=k',
  '=/6b',
  'k\u0001\n\r<&>"',
  'ключ 🚀',
  '/k',
  'k/',
];

/** Of the keys, in their order, those that the implementation can have beside the earlier ones. */
function possible(implementation: Implementation<Store>, keys: string[]): string[] {
  if (!implementation.noneBelowAnother) return keys;
  const taken: string[] = [];
  for (const key of keys)
    if (!taken.some(other => other.startsWith(`${key}/`) || key.startsWith(`${other}/`))) taken.push(key);
  return taken;
}

function inOrder(keys: string[]): string[] {
  return keys.toSorted((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)));
}

async function keysUnder(store: Store, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

function objects(implementation: Implementation<Store>): void {
  describe('objects', () => {
    const current = opened(implementation);

    test('what was put is got, with its size and time; what was not is undefined', async () => {
      const { port } = current();
      assert.equal(await port.put('a/b/c.tar.gz', Buffer.from('hello')), 'created');
      const object = await port.get('a/b/c.tar.gz');
      assert.equal((await buffer(object!.body)).toString(), 'hello');
      assert.equal(object!.size, 5);
      assert.equal(object!.key, 'a/b/c.tar.gz');
      const info = await port.head('a/b/c.tar.gz');
      assert.equal(info?.size, 5);
      assert.ok(Math.abs(info!.lastModified - Date.now()) < 60_000);
      for (const absent of ['a', 'a/b', 'a/b/c', 'a/b/c.tar.gz/d', 'z']) {
        assert.equal(await port.get(absent), undefined);
        assert.equal(await port.head(absent), undefined);
      }
    });

    test('put replaces; put if absent does not', async () => {
      const { port, again } = current();
      await port.put('replace', Buffer.from('1'));
      assert.equal(await port.put('replace', Buffer.from('2')), 'created');
      assert.equal(await (await again()).put('replace', Buffer.from('3'), { ifAbsent: true }), 'exists');
      assert.equal((await read(port, 'replace'))?.toString(), '2');
      assert.equal(await port.put('fresh', Buffer.alloc(0), { ifAbsent: true }), 'created');
      assert.equal((await read(port, 'fresh'))?.length, 0);
    });

    test('delete removes, and does not mind what is absent', async () => {
      const { port } = current();
      await port.put('d/1', Buffer.from('1'));
      await port.put('d/2', Buffer.from('2'));
      await port.delete(['d/1', 'd/none', 'never']);
      assert.deepEqual(await keysUnder(port, 'd/'), ['d/2']);
      await port.delete([]);
    });

    test('keys are only names: none leads out of the store, and no two are one', async () => {
      const { port } = current();
      await port.delete(await keysUnder(port, ''));
      const keys = possible(implementation, oddKeys);
      for (const key of keys) await port.put(key, Buffer.from(key));
      for (const key of keys) assert.equal((await read(port, key))?.toString(), key);
      assert.deepEqual(await keysUnder(port, ''), inOrder(keys));
      for (const prefix of ['k', 'k/', 'k/.', '../', '.', '=', 'k//', 'a b+'])
        assert.deepEqual(await keysUnder(port, prefix), inOrder(keys.filter(key => key.startsWith(prefix))), prefix);
      await port.delete(keys);
      for (const key of keys) assert.equal(await port.head(key), undefined);
    });

    test('names that no key can have are refused', async () => {
      const { port } = current();
      for (const key of ['', 'k'.repeat(1025), 'k\uD800']) {
        const refused = { code: 'InvalidKey' };
        await assert.rejects(port.put(key, Buffer.from('x')), refused);
        await assert.rejects(port.get(key), refused);
        await assert.rejects(port.head(key), refused);
        await assert.rejects(port.delete([key]), refused);
      }
    });

    test('a reader that stops half-way disturbs nobody', async () => {
      const { port } = current();
      await port.put('half', Buffer.alloc(4_000_000, 'h'));
      for (let i = 0; i < 60; i++) {
        const { body } = (await port.get('half'))!;
        if (i % 2) await new Promise(resolve => body.once('data', resolve));
        body.destroy();
      }
      assert.equal((await read(port, 'half'))?.length, 4_000_000);
    });

    test('50 MB from a file and from memory, read back in pieces', async t => {
      const { port } = current();
      const dir = await mkdtemp(join(tmpdir(), 'sluice-store-'));
      t.after(() => rm(dir, { recursive: true }));
      const large = Buffer.concat(Array.from({ length: 50 }, () => randomBytes(1_000_000)));
      const file = join(dir, 'large');
      await writeFile(file, large);
      await port.put('large/file', { file });
      await rm(file);
      await port.put('large/memory', large);
      for (const key of ['large/file', 'large/memory']) {
        const object = await port.get(key);
        const hash = createHash('sha256');
        let chunks = 0;
        for await (const chunk of object!.body) {
          hash.update(chunk);
          chunks++;
        }
        assert.ok(chunks > 5, 'a stream, not one piece');
        assert.equal(hash.digest('hex'), createHash('sha256').update(large).digest('hex'));
      }
    });

    test('a file that is not there is an error, and no object', async () => {
      await assert.rejects(current().port.put('missing', { file: '/nonexistent/file' }));
      assert.equal(await current().port.head('missing'), undefined);
    });
  });
}

function listing(implementation: Implementation<Store>): void {
  describe('listing', () => {
    const current = opened(implementation);

    test('byte order of the keys, by any prefix', async () => {
      const { port } = current();
      const keys = ['a/b/c', 'a', 'a!', 'a/b', 'a/b0', 'a0', 'b', 'é', '𝔘', '\uFFFD'];
      const ordered = inOrder(possible(implementation, keys));
      for (const key of ordered.toReversed()) await port.put(key, Buffer.from('x'));
      assert.deepEqual(await keysUnder(port, ''), ordered);
      for (const prefix of ['a', 'a/', 'a/b', 'a/b/', 'none'])
        assert.deepEqual(
          await keysUnder(port, prefix),
          ordered.filter(key => key.startsWith(prefix)),
        );
    });

    test('more than one page', async () => {
      const { port } = current();
      const keys = Array.from({ length: 1203 }, (_, i) => `page/${i % 7}/${String(i).padStart(5, '0')}`);
      for (let i = 0; i < keys.length; i += 50)
        await Promise.all(keys.slice(i, i + 50).map(key => port.put(key, Buffer.from('x'))));
      assert.deepEqual(await keysUnder(port, 'page/'), keys.toSorted());
      const [first] = keys.toSorted();
      for await (const { key } of port.list('page/')) {
        assert.equal(key, first);
        break;
      }
      await port.delete(keys.slice(1));
      assert.deepEqual(await keysUnder(port, 'page/'), [keys[0]]);
    });
  });
}

function races(implementation: Implementation<Store>): void {
  describe('races', () => {
    const current = opened(implementation);

    test('of racing creates, in several processes, one wins each object and its content stays', async () => {
      const count = 40;
      const names = ['A', 'B', 'C', 'D'];
      const racers = names.map(name => runProcess(current(), 'create', name, String(count)));
      await Promise.all(racers.map(racer => racer.finished()));
      const winners = new Map<string, string>();
      racers.forEach((racer, i) => {
        for (const line of racer.lines) {
          assert.ok(!winners.has(line), `object ${line} was created twice`);
          winners.set(line, names[i]!);
        }
      });
      assert.equal(winners.size, count);
      for (const [i, name] of winners)
        assert.equal((await read(current().port, `race/${i}`))?.toString(), name.repeat(1000));
    });

    test('readers never see half of an object, and a writer killed by -9 leaves none', async () => {
      const { port } = current();
      const writer = runProcess(current(), 'overwrite');
      await writer.printed(1);
      for (let i = 0; i < 20; i++) await whole(port);
      await writer.kill();
      await whole(port);
      assert.deepEqual(await keysUnder(port, 'torn'), ['torn']);
    });
  });
}

async function whole(store: Store): Promise<void> {
  const body = await read(store, 'torn');
  assert.equal(body?.length, 2_000_000);
  assert.ok(body.equals(Buffer.alloc(2_000_000, body[0])), 'one body, not two mixed');
}
