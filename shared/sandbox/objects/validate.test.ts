import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../api/object.ts';
import { errorText } from './field-error.ts';
import { compileSchema, type OpenApiSchema } from './schema.ts';
import { DecodeError, prepare } from './validate.ts';

function check(spec: OpenApiSchema, value: unknown, old?: unknown): string[] {
  const schema = compileSchema({ type: 'object', properties: { spec } });
  const object = (content: unknown): KubeObject => ({
    apiVersion: 'x/v1',
    kind: 'X',
    metadata: { name: 'n' },
    spec: content,
  });
  const prepared = prepare(schema, object(value), {
    fieldValidation: 'Strict',
    structural: true,
    ...(old === undefined ? {} : { old: object(old) }),
  });
  return prepared.errors.map(errorText);
}

test('faults in the words of the API server', () => {
  const table: [OpenApiSchema, unknown, string[]][] = [
    [{ type: 'string', minLength: 2 }, 'a', ['spec: Invalid value: "a": spec in body should be at least 2 chars long']],
    [
      { type: 'string', format: 'date-time' },
      'x',
      ['spec: Invalid value: "x": spec in body must be of type date-time: "x"'],
    ],
    [{ type: 'number', multipleOf: 2 }, 3, ['spec: Invalid value: 3: spec in body should be a multiple of 2']],
    [
      { type: 'integer', minimum: 1, exclusiveMinimum: true },
      1,
      ['spec: Invalid value: 1: spec in body should be greater than 1'],
    ],
    [{ type: 'integer' }, 1.5, ['spec: Invalid value: "number": spec in body must be of type integer: "number"']],
    [
      { type: 'array', minItems: 1, items: { type: 'string' } },
      [],
      ['spec: Invalid value: 0: spec in body should have at least 1 items'],
    ],
    [
      { 'x-kubernetes-int-or-string': true },
      true,
      ['spec: Invalid value: "boolean": spec in body must be of type integer,string: "boolean"'],
    ],
    [
      {
        type: 'object',
        properties: { a: { type: 'string' }, b: { type: 'string' } },
        oneOf: [{ required: ['a'] }, { required: ['b'] }],
      },
      { a: '', b: '' },
      ['<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
    ],
    [
      { type: 'object', properties: { a: { type: 'string' } }, not: { required: ['a'] } },
      { a: '' },
      ['<nil>: Invalid value: "": "spec" must not validate the schema (not)'],
    ],
    [
      { type: 'object', minProperties: 1, additionalProperties: { type: 'string' } },
      {},
      ['spec: Invalid value: 0: spec in body should have at least 1 properties'],
    ],
  ];
  for (const [schema, value, wanted] of table) assert.deepEqual(check(schema, value), wanted, JSON.stringify(schema));
});

test('what was wrong before may stay wrong', () => {
  const schema: OpenApiSchema = {
    type: 'object',
    properties: { a: { type: 'string', maxLength: 1 }, b: { type: 'string', maxLength: 1 } },
  };
  assert.equal(check(schema, { a: 'long', b: 'x' }, { a: 'long' }).length, 0);
  assert.equal(check(schema, { a: 'other', b: 'x' }, { a: 'long' }).length, 1);
});

/** The shapes of rules that Flux's definitions have. */
test('validation rules', () => {
  const text: OpenApiSchema = { type: 'string' };
  const ref: OpenApiSchema = { type: 'object', properties: { name: text } };
  const properties = {
    provider: text,
    sts: { type: 'object', properties: { provider: text, secretRef: ref } },
    verify: ref,
    sourceRef: { type: 'object', properties: { kind: text } },
    count: { type: 'integer' },
    list: { type: 'array', items: text },
    'dash-ed': text,
    namespace: text,
  } satisfies Record<string, OpenApiSchema>;
  const table: [rule: string, value: object, holds: boolean][] = [
    ["self.provider == 'aws' || self.provider == 'generic' || !has(self.sts)", { provider: 'azure', sts: {} }, false],
    ["self.provider == 'aws' || self.provider == 'generic' || !has(self.sts)", { provider: 'azure' }, true],
    [
      "self.provider != 'aws' || !has(self.sts) || self.sts.provider == 'aws'",
      { provider: 'aws', sts: { provider: 'ldap' } },
      false,
    ],
    [
      "!has(self.verify) || self.sourceRef.kind == 'HelmRepository'",
      { verify: {}, sourceRef: { kind: 'Bucket' } },
      false,
    ],
    [
      "!has(self.sts) || self.sts.provider != 'aws' || !has(self.sts.secretRef)",
      { sts: { provider: 'aws', secretRef: {} } },
      false,
    ],
    ['self.count > 3 && self.count <= 10', { count: 4 }, true],
    ['self.count + 1 == 3', { count: 2 }, true],
    ['size(self.list) == 2 && self.list.exists(x, x.startsWith("b"))', { list: ['a', 'b'] }, true],
    ['self.list.isSorted()', { list: ['b', 'a'] }, false],
    ["self.provider.matches('^[a-z]+$')", { provider: 'A' }, false],
    ["self.provider in ['a', 'b']", { provider: 'b' }, true],
    ["self.dash__dash__ed == 'x'", { 'dash-ed': 'x' }, true],
    ["self.__namespace__ == 'x'", { namespace: 'x' }, true],
    ["url(self.provider).getHostname() == 'example.com'", { provider: 'https://example.com:8443/x' }, true],
    ['isURL(self.provider)', { provider: 'no url' }, false],
  ];
  for (const [rule, value, holds] of table) {
    const errors = check({ type: 'object', properties, 'x-kubernetes-validations': [{ rule }] }, value);
    assert.deepEqual(errors, holds ? [] : [`spec: Invalid value: failed rule: ${rule}`], rule);
  }
});

test('rules that compare with the old value hold for updates only', () => {
  const schema: OpenApiSchema = {
    type: 'string',
    'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'is immutable', reason: 'FieldValueForbidden' }],
  };
  assert.deepEqual(check(schema, 'a'), []);
  assert.deepEqual(check(schema, 'a', 'a'), []);
  assert.deepEqual(check(schema, 'b', 'a'), ['spec: Forbidden: is immutable']);
});

test('unknown fields are refused, reported or dropped', () => {
  const schema = compileSchema({
    type: 'object',
    properties: { spec: { type: 'object', properties: { a: { type: 'string' } } } },
  });
  const object = { apiVersion: 'x/v1', kind: 'X', metadata: { name: 'n' }, spec: { a: 'b', c: { d: 1 } } };
  const run = (fieldValidation: 'Strict' | 'Warn' | 'Ignore') =>
    prepare(schema, object, { fieldValidation, structural: true });
  const detail = 'strict decoding error: unknown field "spec.c"';
  assert.throws(() => run('Strict'), new DecodeError(`X in version "v1" cannot be handled as a X: ${detail}`, detail));
  assert.deepEqual(run('Warn').warnings, ['unknown field "spec.c"']);
  assert.deepEqual(run('Ignore'), { object: { ...object, spec: { a: 'b' } }, errors: [], warnings: [] });
});

test('defaults are filled in, nulls go', () => {
  const schema = compileSchema({
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        default: {},
        properties: {
          a: { type: 'string', default: 'x' },
          n: { type: 'string' },
          k: { type: 'string', nullable: true },
          o: { type: 'object', properties: { p: { type: 'integer', default: 1 } } },
        },
      },
    },
  });
  const spec = (given: object) =>
    prepare(
      schema,
      { apiVersion: 'x/v1', kind: 'X', metadata: { name: 'n' }, ...given },
      { fieldValidation: 'Strict', structural: true },
    ).object.spec;
  assert.deepEqual(spec({}), { a: 'x' });
  assert.deepEqual(spec({ spec: { a: null, n: null, k: null, o: {} } }), { a: 'x', k: null, o: { p: 1 } });
});
