import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../api/object.ts';
import { Collection, type Entry } from './collection.ts';

function entry(name: string, rv: number, labels: Record<string, string> = {}): Entry {
  const object: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels } };
  return { resource: '/configmaps', namespace: 'n', name, rv, object, json: '' };
}

function write(collection: Collection, next: Entry): void {
  const old = collection.get(next.namespace, next.name);
  collection.apply({ type: old ? 'MODIFIED' : 'ADDED', rv: next.rv, entry: next, old });
}

function remove(collection: Collection, name: string, rv: number): void {
  const old = collection.get('n', name)!;
  collection.apply({ type: 'DELETED', rv, entry: { ...old, rv }, old });
}

test('former states can be read as long as the history reaches back', () => {
  const collection = new Collection('/configmaps', 10);
  write(collection, entry('a', 11));
  write(collection, entry('b', 12));
  write(collection, entry('a', 13));
  remove(collection, 'b', 14);
  write(collection, entry('c', 15));
  const at = (rv: number): string[] | undefined => collection.at(rv)?.map(one => `${one.name}@${one.rv}`);
  assert.deepEqual(at(9), undefined);
  assert.deepEqual(at(10), []);
  assert.deepEqual(at(12), ['a@11', 'b@12']);
  assert.deepEqual(at(13), ['a@13', 'b@12']);
  assert.deepEqual(at(15), ['a@13', 'c@15']);
  assert.deepEqual(
    collection.since(13)?.map(change => change.type),
    ['DELETED', 'ADDED'],
  );
});

test('the history is bounded', () => {
  const collection = new Collection('/configmaps', 0);
  for (let rv = 1; rv <= 20_000; rv++) write(collection, entry('a', rv));
  assert.equal(collection.since(1), undefined);
  assert.ok(collection.since(15_500)!.length >= 4500);
  assert.deepEqual(collection.since(20_000), []);
});

test('the label index follows changes and deletions', () => {
  const collection = new Collection('/configmaps', 0);
  write(collection, entry('a', 1, { x: '1' }));
  const names = (value: string): string[] => collection.labelled([['x', value]]).map(one => one.name);
  assert.deepEqual(names('1'), ['a']);
  write(collection, entry('b', 2, { x: '1' }));
  write(collection, entry('a', 3, { x: '2' }));
  assert.deepEqual([names('1'), names('2')], [['b'], ['a']]);
  remove(collection, 'b', 4);
  assert.deepEqual(names('1'), []);
  assert.deepEqual(collection.labelled([['x', '2']], 'elsewhere'), []);
});
