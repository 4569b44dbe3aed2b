import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Layer, mergeLayers } from './layers.ts';

function layer(prefix: string, files: Record<string, string>, closed: string[] = []): Layer {
  return {
    prefix,
    async *entries() {
      try {
        for (const [path, content] of Object.entries(files))
          yield { path, mode: 'file', size: content.length, read: async () => Buffer.from(content) };
      } finally {
        closed.push(prefix);
      }
    },
  };
}

async function read(layers: Layer[]): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of mergeLayers(layers)) found.push(`${entry.path}=${await entry.read()}`);
  return found;
}

test('layers come as one tree, sorted by bytes', async () => {
  const base = layer('', { 'a-b': '1', 'a/x': '2', 'z.txt': '3', é: '4' });
  const inside = layer('lib/sub', { 'a.txt': '5', 'b/c': '6' });
  assert.deepEqual(await read([base, inside, layer('empty', {})]), [
    'a-b=1',
    'a/x=2',
    'lib/sub/a.txt=5',
    'lib/sub/b/c=6',
    'z.txt=3',
    'é=4',
  ]);
  // A tree meets `sub` before `sub-a`, but the files within it come after.
  assert.deepEqual(await read([layer('', { 'sub-a': '1', 'sub.txt': '2' }), layer('sub', { x: '3' })]), [
    'sub-a=1',
    'sub.txt=2',
    'sub/x=3',
  ]);
});

test('of files with one path the later layer has the last word', async () => {
  const layers = [layer('', { 'a/b': '1', c: '1' }), layer('a', { b: '2' }), layer('', { 'a/b': '3', d: '3' })];
  assert.deepEqual(await read(layers), ['a/b=3', 'c=1', 'd=3']);
});

test('who stops early closes all layers, and so does one that fails', async () => {
  const closed: string[] = [];
  const failing: Layer = {
    prefix: 'x',
    async *entries() {
      yield* layer('', { a: '1' }).entries();
      throw new Error('broken');
    },
  };
  await assert.rejects(read([layer('', { y: '1' }, closed), failing]), /broken/);
  for await (const _ of mergeLayers([layer('1', { a: '1', b: '2' }, closed), layer('2', { a: '1' }, closed)])) break;
  assert.deepEqual(closed.sort(), ['', '1', '2']);
});
