import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { mergeValuesFiles } from './values.ts';
import { cleanPath, effectiveValuesFiles } from './values-files.ts';
import { parseMapping, writeYaml } from './yaml.ts';

const merge = (texts: Record<string, string>, ignoreMissing = false, names = Object.keys(texts)) =>
  mergeValuesFiles(names, ignoreMissing, async name => (name in texts ? Buffer.from(texts[name]!) : undefined));

test('mappings are merged key by key; lists, nulls and everything else replace what was there', async () => {
  const { text, files } = await merge({
    'a.yaml': 'a: {x: 1, w: {z: 1}}\nlist: [1, 2]\nkept: yes\ngone: {a: 1}\n',
    'b.yaml': 'a: {w: {w: 2}, x: {deep: true}}\nlist: [3]\ngone: null\nadded: text\n',
    'empty.yaml': '',
  });
  assert.deepEqual(parse(text), {
    a: { x: { deep: true }, w: { z: 1, w: 2 } },
    list: [3],
    kept: true,
    gone: null,
    added: 'text',
  });
  assert.deepEqual(files, ['a.yaml', 'b.yaml', 'empty.yaml']);
});

test('texts stay texts and numbers numbers, for readers of YAML 1.1 and 1.2', async () => {
  const source = `yes: "on"
octal: "0777"
number: "123"
float: "1e3"
time: 2001-12-14
sexagesimal: 12:30:45
big: 12345678901234567890
version: "1.10"
multi: |
  a
  b
null text: "null"
1: one
true: t
"~": tilde
`;
  const { text } = await merge({ 'v.yaml': source });
  for (const version of ['1.1', '1.2'] as const) {
    const read = parseText(text, version);
    assert.equal(read.octal, '0777');
    assert.equal(read.number, '123');
    assert.equal(read.float, '1e3');
    assert.equal(read.version, '1.10');
    assert.equal(read.multi, 'a\nb\n');
    assert.equal(read['null text'], 'null');
    assert.equal(read.big, 12345678901234567890n);
    assert.deepEqual(Object.keys(read).sort(), Object.keys(parseText(text, '1.2')).sort());
  }
  assert.match(text, /^time: "?2001-12-14"?$/m);
  assert.equal(writeYaml(parseMapping(text, 'v', 'InvalidValues')), text, 'what is written is read as it was');
});

function parseText(text: string, version: '1.1' | '1.2'): Record<string, unknown> {
  return parse(text, { version, intAsBigInt: true });
}

test('plain scalars mean what they mean to Helm', () => {
  const text = 'a: yes\nb: y\nc: 0777\nd: 1_000\ne: 0o17\nf: 12:30:45\ng: 2001-12-14\nh: 0x1F\ni: +1\non: off\n';
  const values = Object.fromEntries(parseMapping(text, 'v', 'InvalidValues'));
  const expected = {
    a: true,
    b: true,
    c: 511,
    d: 1000,
    e: 15,
    f: '12:30:45',
    g: '2001-12-14',
    h: 31,
    i: 1,
    true: false,
  };
  assert.deepEqual(values, expected);
  assert.equal(writeYaml(new Map([['a', '0o17']])), 'a: "0o17"\n');
});

test('files that are not there, are no mapping, or explode', async () => {
  await assert.rejects(merge({}, false, ['a.yaml']), {
    code: 'NotFound',
    message: "no values file found at path 'a.yaml'",
  });
  assert.deepEqual(await merge({ 'b.yaml': 'x: 1' }, true, ['a.yaml', 'b.yaml']), {
    text: 'x: 1\n',
    files: ['b.yaml'],
  });
  await assert.rejects(merge({ a: '- 1' }), { code: 'InvalidValues', message: /cannot load 'a': it holds no mapping/ });
  await assert.rejects(merge({ a: 'x: {' }), { code: 'InvalidValues' });
  const names = [...'abcdefgh'];
  const bomb = names
    .map(
      (n, at) =>
        `${n}: &${n} [${Array(9)
          .fill(at ? `*${names[at - 1]}` : 'x')
          .join()}]`,
    )
    .join('\n');
  await assert.rejects(merge({ bomb }), { code: 'InvalidValues', message: /Excessive alias count/ });
  const { text } = await merge({
    a: '__proto__: {polluted: 1}\nconstructor: {prototype: {polluted: 1}}\n',
    b: '__proto__: {x: 2}',
  });
  assert.match(text, /__proto__:\n {2}polluted: 1\n {2}x: 2/);
  assert.equal(({} as { polluted?: number }).polluted, undefined);
});

test('values.yaml alone is no values file', () => {
  assert.deepEqual(effectiveValuesFiles(undefined), []);
  assert.deepEqual(effectiveValuesFiles(['./values.yaml']), []);
  assert.deepEqual(effectiveValuesFiles(['values.yaml', 'b.yaml']), ['values.yaml', 'b.yaml']);
  assert.deepEqual(['./a//b/../c', '../a', 'a/../..', ''].map(cleanPath), ['a/c', '../a', '..', '.']);
});
