import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fairShare, laneOf } from './fair-share.ts';

const cases: [string, string[], Record<string, number>, number, Record<string, number>][] = [
  ['a single cluster may have all', ['a'], {}, 8, { a: 8 }],
  ['what is free is shared', ['a', 'b'], {}, 8, { a: 4, b: 4 }],
  ['the one that holds least comes first', ['a', 'b'], { a: 7 }, 8, { b: 2 }],
  ['a full house still lets a stranger in', ['a', 'b'], { a: 8 }, 8, { b: 2 }],
  ['but not further', ['a', 'b'], { a: 8, b: 2 }, 8, {}],
  ['one that holds more than its share waits', ['a', 'b'], { a: 6, b: 1 }, 8, { b: 1 }],
  ['nobody waits', [], { a: 1 }, 8, {}],
  ['fewer than the lanes', ['a', 'b', 'c'], {}, 1, { a: 2, b: 2, c: 2 }],
];
for (const [name, waiting, held, concurrency, expected] of cases)
  test(name, () => {
    const shares = fairShare(waiting, new Map(Object.entries(held)), concurrency);
    assert.deepEqual(Object.fromEntries(shares), expected);
  });

test('the lane is the cluster, whatever the message', () => {
  assert.equal(laneOf('kustomize', 'prod/Kustomization/ns/app'), 'prod');
  assert.equal(laneOf('notification', 'event/prod/Kustomization/ns/app'), 'prod');
  assert.equal(laneOf('notification', 'hook/0123'), 'hook');
  assert.equal(laneOf('timer', 'any'), '');
});
