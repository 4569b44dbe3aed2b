import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { KubeObject } from '../../api/object.ts';
import { FileStore } from '../../local/file-store.ts';
import { BuildCache } from './build-cache.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-builds-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const made = (): KubeObject[] => [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }];

test('those who ask at the same time share one build, and none gets the objects of another', async () => {
  const cache = new BuildCache();
  const store = new FileStore(join(dir, 'shared'));
  let builds = 0;
  const build = async () => {
    builds++;
    return made();
  };
  const results = await Promise.all(Array.from({ length: 20 }, () => cache.with(store, 'key', build)));
  assert.equal(builds, 1);
  assert.deepEqual(results[19], made());
  results[0]![0]!.metadata.name = 'changed';
  assert.deepEqual(await cache.with(store, 'key', build), made());
  assert.deepEqual(results[1], made());
});

test('another process finds the build in the store', async () => {
  const store = new FileStore(join(dir, 'stored'));
  await new BuildCache().with(store, 'key', async () => made());
  const refuse = () => Promise.reject(new Error('built twice'));
  assert.deepEqual(await new BuildCache().with(store, 'key', refuse), made());
});

test('a failure reaches all who wait, and is not kept', async () => {
  const cache = new BuildCache();
  const store = new FileStore(join(dir, 'failed'));
  const fail = () => Promise.reject(new Error('no such file'));
  const both = await Promise.allSettled([cache.with(store, 'key', fail), cache.with(store, 'key', fail)]);
  assert.deepEqual(
    both.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  assert.deepEqual(await cache.with(store, 'key', async () => made()), made());
});
