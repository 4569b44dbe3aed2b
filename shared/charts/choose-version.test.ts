import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseTag, chooseVersion } from './choose-version.ts';

const versions = [
  ['1.0.0', '2024-01-01T00:00:00Z', 'a'],
  ['v1.2.0', '2024-01-01T00:00:00Z', 'b'],
  ['1.2.0', '2024-02-01T00:00:00Z', 'c'],
  ['1.10.0', '', 'd'],
  ['2.0.0+one', '2024-01-01T00:00:00Z', 'e'],
  ['2.0.0+two', '2024-03-01T00:00:00Z', 'f'],
  ['2.0.0+none', '', 'g'],
  ['3.0.0-rc.1', '', 'h'],
  ['4', '', 'i'],
].map(([version = '', created = '', url = '']) => ({ name: 'app', version, urls: [url], created }));

const cases: [string, string | RegExp][] = [
  ['', 'f'],
  ['*', 'f'],
  ['1.0.0', 'a'],
  ['v1.2.0', 'b'],
  ['1.2.0', 'c'],
  ['~1.2', 'c'],
  ['1.x', 'd'],
  ['>=1.0.0 <1.10.0', 'c'],
  ['2.0.0+one', 'e'],
  ['>=3.0.0-0', 'h'],
  ['4', 'i'],
  ['^9', /no 'app' chart with version matching '\^9' found/],
  ['newest', /"newest" is not a version range/],
];
for (const [wanted, expected] of cases)
  test(`version "${wanted}"`, () => {
    if (expected instanceof RegExp) assert.throws(() => chooseVersion('app', versions, wanted), expected);
    else assert.equal(chooseVersion('app', versions, wanted).urls[0], expected);
  });

test('charts and versions that are not there', () => {
  assert.throws(() => chooseVersion('x', undefined, '*'), /no chart name found/);
  assert.throws(() => chooseVersion('x', [], '*'), /no chart version found/);
  assert.equal(chooseTag(['latest', '1.0', '1.0.0'], '*'), '1.0.0');
  assert.equal(chooseTag(['latest'], 'latest'), 'latest');
  assert.equal(chooseTag(['1.0.0'], '2.x'), undefined);
});
