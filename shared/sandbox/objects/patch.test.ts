import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonPatch, mergePatch, PatchError, strategicMergePatch } from './patch.ts';
import { compileSchema } from './schema.ts';

const listOfMaps = { 'x-kubernetes-patch-strategy': 'merge', 'x-kubernetes-patch-merge-key': 'name' };
const schema = compileSchema({
  type: 'object',
  'x-kubernetes-group-version-kind': [],
  properties: {
    items: {
      type: 'array',
      ...listOfMaps,
      items: {
        type: 'object',
        properties: {
          name: { type: 'string' },
          inner: { type: 'array', ...listOfMaps, items: { type: 'object', properties: { name: { type: 'string' } } } },
        },
      },
    },
    words: { type: 'array', items: { type: 'string' }, 'x-kubernetes-patch-strategy': 'merge' },
    plain: { type: 'array', items: { type: 'string' } },
    union: { type: 'object', properties: {}, additionalProperties: true },
  },
});

test('strategic merge patches', () => {
  const items = [
    { name: 'a', v: 1 },
    { name: 'b', v: 2 },
    { name: 'c', v: 3 },
  ];
  const table: [name: string, original: object, patch: object, wanted: object][] = [
    [
      'merges by key',
      { items },
      { items: [{ name: 'b', v: 9 }] },
      { items: [items[0], { name: 'b', v: 9 }, items[2]] },
    ],
    ['adds before the rest', { items: [items[0]] }, { items: [{ name: 'n' }] }, { items: [{ name: 'n' }, items[0]] }],
    ['deletes by key', { items }, { items: [{ name: 'b', $patch: 'delete' }] }, { items: [items[0], items[2]] }],
    ['replaces the list', { items }, { items: [{ $patch: 'replace' }, { name: 'z' }] }, { items: [{ name: 'z' }] }],
    [
      'orders',
      { items },
      { '$setElementOrder/items': [{ name: 'c' }, { name: 'a' }] },
      { items: [items[1], items[2], items[0]] },
    ],
    ['adds words once', { words: ['x'] }, { words: ['x', 'y'] }, { words: ['x', 'y'] }],
    ['deletes words', { words: ['x', 'y'] }, { '$deleteFromPrimitiveList/words': ['x'] }, { words: ['y'] }],
    ['replaces plain lists', { plain: ['x'] }, { plain: ['y'] }, { plain: ['y'] }],
    [
      'retains keys',
      { union: { a: 1, b: 2 } },
      { union: { $retainKeys: ['b', 'c'], c: 3 } },
      { union: { b: 2, c: 3 } },
    ],
    ['replaces maps', { union: { a: 1 } }, { union: { $patch: 'replace', b: 1 } }, { union: { b: 1 } }],
    ['deletes by null', { union: { a: 1, b: 2 } }, { union: { a: null } }, { union: { b: 2 } }],
    ['adds no nulls', {}, { union: { a: null, b: 1 } }, { union: { b: 1 } }],
  ];
  for (const [name, original, patch, wanted] of table) {
    const before = structuredClone(original);
    assert.deepEqual(strategicMergePatch(original, patch, schema), wanted, name);
    assert.deepEqual(original, before, `${name}: the original is left alone`);
  }
});

test('strategic merge patches that cannot be', () => {
  const cases: [unknown, 400 | 500][] = [
    [{ items: [{ v: 1 }] }, 500],
    [{ items: [{ name: 'a', $patch: 'x' }] }, 500],
    [{ $patch: 'x' }, 500],
    [{ union: { $retainKeys: ['a'], b: 1 } }, 400],
    [[], 400],
  ];
  for (const [patch, status] of cases)
    assert.throws(() => strategicMergePatch({ items: [], union: {} }, patch, schema), { name: 'PatchError', status });
});

test('merge patches', () => {
  assert.deepEqual(mergePatch({ a: { b: 1, c: 2 }, d: [1] }, { a: { b: null, e: { f: null, g: 1 } }, d: [2] }), {
    a: { c: 2, e: { g: 1 } },
    d: [2],
  });
  assert.throws(() => mergePatch({}, []), PatchError);
});

test('JSON patches', () => {
  const object = { a: { 'x/y': 1 }, list: [1, 2] };
  const patched = jsonPatch(object, [
    { op: 'test', path: '/a/x~1y', value: 1 },
    { op: 'replace', path: '/a/new', value: 2 },
    { op: 'add', path: '/list/-', value: 3 },
    { op: 'remove', path: '/list/0' },
    { op: 'copy', from: '/a/new', path: '/copied' },
    { op: 'move', from: '/copied', path: '/moved' },
  ]);
  assert.deepEqual(patched, { a: { 'x/y': 1, new: 2 }, list: [2, 3], moved: 2 });
  assert.deepEqual(object, { a: { 'x/y': 1 }, list: [1, 2] });
});

test('JSON patches that cannot be', () => {
  const table: [unknown, status: number, detail: RegExp][] = [
    [{}, 400, /cannot unmarshal object/],
    [[{ op: 'test', path: '/a', value: 2 }], 422, /testing value \/a failed/],
    [[{ op: 'remove', path: '/no' }], 422, /missing path: "\/no"/],
    [[{ op: 'add', path: '/no/where', value: 1 }], 422, /missing path/],
    [[{ op: 'replace', path: '/list/7', value: 1 }], 422, /missing path/],
    [[{ op: 'move', from: '/no', path: '/b' }], 422, /missing path: "\/no"/],
    [[{ op: 'grow', path: '/a' }], 422, /Unexpected kind: grow/],
    [[{ op: 'add', path: '/__proto__/polluted', value: 1 }], 422, /missing path/],
  ];
  for (const [operations, status, detail] of table)
    assert.throws(
      () => jsonPatch({ a: 1, list: [1] }, operations),
      (error: PatchError) => error.status === status && detail.test(error.detail),
      JSON.stringify(operations),
    );
  assert.equal(({} as { polluted?: number }).polluted, undefined);
});
