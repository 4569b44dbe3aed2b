import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entryOf, pathOfKey } from './key-path.ts';

test('a key is a path inside the root', () => {
  const table: [string, string][] = [
    ['artifacts/sha256/ab.tar.gz', 'artifacts/sha256/=ab.tar.gz'],
    ['a', '=a'],
    ['../x', '%2E./=x'],
    ['..', '=%2E.'],
    ['/etc', '%/=etc'],
    ['a//b', 'a/%/=b'],
    ['a/', 'a/=%'],
    ['=a/b', '%3Da/=b'],
    ['a\\b\u0000', '=a%5Cb%00'],
    ['100%', '=100%25'],
  ];
  for (const [key, path] of table) assert.equal(pathOfKey(key), path);
});

test('names of files and directories are read back', () => {
  assert.equal(entryOf('%2E.', true), '..');
  assert.equal(entryOf('%', true), '');
  assert.equal(entryOf('=a%2Fb', false), 'a/b');
  for (const foreign of ['a', '=%zz', '=%2e', '=.x']) assert.equal(entryOf(foreign, false), undefined, foreign);
});

test('keys that S3 refuses too are refused', () => {
  for (const key of ['', 'x'.repeat(1025), '\uD800']) assert.throws(() => pathOfKey(key), { code: 'InvalidKey' });
});
