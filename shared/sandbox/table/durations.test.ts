import assert from 'node:assert/strict';
import { test } from 'node:test';
import { age, humanDuration } from './durations.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const table: [milliseconds: number, text: string][] = [
  [0, '0s'],
  [119 * second, '119s'],
  [2 * minute, '2m'],
  [5 * minute + 30 * second, '5m30s'],
  [10 * minute + 1, '10m'],
  [179 * minute, '179m'],
  [3 * hour + 5 * minute, '3h5m'],
  [8 * hour + 59 * minute, '8h'],
  [47 * hour, '47h'],
  [2 * day + 4 * hour, '2d4h'],
  [8 * day, '8d'],
  [729 * day, '729d'],
  [730 * day, '2y'],
  [800 * day, '2y70d'],
  [9 * 365 * day, '9y'],
  [-5 * second, '<invalid>'],
];

for (const [milliseconds, text] of table) test(text, () => assert.equal(humanDuration(milliseconds), text));

test('what has no time is unknown', () => assert.equal(age(undefined, new Date()), '<unknown>'));
