import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../faults.ts';
import { parseBody, parsePatch } from './body.ts';

const yaml = 'application/yaml';

function read(text: string, type = 'application/json'): unknown {
  return parseBody(Buffer.from(text), type, 'ConfigMap').value;
}

test('an object is read from JSON and YAML', () => {
  assert.deepEqual(read('{"kind":"ConfigMap","data":{"a":"1"}}'), { kind: 'ConfigMap', data: { a: '1' } });
  assert.deepEqual(read('a: yes\nb: 2020-01-01\nc: 010\nd: "no"\ne: ~', yaml), {
    a: true,
    b: '2020-01-01',
    c: 8,
    d: 'no',
    e: null,
  });
  assert.deepEqual(read('{"a": {b: [1, x]}}', yaml), { a: { b: [1, 'x'] } });
});

test('what is no object is refused as a bad request', () => {
  // Four lists of nine, each of the one before.
  const level = (name: string, of: string): string => `${name}: &${name} [${Array(9).fill(of)}]`;
  const bomb = [level('a', 'x'), level('b', '*a'), level('c', '*b'), level('d', '*c')].join('\n');
  const cases: [string, string, number][] = [
    ['[1]', 'application/json', 400],
    ['{"a":', 'application/json', 400],
    ['a: [b', yaml, 400],
    [bomb, yaml, 400],
    ['{}', 'text/plain', 415],
  ];
  for (const [text, type, status] of cases)
    assert.throws(
      () => read(text, type),
      (error: unknown) => error instanceof Fault && error.status === status,
      `${type}: ${text}`,
    );
});

test('an applied configuration is JSON, or YAML even where it begins as JSON does', () => {
  const values = ['{"a":{"b":1}}', '{a: {b: 1}}', 'a:\n  b: 1'];
  for (const text of values) assert.deepEqual(parsePatch(Buffer.from(text), true).value, { a: { b: 1 } }, text);
  assert.throws(() => parsePatch(Buffer.from('{a: 1}'), false), { status: 400 });
});

test('fields given twice are reported from both', () => {
  assert.deepEqual(parsePatch(Buffer.from('{"a":1,"a":2}'), true).repeated.warnings, ['duplicate field "a"']);
  const { value, repeated } = parsePatch(Buffer.from('a: 1\nb:\n  c: 1\n  c: 2\n'), true);
  assert.deepEqual(value, { a: 1, b: { c: 2 } });
  assert.deepEqual(repeated.warnings, ['line 4: key "c" already set in map']);
});
