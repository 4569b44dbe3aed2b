import type { KubeObject } from '../../api/object.ts';
import type { FieldError, FieldErrorType } from './field-error.ts';
import { DecodeError, throughGo } from './go-values.ts';
import { hasRules, ruleErrors } from './rules.ts';
import type { Schema } from './schema.ts';
import { schemaErrors } from './schema-errors.ts';
import { applyDefaults, dropNulls, pruneStructural } from './structural.ts';

export { DecodeError } from './go-values.ts';

export interface PrepareOptions {
  /** What becomes of fields that the schema does not know: refused, reported as warnings, or dropped silently. */
  fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  /** The stored object, for an update: rules compare with it, and what it already had wrong may stay wrong. */
  old?: KubeObject | undefined;
  /** A custom resource: pruned, defaulted and validated by its schema. Otherwise a built-in type: read into its Go types. */
  structural: boolean;
  /** Fields that the request gave twice: refused when validation is strict, reported otherwise. */
  repeated?: { errors: string[]; warnings: string[] } | undefined;
}

export interface Prepared {
  object: KubeObject;
  errors: FieldError[];
  warnings: string[];
}

/**
 * Takes an object as a client sent it (or as a patch left it) to the form that is stored: unknown fields pruned, defaults of
 * the schema filled in, and, for custom resources, checked against the schema and its rules. Built-in types get their
 * defaults and checks from `defaultBuiltin` and `validateBuiltin` afterwards. `object` is left as it is.
 * Throws {@link DecodeError} (400) for values that the types cannot take, and for unknown fields when they are refused.
 */
export function prepare(schema: Schema, object: KubeObject, options: PrepareOptions): Prepared {
  return options.structural ? prepareStructural(schema, object, options) : prepareTyped(schema, object, options);
}

function prepareTyped(schema: Schema, object: KubeObject, options: PrepareOptions): Prepared {
  const { object: result, unknown } = decoding(object, () => throughGo(schema, object));
  const warnings = reportUnknown(object, unknown, options);
  return { object: result as KubeObject, errors: [], warnings };
}

function prepareStructural(schema: Schema, object: KubeObject, options: PrepareOptions): Prepared {
  const unknown: string[] = [];
  const pruned = decoding(object, () => pruneStructural(schema, object, unknown)) as KubeObject;
  const warnings = reportUnknown(object, unknown, options);
  dropNulls(schema, pruned);
  applyDefaults(schema, pruned);
  const errors = [...schemaErrors(schema, pruned, options.old)];
  if (!hasRules(schema)) return { object: pruned, errors, warnings };
  if (errors.some(error => blocking.has(error.type))) errors.push(rulesNotChecked);
  else errors.push(...ruleErrors(schema, pruned, options.old));
  return { object: pruned, errors, warnings };
}

/** Faults that make a rule's outcome meaningless. */
const blocking = new Set<FieldErrorType>([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

const rulesNotChecked: FieldError = {
  type: 'FieldValueInvalid',
  field: '<nil>',
  value: null,
  detail:
    'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
};

function decoding<T>(object: KubeObject, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw undecodable(object, error.message);
  }
}

function undecodable({ apiVersion, kind }: KubeObject, detail: string): DecodeError {
  const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
  const subject = `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}`;
  return new DecodeError(`${subject}: ${detail}`, detail);
}

const maxReported = 100;

function reportUnknown(object: KubeObject, unknown: string[], options: PrepareOptions): string[] {
  const { fieldValidation, repeated = { errors: [], warnings: [] } } = options;
  if (unknown.length + repeated.errors.length === 0 || fieldValidation === 'Ignore') return [];
  const texts = unknown.map(path => `unknown field ${JSON.stringify(path)}`);
  if (fieldValidation === 'Warn') return [...repeated.warnings, ...texts].slice(0, maxReported);
  const errors = [...repeated.errors, ...texts].slice(0, maxReported);
  throw undecodable(object, `strict decoding error: ${errors.join(', ')}`);
}
