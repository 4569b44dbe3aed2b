import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluate } from './json-path.ts';

const object = {
  metadata: { annotations: { 'example.com/a': 'x' } },
  spec: {
    list: [
      { n: 'a', v: 1 },
      { n: 'b', v: 2 },
    ],
    empty: null,
  },
  status: { conditions: [{ type: 'Ready', status: 'True', message: 'fine [really]' }] },
};

const table: [path: string, found: unknown[]][] = [
  ['.spec.list[0].n', ['a']],
  ['.spec.list[-1:].n', ['b']],
  ['.spec.list[*].v', [1, 2]],
  ['.spec.list[?(@.n=="b")].v', [2]],
  ['.status.conditions[?(@.type=="Ready")].status', ['True']],
  ["{.status.conditions[?(@.type=='Ready')].message}", ['fine [really]']],
  ['.status.conditions[?(@.type=="Stalled")].status', []],
  ['.metadata.annotations.example\\.com/a', ['x']],
  ["$.metadata.annotations['example.com/a']", ['x']],
  ['.spec.missing.deeper', []],
  ['.spec.empty', [null]],
  ['..v', [1, 2]],
];

for (const [path, found] of table) test(path, () => assert.deepEqual(evaluate(path, object), found));
