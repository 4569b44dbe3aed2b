import type { FieldError } from './field-error.ts';
import { duplicate, invalid, notSupported, required } from './field-error.ts';
import { fitsFormat } from './formats.ts';
import { sameValue } from './same-value.ts';
import type { OpenApiSchema, Schema } from './schema.ts';

type Fields = Record<string, unknown>;

/**
 * What of `value` breaks the schema, in the API server's words. Parts that are as they were in `old` are not looked at:
 * an object that became invalid by a change of its schema can still be updated elsewhere.
 */
export function schemaErrors(schema: Schema, value: unknown, old?: unknown): FieldError[] {
  const errors: FieldError[] = [];
  check(schema, value, old, '', errors);
  checkLists(schema, value, '', errors);
  return errors;
}

function check(schema: Schema, value: unknown, old: unknown, path: string, errors: FieldError[]): void {
  if (value === undefined || (old !== undefined && sameValue(value, old))) return;
  const raw = schema.raw;
  if (value === null) {
    if (!raw.nullable && raw.type) errors.push(typeError(path, raw, 'null'));
    return;
  }
  if (!checkType(schema, value, path, errors)) return;
  if (raw.enum && !raw.enum.some(one => sameValue(one, value)))
    errors.push(notSupported(path, value, raw.enum.map(enumText)));
  if (typeof value === 'string') checkString(schema, value, path, errors);
  else if (typeof value === 'number') checkNumber(raw, value, path, errors);
  else if (Array.isArray(value)) checkArray(schema, value, old, path, errors);
  else if (typeof value === 'object') checkObject(schema, value as Fields, old, path, errors);
  checkBranches(schema, value, path, errors);
}

function enumText(value: unknown): unknown {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function typeError(path: string, raw: OpenApiSchema, is: string): FieldError {
  const wanted = raw['x-kubernetes-int-or-string'] ? 'integer,string' : raw.type;
  return {
    type: 'FieldValueTypeInvalid',
    field: path,
    value: is,
    detail: `${bodyName(path)} must be of type ${wanted}: ${JSON.stringify(is)}`,
  };
}

function bodyName(path: string): string {
  return path ? `${path} in body` : 'in body';
}

function checkType(schema: Schema, value: unknown, path: string, errors: FieldError[]): boolean {
  const raw = schema.raw;
  const is = typeOf(value);
  if (raw['x-kubernetes-int-or-string']) {
    if (is === 'integer' || is === 'string') return true;
  } else if (!raw.type || raw.type === is || (raw.type === 'number' && is === 'integer')) return true;
  errors.push(typeError(path, raw, is));
  return false;
}

const patterns = new Map<string, RegExp | undefined>();

/** RE2's syntax is near enough to JavaScript's; what cannot be read here is not checked. */
export function regExpOf(pattern: string): RegExp | undefined {
  if (!patterns.has(pattern)) {
    let compiled: RegExp | undefined;
    const flags = /^\(\?([ims]+)\)/.exec(pattern);
    const source = (flags ? pattern.slice(flags[0].length) : pattern).replaceAll('\\z', '$').replaceAll('\\A', '^');
    for (const unicode of ['u', '']) {
      try {
        compiled ??= new RegExp(source, (flags?.[1] ?? '') + unicode);
      } catch {
        // Tried again without the stricter rules, or given up.
      }
    }
    patterns.set(pattern, compiled);
  }
  return patterns.get(pattern);
}

function checkString(schema: Schema, value: string, path: string, errors: FieldError[]): void {
  const { format } = schema.raw;
  const name = bodyName(path);
  const fault = stringFault(schema.raw, value, path);
  if (fault) errors.push(fault);
  if (format && !fitsFormat(format, value))
    errors.push({
      type: 'FieldValueTypeInvalid',
      field: path,
      value,
      detail: `${name} must be of type ${format}: ${JSON.stringify(value)}`,
    });
}

/** Of length and pattern the first that a text breaks. */
function stringFault(raw: OpenApiSchema, value: string, path: string): FieldError | undefined {
  const { maxLength, minLength, pattern } = raw;
  const name = bodyName(path);
  if (maxLength !== undefined && length(value) > maxLength) {
    const unit = maxLength === 1 ? 'byte' : 'bytes';
    return { type: 'FieldValueTooLong', field: path, value, detail: `may not be more than ${maxLength} ${unit}` };
  }
  if (minLength !== undefined && length(value) < minLength)
    return invalid(path, value, `${name} should be at least ${minLength} chars long`);
  if (pattern && regExpOf(pattern)?.test(value) === false)
    return invalid(path, value, `${name} should match '${pattern}'`);
  return undefined;
}

function length(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function checkNumber(raw: OpenApiSchema, value: number, path: string, errors: FieldError[]): void {
  const name = bodyName(path);
  const { minimum, maximum, multipleOf } = raw;
  if (maximum !== undefined && (raw.exclusiveMaximum ? value >= maximum : value > maximum))
    errors.push(
      invalid(path, value, `${name} should be less than ${raw.exclusiveMaximum ? '' : 'or equal to '}${maximum}`),
    );
  if (minimum !== undefined && (raw.exclusiveMinimum ? value <= minimum : value < minimum))
    errors.push(
      invalid(path, value, `${name} should be greater than ${raw.exclusiveMinimum ? '' : 'or equal to '}${minimum}`),
    );
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf))
    errors.push(invalid(path, value, `${name} should be a multiple of ${multipleOf}`));
}

function checkArray(schema: Schema, value: unknown[], old: unknown, path: string, errors: FieldError[]): void {
  const { minItems, maxItems, uniqueItems, items } = schema.raw;
  const name = bodyName(path);
  if (minItems !== undefined && value.length < minItems)
    errors.push(invalid(path, value.length, `${name} should have at least ${minItems} items`));
  if (maxItems !== undefined && value.length > maxItems) errors.push(tooMany(path, value.length, maxItems));
  if (uniqueItems && value.some((item, i) => value.slice(0, i).some(other => sameValue(item, other))))
    errors.push(invalid(path, '', `${name} shouldn't contain duplicates`));
  if (!items) return;
  const before = correlate(schema, old);
  for (const [i, item] of value.entries()) check(schema.items, item, before(item, i), `${path}[${i}]`, errors);
}

/** Finds the old item that an item of a list stands for: by its keys in a map list, and never in others. */
export function correlate(schema: Schema, old: unknown): (item: unknown, index: number) => unknown {
  if (!Array.isArray(old) || schema.listType !== 'map') return () => undefined;
  const keyOf = (item: unknown) =>
    JSON.stringify(schema.listKeys.map(key => (item as Fields | null)?.[key] ?? schema.keyDefaults[key]));
  const byKey = new Map(old.map(item => [keyOf(item), item]));
  return item => byKey.get(keyOf(item));
}

function tooMany(path: string, count: number, max: number): FieldError {
  return {
    type: 'FieldValueTooMany',
    field: path,
    value: count,
    detail: `must have at most ${max} ${max === 1 ? 'item' : 'items'}`,
  };
}

function checkObject(schema: Schema, value: Fields, old: unknown, path: string, errors: FieldError[]): void {
  const { required: names, minProperties, maxProperties, additionalProperties } = schema.raw;
  const before = typeof old === 'object' && old !== null ? (old as Fields) : {};
  const count = Object.keys(value).length;
  if (minProperties !== undefined && count < minProperties)
    errors.push(invalid(path, count, `${bodyName(path)} should have at least ${minProperties} properties`));
  if (maxProperties !== undefined && count > maxProperties) errors.push(tooMany(path, count, maxProperties));
  for (const name of names ?? []) if (value[name] === undefined) errors.push(required(join(path, name)));
  for (const name in value) {
    const type = propertyType(schema, name, path) ?? (additionalProperties ? schema.element : undefined);
    if (type) check(type, value[name], before[name], join(path, name), errors);
  }
}

/** The root's metadata is checked by what the definition says of it (name patterns), not as a struct. */
function propertyType(schema: Schema, name: string, path: string): Schema | undefined {
  if (name !== 'metadata' || path) return schema.field(name)?.schema;
  const limits = schema.raw['x-sluice-metadata'] as OpenApiSchema | undefined;
  return limits ? schema.branch(limits) : undefined;
}

export function join(path: string, name: string): string {
  return path ? `${path}.${name}` : name;
}

function checkBranches(schema: Schema, value: unknown, path: string, errors: FieldError[]): void {
  const { allOf, anyOf, oneOf, not } = schema.raw;
  const name = JSON.stringify(path);
  const fails = (raw: OpenApiSchema): FieldError[] => {
    const found: FieldError[] = [];
    check(schema.branch(raw), value, undefined, path, found);
    return found;
  };
  if (anyOf && !schema.raw['x-kubernetes-int-or-string']) {
    const results = anyOf.map(fails);
    if (!results.some(found => found.length === 0))
      errors.push(nowhere(`${name} must validate at least one schema (anyOf)`), ...fewest(results));
  }
  if (oneOf) {
    const results = oneOf.map(fails);
    const valid = results.filter(found => found.length === 0).length;
    if (valid !== 1) {
      const count = valid === 0 ? 'Found none valid' : `Found ${valid} valid alternatives`;
      errors.push(
        nowhere(`${name} must validate one and only one schema (oneOf). ${count}`),
        ...(valid === 0 ? fewest(results) : []),
      );
    }
  }
  if (allOf) {
    const found = allOf.flatMap(fails);
    if (found.length > 0) errors.push(nowhere(`${name} must validate all the schemas (allOf)`), ...found);
  }
  if (not && fails(not).length === 0) errors.push(nowhere(`${name} must not validate the schema (not)`));
}

function fewest(results: FieldError[][]): FieldError[] {
  return results.reduce((best, found) => (found.length < best.length ? found : best), results[0] ?? []);
}

/** The API server names no field for these. */
function nowhere(detail: string): FieldError {
  return invalid('<nil>', '', detail);
}

/** The uniqueness of set and map lists, wherever they are. */
function checkLists(schema: Schema, value: unknown, path: string, errors: FieldError[]): void {
  if (Array.isArray(value)) {
    if (schema.listType === 'set') checkSet(value, path, errors);
    if (schema.listType === 'map') checkMapList(schema, value, path, errors);
    if (schema.raw.items)
      for (const [i, item] of value.entries()) checkLists(schema.items, item, `${path}[${i}]`, errors);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, item] of Object.entries(value)) {
    if (typeof item !== 'object' || item === null || (!path && name === 'metadata')) continue;
    const field = schema.field(name);
    const type = field?.schema ?? (schema.raw.additionalProperties ? schema.element : undefined);
    if (type) checkLists(type, item, field ? join(path, name) : `${path}[${name}]`, errors);
  }
}

function checkSet(value: unknown[], path: string, errors: FieldError[]): void {
  for (const i of repeated(value.map(item => JSON.stringify(item)))) errors.push(duplicate(`${path}[${i}]`, value[i]));
}

function checkMapList(schema: Schema, value: unknown[], path: string, errors: FieldError[]): void {
  const keys = value.map(item => {
    const map = (item ?? {}) as Fields;
    return Object.fromEntries(schema.listKeys.filter(key => map[key] !== undefined).map(key => [key, map[key]]));
  });
  for (const i of repeated(keys.map(key => JSON.stringify(key)))) errors.push(duplicate(`${path}[${i}]`, keys[i]));
}

/** Where something stands for the second time; the third and later times are not told. */
function repeated(texts: string[]): number[] {
  const count = new Map<string, number>();
  return texts.flatMap((text, i) => {
    const times = (count.get(text) ?? 0) + 1;
    count.set(text, times);
    return times === 2 ? [i] : [];
  });
}
