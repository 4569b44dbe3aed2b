import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalQuantity, compareQuantities, parseQuantity } from './quantity.ts';

test('a quantity has one canonical form', () => {
  const table: [string | number, string][] = [
    ['1000m', '1'],
    ['0.5', '500m'],
    [1, '1'],
    ['1.5Gi', '1536Mi'],
    ['1024Mi', '1Gi'],
    ['1000Mi', '1000Mi'],
    ['100M', '100M'],
    ['1000M', '1G'],
    ['0.1Gi', '107374182400m'],
    ['512', '512'],
    ['1e3', '1e3'],
    ['1E', '1E'],
    ['12e6', '12e6'],
    ['0', '0'],
    ['-500m', '-500m'],
    ['1n', '1n'],
    ['0.0000000001', '1n'],
    ['10Ki', '10Ki'],
    ['0.5Ki', '512'],
  ];
  for (const [text, wanted] of table) assert.equal(canonicalQuantity(text), wanted, String(text));
});

test('what is no quantity is told apart', () => {
  for (const text of ['', 'x', '1x', '1 Gi', 'Gi', '1e', '--1', '1.2.3', 'Infinity'])
    assert.equal(parseQuantity(text), undefined, text);
});

test('quantities compare by what they say', () => {
  assert.ok(compareQuantities('1Gi', '1G') > 0);
  assert.equal(compareQuantities('1', '1000m'), 0);
  assert.ok(compareQuantities('100m', '1') < 0);
  assert.ok(Number.isNaN(compareQuantities('x', '1')));
});
