import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { evaluate, SubstitutionError } from './envsubst.ts';

const variables = new Map(
  Object.entries({
    name: 'World',
    lower: 'abcdEFGH28ij',
    upper: 'ABCDEFGH28IJ',
    path: '/home/bozo/ideas/thoughts.for.today',
    file: 'bash.string.txt',
    nested: 'foo1',
    repeated: 'abcABC123ABCabc',
    slashes: 'foo/bar/baz',
    empty: '',
    accent: 'äöü',
    sharp: 'ßa',
    dollar: 'a$$b',
    _under: 'u',
    v1: 'one',
  }),
);

describe('evaluate: every form', () => {
  const table: [string, string][] = [
    // nothing to do
    ['', ''],
    ['plain text', 'plain text'],
    ['$name', '$name'],
    ['$', '$'],
    ['a $ b', 'a $ b'],
    ['{name}', '{name}'],
    ['\\${name}', '\\World'],
    // values
    ['${name}', 'World'],
    ['Hello ${name}!', 'Hello World!'],
    ['${name}${name}', 'WorldWorld'],
    ['${_under}${v1}', 'uone'],
    ['${unknown}', ''],
    ['a${empty}b', 'ab'],
    // what a value holds is not looked at again
    ['${dollar}', 'a$$b'],
    // escapes
    ['$${name}', '${name}'],
    ['$$${name}', '$World'],
    ['$$$${name}', '$${name}'],
    ['$$', '$'],
    ['a$$b', 'a$b'],
    ['$${a} ${name} $${b}', '${a} World ${b}'],
    ['$${a=${name}}', '${a=World}'],
    // length, in bytes
    ['${#lower}', '12'],
    ['${#unknown}', '0'],
    ['${#accent}', '6'],
    // case
    ['${lower^}', 'AbcdEFGH28ij'],
    ['${lower^^}', 'ABCDEFGH28IJ'],
    ['${upper,}', 'aBCDEFGH28IJ'],
    ['${upper,,}', 'abcdefgh28ij'],
    ['${accent^}', 'Äöü'],
    ['${accent^^}', 'ÄÖÜ'],
    ['${sharp^^}', 'ßA'],
    ['${empty^}', ''],
    // substrings
    ['${path:11}', 'ideas/thoughts.for.today'],
    ['${path:11:5}', 'ideas'],
    ['${path:0}', '/home/bozo/ideas/thoughts.for.today'],
    ['${path:0:1}', '/'],
    ['${path:11:1000}', 'ideas/thoughts.for.today'],
    ['${path:1000}', ''],
    ['${path:1000:5}', ''],
    ['${path:x}', '/home/bozo/ideas/thoughts.for.today'],
    ['${path:1:x}', '/home/bozo/ideas/thoughts.for.today'],
    ['${path: 1}', '/home/bozo/ideas/thoughts.for.today'],
    ['${name:${unknown:=3}}', 'ld'],
    ['${accent:2}', 'öü'],
    // defaults
    ['${unknown:=xyz}', 'xyz'],
    ['${unknown:-xyz}', 'xyz'],
    ['${unknown=xyz}', 'xyz'],
    ['${empty:=xyz}', 'xyz'],
    ['${empty=xyz}', 'xyz'],
    ['${name:=xyz}', 'World'],
    ['${name:-xyz}', 'World'],
    ['${name=xyz}', 'World'],
    ['${unknown:=}', ''],
    ['${unknown:=a b: c # d}', 'a b: c # d'],
    ['${unknown:=$name}', '$name'],
    ['${unknown:=${nested}}', 'foo1'],
    ['${unknown:=a-${nested}-b}', 'a-foo1-b'],
    ['${unknown:=${nested}${name}}', 'foo1World'],
    ['${unknown:=${other:=${nested}}}', 'foo1'],
    ['${unknown:=${lower^^}}', 'ABCDEFGH28IJ'],
    ['${unknown:=a$$b}', 'a$$b'],
    // operators that are read like a default, whatever bash makes of them
    ['${unknown:+x}', 'x'],
    ['${unknown:?x}', 'x'],
    ['${name:+x}', 'World'],
    // removal
    ['${file#*.}', 'string.txt'],
    ['${file##*.}', 'txt'],
    ['${file%.*}', 'bash.string'],
    ['${file%%.*}', 'bash'],
    ['${path#*/}', 'home/bozo/ideas/thoughts.for.today'],
    ['${path##*/}', 'thoughts.for.today'],
    ['${path%/*}', '/home/bozo/ideas'],
    ['${file#bash}', '.string.txt'],
    ['${file#b?sh.}', 'string.txt'],
    ['${file#[a-c]ash.}', 'string.txt'],
    ['${file#[^x]ash.}', 'string.txt'],
    ['${file#[x-z]ash.}', 'bash.string.txt'],
    ['${file#nothing}', 'bash.string.txt'],
    ['${file#[}', 'bash.string.txt'],
    ['${file%.txt}', 'bash.string'],
    ['${file#\\b}', 'ash.string.txt'],
    ['${empty#*}', ''],
    ['${file##*}', ''],
    // replacement
    ['${repeated/abc/xyz}', 'xyzABC123ABCabc'],
    ['${repeated//abc/xyz}', 'xyzABC123ABCxyz'],
    ['${repeated/#abc/XYZ}', 'XYZABC123ABCabc'],
    ['${repeated/%abc/XYZ}', 'abcABC123ABCXYZ'],
    ['${repeated/#ABC/XYZ}', 'abcABC123ABCabc'],
    ['${repeated/%ABC/XYZ}', 'abcABC123ABCabc'],
    ['${repeated/abc/}', 'ABC123ABCabc'],
    ['${repeated//abc/}', 'ABC123ABC'],
    ['${repeated/#abc/}', 'abcABC123ABCabc'],
    ['${slashes/\\//-}', 'foo-bar/baz'],
    ['${slashes//\\//-}', 'foo-bar-baz'],
    ['${slashes/bar/${name}}', 'foo/World/baz'],
    ['${slashes/${nothing:=bar}/x}', 'foo/x/baz'],
    ['${repeated/a.c/x}', 'abcABC123ABCabc'],
  ];
  for (const [text, expected] of table)
    it(JSON.stringify(text), () => assert.equal(evaluate(text, variables), expected));
});

describe('evaluate: what cannot be read', () => {
  const table: [string, RegExp][] = [
    ['${', /unable to parse variable name/],
    ['${}', /unable to parse variable name/],
    ['${ name}', /unable to parse variable name/],
    ['${name', /missing closing brace/],
    ['${name }', /missing closing brace/],
    ['${name-x}', /missing closing brace/],
    ['${name.x}', /missing closing brace/],
    ['${a-b}', /missing closing brace/],
    ['${name:}', /unable to parse substitution within function/],
    ['${name:=x', /unable to parse substitution within function/],
    ['${name/x}', /bad substitution/],
    ['${name^x}', /bad substitution/],
    ['${#}', /bad substitution/],
    ['${#name', /bad substitution/],
    ['${path:5:-3}', /cannot have the length -3/],
  ];
  for (const [text, message] of table)
    it(text, () =>
      assert.throws(
        () => evaluate(text, variables),
        error => error instanceof SubstitutionError && message.test(error.message),
      ),
    );

  it('says where, and how to write a dollar sign', () => {
    assert.throws(() => evaluate('abc ${$x} def', variables), /\$\{\$x\} def.*\$\$/);
  });
});

describe('evaluate: strict', () => {
  const strict = (text: string) => evaluate(text, variables, { strict: true });
  const failing = [
    '${x}',
    '${#x}',
    '${x^}',
    '${x,,}',
    '${x:0}',
    '${x:0:1}',
    '${x/a/b}',
    '${x//a/b}',
    '${x/#a/b}',
    '${x#a}',
    '${x##a}',
    '${x%a}',
    '${x%%a}',
    '${y:=${x}}',
    '${name:=${x}}',
  ];
  for (const text of failing)
    it(`${text} fails`, () => assert.throws(() => strict(text), /variable not set \(strict mode\): "x"/));
  for (const text of ['${x:=d}', '${x:-d}', '${x=d}']) it(`${text} is d`, () => assert.equal(strict(text), 'd'));
  it('an empty value is a value', () => assert.equal(strict('a${empty}'), 'a'));
});

it('evaluate takes time in proportion to the text', () => {
  const text = '${name} $$ $x '.repeat(100_000);
  assert.equal(evaluate(text, variables).length, 'World $ $x '.length * 100_000);
});
