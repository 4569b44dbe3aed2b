import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPlain, keyOfS3, s3Key, s3Prefixes } from './s3-keys.ts';

test('the keys that Sluice writes are the same in S3', () => {
  for (const key of [
    'artifacts/sha256/ab/cd.tar.gz',
    'a',
    '.a',
    'a/.b',
    '..a/b..',
    '...',
    '=a',
    'a=/b',
    'ключ 🚀',
    'a b+%2F',
  ])
    assert.equal(s3Key(key), key);
});

test('keys that S3 refuses, or may not keep as they are, stand in the corner, in their order', () => {
  const odd = [
    '/k',
    '../k',
    './k',
    'k/',
    'k//k',
    'k/..',
    'k/../k',
    'k/.',
    '=/6b',
    '=/',
    'k\n',
    'k\u0001',
    'k\uFFFF',
    '.',
    '..',
    '/',
  ];
  const found = odd.map(s3Key);
  for (const [at, key] of found.entries()) {
    assert.match(key, /^=\/([0-9a-f]{2})+$/);
    assert.equal(keyOfS3(key), odd[at]);
  }
  assert.deepEqual(
    found.toSorted().map(keyOfS3),
    odd.toSorted((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y))),
  );
});

test('keys of others are none of ours', () => {
  for (const key of ['folder/', '=/', '=/zz', '=/6', '=/6B', '=/61', '=/ff', `=/${'2f'.repeat(600)}`])
    assert.equal(keyOfS3(key), undefined, key);
});

test('prefixes find keys of both places', () => {
  for (const [prefix, plain] of [
    ['', ''],
    ['k', 'k'],
    ['k/', 'k/'],
    ['k/.', 'k/.'],
    ['k//', undefined],
    ['../', undefined],
    ['=/', undefined],
  ] as const) {
    const prefixes = s3Prefixes(prefix);
    assert.equal(prefixes.plain, plain);
    assert.equal(prefixes.odd, `=/${Buffer.from(prefix).toString('hex')}`);
  }
  assert.ok(isPlain('k/.k') && !isPlain('k/./k'));
});

test('what no key can be is refused', () => {
  for (const key of ['', 'k'.repeat(1025), 'é'.repeat(513), 'k\uD800', `/${'k'.repeat(511)}`])
    assert.throws(() => s3Key(key), { code: 'InvalidKey' });
  assert.equal(s3Key('k'.repeat(1024)).length, 1024);
  assert.equal(s3Key(`/${'k'.repeat(510)}`).length, 1024);
});
