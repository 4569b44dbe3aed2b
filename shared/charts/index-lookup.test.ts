import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { localPorts } from '../local/local-ports.ts';
import { lookUp, lookupHead, storeLookup } from './index-lookup.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-lookup-'));
const ports = localPorts({ dir, publicUrl: 'http://127.0.0.1' });
const { store } = ports;
after(() => {
  ports.close();
  rmSync(dir, { recursive: true, force: true });
});
const prefix = 'sources/indexes/';
const digest = `sha256:${'a'.repeat(64)}`;

test('a chart is looked up in a small part of what an index was digested to', async () => {
  const chart = (n: number) =>
    `  chart-${n}:\n${Array.from({ length: 50 }, (_, v) => `  - name: chart-${n}\n    version: 1.${v}.0\n    urls: [chart-${n}-${v}.tgz]\n`).join('')}`;
  const charts = Array.from({ length: 100 }, (_, n) => n);
  const file = join(dir, 'index.yaml');
  writeFileSync(file, `apiVersion: v1\nentries:\n${charts.map(chart).join('')}  ../x: []\n`);
  assert.equal(await lookUp(store, prefix, digest, 'chart-1'), 'no lookup');
  const head = await storeLookup(store, prefix, digest, file);
  assert.deepEqual([head.charts, head.versions], [101, 5000]);
  assert.ok(head.shards > 3);
  assert.deepEqual(await lookupHead(store, prefix, digest), head);
  for (const n of charts) {
    const found = await lookUp(store, prefix, digest, `chart-${n}`);
    assert.ok(Array.isArray(found) && found.length === 50 && found[7]?.urls[0] === `chart-${n}-7.tgz`);
  }
  assert.equal(await lookUp(store, prefix, digest, 'absent'), undefined);
  assert.deepEqual(await lookUp(store, prefix, digest, '../x'), []);
  const kept: { key: string; size: number }[] = [];
  for await (const object of store.list('')) kept.push(object);
  assert.ok(kept.every(({ key }) => /^sources\/indexes\/a{64}\/(?:\d{3}|head)\.json$/.test(key)));
  assert.ok(kept.every(({ size }) => size < 300_000));

  // A sweep that took a part of it does not make the charts of that part disappear.
  await store.delete(kept.filter(({ key }) => !key.endsWith('head.json')).map(({ key }) => key));
  assert.equal(await lookUp(store, prefix, digest, 'chart-1'), 'no lookup');
  assert.equal(await lookUp(store, prefix, digest, 'absent'), 'no lookup');
});
