import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs, jittered } from './backoff.ts';

test('failures in a row wait twice as long each, up to a quarter of an hour', () => {
  assert.deepEqual([1, 2, 3, 4].map(backoffMs), [750, 1500, 3000, 6000]);
  assert.equal(backoffMs(12), 900_000);
  assert.equal(backoffMs(10_000), 900_000);
});

test('jitter stays within five percent, either way', () => {
  assert.equal(
    jittered(60_000, () => 0),
    57_000,
  );
  assert.equal(
    jittered(60_000, () => 0.5),
    60_000,
  );
  assert.ok(jittered(60_000, () => 0.999_999) < 63_000);
});
