import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DurationError, formatDuration, parseDuration } from './duration.ts';

describe('parseDuration', () => {
  const table: [string, number][] = [
    ['1s', 1000],
    ['1m30s', 90_000],
    ['1h', 3_600_000],
    ['1.5h', 5_400_000],
    ['100ms', 100],
    ['0', 0],
    ['0s', 0],
    ['.5s', 500],
    ['5.s', 5000],
    ['-1m', -60_000],
    ['+1m', 60_000],
    ['1h0m0.25s', 3_600_250],
    ['1us', 0.001],
    ['1µs', 0.001],
    ['30s1m', 90_000],
  ];
  for (const [text, milliseconds] of table) it(text, () => assert.equal(parseDuration(text), milliseconds));

  for (const text of ['', '1', '1d', 's', '1m ', 'm1', '-', '1..5s', '1e3s'])
    it(`refuses "${text}"`, () => assert.throws(() => parseDuration(text), DurationError));
});

describe('formatDuration', () => {
  // As time.Duration.String() of Go prints them.
  const table: [number, string][] = [
    [0, '0s'],
    [1, '1ms'],
    [1.5, '1.5ms'],
    [0.001, '1µs'],
    [0.0015, '1.5µs'],
    [0.000001, '1ns'],
    [250, '250ms'],
    [1000, '1s'],
    [1500, '1.5s'],
    [60_000, '1m0s'],
    [90_500, '1m30.5s'],
    [3_600_000, '1h0m0s'],
    [5_430_000, '1h30m30s'],
    [86_400_000, '24h0m0s'],
    [-1500, '-1.5s'],
    [1234.567891, '1.234567891s'],
  ];
  for (const [milliseconds, text] of table)
    it(text, () => {
      assert.equal(formatDuration(milliseconds), text);
      assert.equal(parseDuration(text), milliseconds);
    });
});
