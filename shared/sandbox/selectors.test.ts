import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatLabelSelector, parseFieldSelector, parseLabelSelector } from './selectors.ts';

const labels = { app: 'web', tier: 'front', 'example.com/size': '3' };

const table: [selector: string, matches: boolean][] = [
  ['', true],
  ['app=web', true],
  ['app==web,tier=front', true],
  ['app=api', false],
  ['app!=api', true],
  ['missing!=x', true],
  ['app in (web, api)', true],
  ['app in (api)', false],
  ['app notin (api)', true],
  ['missing notin (api)', true],
  ['missing in (api)', false],
  ['app', true],
  ['missing', false],
  ['!missing', true],
  ['!app', false],
  ['constructor', false],
  ['!constructor', true],
  ['example.com/size>2', true],
  ['example.com/size<3', false],
  ['app in (web),tier!=back,!missing', true],
];

for (const [selector, matches] of table)
  test(`label selector ${JSON.stringify(selector)}`, () => assert.equal(parseLabelSelector(selector)(labels), matches));

test('what is no label selector is refused', () => {
  for (const wrong of ['a b', 'a in b', '=x', 'a=b c'])
    assert.throws(() => parseLabelSelector(wrong), { status: 400 }, wrong);
});

test('the equalities of a selector are told, for the index', () => {
  assert.deepEqual(parseLabelSelector('a=1,b!=2,c==3,d').equalities, [
    ['a', '1'],
    ['c', '3'],
  ]);
});

test('field selectors', () => {
  assert.deepEqual(parseFieldSelector('metadata.name=x,status.phase!=Running,a==b\\,c'), [
    { path: 'metadata.name', equal: true, value: 'x' },
    { path: 'status.phase', equal: false, value: 'Running' },
    { path: 'a', equal: true, value: 'b,c' },
  ]);
  assert.throws(() => parseFieldSelector('nothing'), { status: 400 });
});

test('a LabelSelector as text', () => {
  const matchExpressions = [
    { key: 'z', operator: 'In', values: ['2', '1'] },
    { key: 'a', operator: 'Exists' },
    { key: 'm', operator: 'DoesNotExist' },
  ];
  assert.equal(formatLabelSelector({ matchLabels: { k: 'v' }, matchExpressions }), 'a,k=v,!m,z in (1,2)');
});
