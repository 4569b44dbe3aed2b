import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareVersions, inRange, parseRange, parseTagVersion, parseVersion } from './version.ts';

const tags = [
  '0.0.0',
  '0.0.3',
  '0.0.9',
  '0.2.0',
  '0.2.3',
  '0.3.0',
  '1.0.0',
  'v1.2.0',
  '1.2.3',
  '1.2.3+build',
  '1.2.9',
  'v1.3.0',
  '2.0.0',
  'v2.1.0',
  '1.2.3-alpha',
  '1.2.3-alpha.1',
  '1.2.3-rc.1',
  '1.2.3-rc.10',
  '2.0.0-rc.2',
  'v2025.02.03',
  '1.2',
  'v1',
  'release-1.0.0',
];

/** Ranges and the tags in them, as Masterminds/semver 3.5 with Flux's parsing of tags answers; undefined: no range. */
const table: [range: string, tags: string | undefined][] = [
  ['*', '0.0.0 0.0.3 0.0.9 0.2.0 0.2.3 0.3.0 1.0.0 v1.2.0 1.2.3 1.2.3+build 1.2.9 v1.3.0 2.0.0 v2.1.0 v2025.02.03'],
  ['x', '0.0.0 0.0.3 0.0.9 0.2.0 0.2.3 0.3.0 1.0.0 v1.2.0 1.2.3 1.2.3+build 1.2.9 v1.3.0 2.0.0 v2.1.0 v2025.02.03'],
  ['1', '1.0.0 v1.2.0 1.2.3 1.2.3+build 1.2.9 v1.3.0'],
  ['1.x', '1.0.0 v1.2.0 1.2.3 1.2.3+build 1.2.9 v1.3.0'],
  ['1.2', 'v1.2.0 1.2.3 1.2.3+build 1.2.9'],
  ['1.2.x', 'v1.2.0 1.2.3 1.2.3+build 1.2.9'],
  ['1.2.3', '1.2.3 1.2.3+build'],
  ['=1.2', 'v1.2.0 1.2.3 1.2.3+build 1.2.9'],
  ['v1.2.3', '1.2.3 1.2.3+build'],
  ['!=1.2', '0.0.0 0.0.3 0.0.9 0.2.0 0.2.3 0.3.0 1.0.0 v1.3.0 2.0.0 v2.1.0 v2025.02.03'],
  ['!=1.2.3', '0.0.0 0.0.3 0.0.9 0.2.0 0.2.3 0.3.0 1.0.0 v1.2.0 1.2.9 v1.3.0 2.0.0 v2.1.0 v2025.02.03'],
  ['!=1', '0.0.0 0.0.3 0.0.9 0.2.0 0.2.3 0.3.0 2.0.0 v2.1.0 v2025.02.03'],
  ['>1', '2.0.0 v2.1.0 v2025.02.03'],
  ['>1.2', 'v1.3.0 2.0.0 v2.1.0 v2025.02.03'],
  ['>1.2.3', '1.2.9 v1.3.0 2.0.0 v2.1.0 v2025.02.03'],
  ['<1.2', '0.0.0 0.0.3 0.0.9 0.2.0 0.2.3 0.3.0 1.0.0'],
  ['<=1.2', '0.0.0 0.0.3 0.0.9 0.2.0 0.2.3 0.3.0 1.0.0 v1.2.0 1.2.3 1.2.3+build 1.2.9'],
  ['<=1', '0.0.0 0.0.3 0.0.9 0.2.0 0.2.3 0.3.0 1.0.0 v1.2.0 1.2.3 1.2.3+build 1.2.9 v1.3.0'],
  ['<=*', '0.0.0 0.0.3 0.0.9'],
  ['>=1.2', 'v1.2.0 1.2.3 1.2.3+build 1.2.9 v1.3.0 2.0.0 v2.1.0 v2025.02.03'],
  [
    '>=1.0.0-0',
    '1.0.0 v1.2.0 1.2.3 1.2.3+build 1.2.9 v1.3.0 2.0.0 v2.1.0 1.2.3-alpha 1.2.3-alpha.1 1.2.3-rc.1 1.2.3-rc.10 2.0.0-rc.2 v2025.02.03',
  ],
  [
    '>=1.2.3-0',
    '1.2.3 1.2.3+build 1.2.9 v1.3.0 2.0.0 v2.1.0 1.2.3-alpha 1.2.3-alpha.1 1.2.3-rc.1 1.2.3-rc.10 2.0.0-rc.2 v2025.02.03',
  ],
  ['~1', '1.0.0 v1.2.0 1.2.3 1.2.3+build 1.2.9 v1.3.0'],
  ['~1.2', 'v1.2.0 1.2.3 1.2.3+build 1.2.9'],
  ['~1.2.3', '1.2.3 1.2.3+build 1.2.9'],
  ['~>1.2.3', '1.2.3 1.2.3+build 1.2.9'],
  ['~0', '0.0.0 0.0.3 0.0.9 0.2.0 0.2.3 0.3.0'],
  ['^1', '1.0.0 v1.2.0 1.2.3 1.2.3+build 1.2.9 v1.3.0'],
  ['^1.2.3', '1.2.3 1.2.3+build 1.2.9 v1.3.0'],
  ['^0', '0.0.0 0.0.3 0.0.9 0.2.0 0.2.3 0.3.0'],
  ['^0.2', '0.2.0 0.2.3'],
  ['^0.2.3', '0.2.3'],
  ['^0.0', '0.0.0 0.0.3 0.0.9'],
  ['^0.0.3', '0.0.3'],
  ['^*', '0.0.0'],
  ['~*', '0.0.0 0.0.3 0.0.9 0.2.0 0.2.3 0.3.0 1.0.0 v1.2.0 1.2.3 1.2.3+build 1.2.9 v1.3.0 2.0.0 v2.1.0 v2025.02.03'],
  ['1.0 - 1.2.3', '1.0.0 v1.2.0 1.2.3 1.2.3+build'],
  ['1 - 1.2', '1.0.0 v1.2.0 1.2.3 1.2.3+build 1.2.9'],
  ['>=1.0.0 <2.0.0', '1.0.0 v1.2.0 1.2.3 1.2.3+build 1.2.9 v1.3.0'],
  ['>=1.0.0, <2.0.0', '1.0.0 v1.2.0 1.2.3 1.2.3+build 1.2.9 v1.3.0'],
  ['>=1.0.0,<2.0.0', '1.0.0 v1.2.0 1.2.3 1.2.3+build 1.2.9 v1.3.0'],
  ['1.2.3 || ^2', '1.2.3 1.2.3+build 2.0.0 v2.1.0'],
  ['>=1.2.3-alpha.1 <1.2.3', '1.2.3-alpha.1 1.2.3-rc.1 1.2.3-rc.10'],
  ['1.2.3-rc.1', '1.2.3-rc.1'],
  ['=>1.2.3', '1.2.3 1.2.3+build 1.2.9 v1.3.0 2.0.0 v2.1.0 v2025.02.03'],
  ['=<1.2.3', '0.0.0 0.0.3 0.0.9 0.2.0 0.2.3 0.3.0 1.0.0 v1.2.0 1.2.3 1.2.3+build'],
  ['1.2.3+build', '1.2.3 1.2.3+build'],
  ['^1.2.0-rc.1', 'v1.2.0 1.2.3 1.2.3+build 1.2.9 v1.3.0 1.2.3-alpha 1.2.3-alpha.1 1.2.3-rc.1 1.2.3-rc.10'],
  [
    '>1.2.3-alpha',
    '1.2.3 1.2.3+build 1.2.9 v1.3.0 2.0.0 v2.1.0 1.2.3-alpha.1 1.2.3-rc.1 1.2.3-rc.10 2.0.0-rc.2 v2025.02.03',
  ],
  ['~1.2.3-rc.1', '1.2.3 1.2.3+build 1.2.9 1.2.3-rc.1 1.2.3-rc.10'],
  ['', undefined],
  ['latest', undefined],
  ['1.2.3.4', undefined],
  ['>>1', undefined],
  ['1.2.3,', undefined],
  ['1 -2', undefined],
  ['>=1.0.0&&<2.0.0', undefined],
  ['1.0.0-01', undefined],
];

test('ranges hold the versions that Masterminds/semver finds in them', () => {
  for (const [text, expected] of table) {
    if (expected === undefined) {
      assert.throws(() => parseRange(text), { code: 'InvalidVersionRange' }, text);
      continue;
    }
    const range = parseRange(text);
    const found = tags.filter(tag => {
      const version = parseTagVersion(tag);
      return version !== undefined && inRange(version, range);
    });
    assert.equal(found.join(' '), expected, text);
  }
});

test('versions are ordered by precedence', () => {
  const ordered = [
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    '1.0.0',
    '1.0.1',
    '1.10.0',
    '18446744073709551615.0.0',
  ];
  for (const [index, text] of ordered.entries()) {
    for (const [other, otherText] of ordered.entries()) {
      const order = compareVersions(parseVersion(text)!, parseVersion(otherText)!);
      assert.equal(order, Math.sign(index - other), `${text} and ${otherText}`);
    }
  }
  assert.equal(compareVersions(parseVersion('1.0.0+a')!, parseVersion('v1.0.0+b')!), 0);
});

test('what is no version is not taken for one', () => {
  for (const text of [
    '',
    'latest',
    '1.0.0-',
    '1.0.0-01',
    '1.0.0+',
    '1.0.0.0',
    '18446744073709551616.0.0',
    '1'.repeat(257),
    'a/1.0.0',
  ])
    assert.equal(parseVersion(text), undefined, text);
  assert.equal(parseTagVersion('v1.2'), undefined, 'tags need three parts');
});

test('a hostile range is refused quickly', () => {
  assert.throws(() => parseRange(`${'1  '.repeat(170)}!`), { code: 'InvalidVersionRange' });
  assert.throws(() => parseRange('1||'.repeat(40)), { code: 'InvalidVersionRange' });
  assert.throws(() => parseRange(`>=${'1'.repeat(600)}`), { code: 'InvalidVersionRange' });
});
