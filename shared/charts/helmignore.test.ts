import assert from 'node:assert/strict';
import { test } from 'node:test';
import { helmIgnore } from './helmignore.ts';

/** As Helm decides: rules, path, whether it is a directory, whether it is left out. */
const cases: [string, string, boolean, boolean][] = [
  ['', 'a.txt', false, false],
  ['', 'templates/.hidden', false, true],
  ['', 'templates/.dotdir', true, true],
  ['', 'templates/sub/.hidden', false, false],
  ['# *.txt', 'a.txt', false, false],
  ['*.txt', 'a.txt', false, true],
  ['*.txt', 'dir/a.txt', false, true],
  ['  *.txt  ', 'a.txt', false, true],
  ['/a.txt', 'a.txt', false, true],
  ['/a.txt', 'dir/a.txt', false, false],
  ['dir/', 'dir', true, true],
  ['dir/', 'dir', false, false],
  ['dir/*.txt', 'dir/a.txt', false, true],
  ['dir/*.txt', 'dir/b/a.txt', false, false],
  ['dir/*.txt', 'x/dir/a.txt', false, false],
  ['?.md', 'a.md', false, true],
  ['[ab].md', 'c.md', false, false],
  ['!*.yaml', 'a.txt', false, true],
  ['!*.yaml', 'a.yaml', false, false],
  ['.helmignore', '.helmignore', false, true],
];
for (const [rules, path, isDirectory, expected] of cases)
  test(`${JSON.stringify(rules)} and ${path}${isDirectory ? '/' : ''}`, () => {
    assert.equal(helmIgnore(rules)(path, isDirectory), expected);
  });

test('a double star is refused, as by Helm', () => {
  assert.throws(() => helmIgnore('a/**/b'), {
    code: 'InvalidChart',
    message: /double-star \(\*\*\) syntax is not supported/,
  });
});
