import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../api/object.ts';
import { BuildError } from './build-error.ts';
import { substitute, substituteKey } from './substitute.ts';

const object = (fields: Record<string, unknown>, metadata: Partial<KubeObject['metadata']> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: 'apps', ...metadata },
  ...fields,
});

const only = (fields: Record<string, unknown>, variables: Record<string, string>, options = {}) => {
  const [result] = substitute([object(fields)], variables, options);
  const { apiVersion: _, kind: __, metadata: ___, ...rest } = result!;
  return rest;
};

describe('substitute: types follow from the text', () => {
  const table: [string, unknown, string, unknown][] = [
    ['a number', '${v}', '3', 3],
    ['a negative number', '${v}', '-3', -3],
    ['a decimal', '${v}', '1.50', 1.5],
    ['an exponent', '${v}', '1e3', 1000],
    ['an octal', '${v}', '0777', 511],
    ['true', '${v}', 'true', true],
    ['yes', '${v}', 'yes', true],
    ['off', '${v}', 'off', false],
    ['nothing', '${v}', '', null],
    ['null', '${v}', 'null', null],
    ['a date stays text', '${v}', '2024-01-01', '2024-01-01'],
    ['minutes stay text', '${v}', '1:30', '1:30'],
    ['a version stays text', '${v}', '1.2.3', '1.2.3'],
    ['text', '${v}', 'blue', 'blue'],
    ['text around it', 'v${v}', '3', 'v3'],
    ['a list', '${v}', '[a, 1]', ['a', 1]],
    ['a map', '${v}', '{a: 1}', { a: 1 }],
    ['quotes in the value', '${v}', '"3"', '3'],
    ['quotes in the manifest', '"${v}"', '3', '"3"'],
    ['a comment', '${v}', 'a #b', 'a'],
    ['a string that had to be quoted stays one', 'a: ${v}', '3', 'a: 3'],
    ['a block stays text', '${v}\n', '3', '3\n'],
    ['a line of a block', 'first\nsecond ${v}\n', '3', 'first\nsecond 3\n'],
    ['line breaks are taken out', '${v}', 'a\nb\n', 'ab'],
    ['a quote within quotes', 'a: ${v}', 'b', 'a: b'],
    ['escaped', '$${v}', 'x', '${v}'],
    ['in the middle of a list', ['${v}', 'x${v}'], '1', [1, 'x1']],
    ['in the depth', { a: { b: ['${v}'] } }, '1', { a: { b: [1] } }],
  ];
  for (const [name, value, variable, expected] of table)
    it(name, () => assert.deepEqual(only({ spec: value }, { v: variable }), { spec: expected }));

  it('keys', () => {
    assert.deepEqual(only({ data: { '${v}': 'x', 'pre-${v}': 'y' } }, { v: 'k' }), { data: { k: 'x', 'pre-k': 'y' } });
  });

  it('names, namespaces and labels', () => {
    const [result] = substitute(
      [object({}, { name: '${env}-settings', namespace: '${env}', labels: { env: '${env}' } })],
      { env: 'prod' },
    );
    assert.deepEqual(result?.metadata, { name: 'prod-settings', namespace: 'prod', labels: { env: 'prod' } });
  });

  it('stringData of a Secret as any field; data stays encoded', () => {
    const secret = object({
      kind: 'Secret',
      stringData: { password: '${p}' },
      data: { encoded: Buffer.from('${p}').toString('base64') },
    });
    const [result] = substitute([secret], { p: 'hunter2' });
    assert.deepEqual(result?.stringData, { password: 'hunter2' });
    assert.deepEqual(result?.data, secret.data);
  });
});

describe('substitute: what is left alone', () => {
  it('everything when there are no variables, also defaults', () => {
    const objects = [object({ spec: '${v:=1}' })];
    assert.equal(substitute(objects, {}), objects);
  });

  it('nothing when asked to substitute always', () => {
    assert.deepEqual(only({ spec: '${v:=1}' }, {}, { always: true }), { spec: 1 });
  });

  for (const where of ['labels', 'annotations'] as const)
    it(`objects that say so in their ${where}`, () => {
      const disabled = object({ spec: '${v}' }, { [where]: { [substituteKey]: 'disabled' } });
      assert.deepEqual(substitute([disabled], { v: '1' }), [disabled]);
    });

  it('objects without a dollar sign are the same objects', () => {
    const plain = object({ data: { a: 'yes', b: '0777' } });
    assert.equal(substitute([plain], { v: '1' })[0], plain);
  });

  it('the input', () => {
    const input = object({ spec: '${v}' });
    const before = structuredClone(input);
    substitute([input], { v: '1' });
    assert.deepEqual(input, before);
  });

  it('text of other objects and variables that are not set become nothing', () => {
    assert.deepEqual(only({ a: '$HOME ${unset}!', b: '${unset}' }, { v: '1' }), { a: '$HOME !', b: null });
  });
});

describe('substitute: errors', () => {
  const table: [string, () => unknown, RegExp][] = [
    [
      'a variable without value in strict mode',
      () => only({ a: '${x}' }, { v: '1' }, { strict: true }),
      /ConfigMap\/apps\/settings: .*variable not set \(strict mode\): "x"/,
    ],
    ['a name', () => only({ a: 'b' }, { 'a-b': '1' }), /'a-b' cannot be the name of a variable/],
    ['a name that begins with a digit', () => only({ a: 'b' }, { '1a': '1' }), /'1a' cannot be the name/],
    [
      'a text that cannot be read',
      () => only({ a: '${x-y}' }, { v: '1' }),
      /ConfigMap\/apps\/settings: .*missing closing brace/,
    ],
    [
      'a value that breaks the YAML',
      () => only({ a: '${v}' }, { v: '[x' }),
      /ConfigMap\/apps\/settings: the text is no valid YAML/,
    ],
  ];
  for (const [name, action, message] of table)
    it(name, () => assert.throws(action, error => error instanceof BuildError && message.test(error.message)));

  it('never tells a value', () => {
    for (const value of ['[s3cret', '{s3cret', 's3cret: a: b', '"s3cret', '&s3cret *s3cret', '!!int s3cret'])
      assert.throws(
        () => only({ a: '${v}' }, { v: value }),
        error => {
          const all = JSON.stringify([String(error), (error as Error).stack, String((error as Error).cause)]);
          return !all.includes('s3cret');
        },
        value,
      );
  });
});
