import goFields from './go-fields.json' with { type: 'json' };
import { formatQuantity, parseQuantity, quantityRule } from './quantity.ts';
import type { Field, Schema } from './schema.ts';

type Fields = Record<string, unknown>;

/** A value that the Go type of a field cannot take: the whole request is refused with 400. */
export class DecodeError extends Error {
  readonly code = 'BadRequest';
  readonly status = 400;
  /** The message without what could not be decoded. */
  readonly detail: string;

  constructor(message: string, detail = message) {
    super(message);
    this.name = 'DecodeError';
    this.detail = detail;
  }
}

interface Decoding {
  /** Paths of fields that the type does not have, as `spec.containers[0].foo`. */
  unknown: string[];
}

interface GoType {
  /** Fields that are left out when they hold the zero value. */
  omit: ReadonlySet<string>;
  /** Fields that are written as null when they are not set. */
  nulls: readonly string[];
  /** Fields that are written even when nobody set them, with what is written. */
  always: readonly [name: string, field: Field][];
}

const goTypeKey = Symbol('Go type');

function goTypeOf(schema: Schema): GoType {
  const known = schema.derived.get(goTypeKey) as GoType | undefined;
  if (known) return known;
  const entry = (goFields as Record<string, { omit?: string; null?: string }>)[schema.name ?? ''];
  const type: GoType = {
    omit: new Set(entry?.omit?.split(' ')),
    nulls: entry?.null?.split(' ') ?? [],
    always: [...schema.fields].filter(([, field]) => field.default !== undefined),
  };
  schema.derived.set(goTypeKey, type);
  return type;
}

/**
 * Brings a value to what comes out when the API server reads it into its Go types and writes it again: unknown fields and
 * nulls go, as do zero values and empty collections where the type omits them; plain structs are always there; quantities
 * and times get their one form. Throws {@link DecodeError} for values of the wrong type.
 */
export function throughGo(schema: Schema, object: Fields): { object: Fields; unknown: string[] } {
  const decoding: Decoding = { unknown: [] };
  const result = struct(schema, object, '', '', decoding);
  return { object: result, unknown: decoding.unknown };
}

function struct(schema: Schema, value: Fields, path: string, goPath: string, decoding: Decoding): Fields {
  const type = goTypeOf(schema);
  const result: Fields = {};
  for (const name in value) {
    const field = schema.field(name);
    const at = path ? `${path}.${name}` : name;
    if (!field) {
      if (schema.preserve) result[name] = value[name];
      else decoding.unknown.push(at);
      continue;
    }
    const item = decode(field.schema, value[name], at, goPath ? `${goPath}.${name}` : name, schema, decoding);
    if (item === undefined || isEmptyCollection(item, field.schema)) continue;
    if (isZero(item) && type.omit.has(name)) continue;
    result[name] = item;
  }
  for (const [name, field] of type.always) {
    if (result[name] !== undefined) continue;
    const fallback = field.default;
    if (isMap(fallback)) result[name] = struct(field.schema, fallback, '', '', decoding);
    else if (fallback !== null) result[name] = structuredClone(fallback);
  }
  for (const name of type.nulls) if (result[name] === undefined) result[name] = nullOrEmpty(value[name]);
  return result;
}

/** A list that must be there may be empty; one that nobody gave is null. */
function nullOrEmpty(value: unknown): unknown {
  return Array.isArray(value) || isMap(value) ? value : null;
}

function isZero(value: unknown): boolean {
  return value === '' || value === 0 || value === false;
}

function isEmptyCollection(value: unknown, schema: Schema): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (!isMap(value) || schema.fields.size > 0 || schema.raw.additionalProperties === undefined) return false;
  for (const _ in value) return false;
  return true;
}

function decode(
  schema: Schema,
  value: unknown,
  path: string,
  goPath: string,
  owner: Schema,
  decoding: Decoding,
): unknown {
  if (value === null || value === undefined) return undefined;
  const name = schema.name;
  if (name?.startsWith('io.k8s.apimachinery.pkg.')) {
    if (name.endsWith('.Quantity')) return quantity(value);
    if (name.endsWith('.IntOrString')) return intOrString(value, goPath, owner);
    if (name.endsWith('.Time')) return time(value, goPath, owner);
    if (name.endsWith('.FieldsV1')) return value;
  }
  if (schema.scalar && schema.raw.type !== undefined) return scalar(schema, value, goPath, owner);
  if (schema.list && schema.map) return value;
  if (schema.list) {
    if (!Array.isArray(value)) throw mismatch(value, goPath, owner, `[]${goTypeName(schema.items)}`);
    return value.map(
      (item, i) => decode(schema.items, item, `${path}[${i}]`, goPath, owner, decoding) ?? zeroOf(schema.items),
    );
  }
  if (!isMap(value)) throw mismatch(value, goPath, owner, goTypeName(schema));
  if (schema.fields.size > 0) return struct(schema, value, path, goPath, decoding);
  return map(schema, value, path, goPath, owner, decoding);
}

function map(schema: Schema, value: Fields, path: string, goPath: string, owner: Schema, decoding: Decoding): Fields {
  const element = schema.element;
  if (!element || (element.list && element.map)) return value;
  const result: Fields = {};
  for (const name in value)
    result[name] = decode(element, value[name], `${path}.${name}`, goPath, owner, decoding) ?? zeroOf(element);
  return result;
}

function zeroOf(schema: Schema): unknown {
  if (schema.scalar === 'string') return '';
  if (schema.scalar === 'numeric') return 0;
  if (schema.scalar === 'boolean') return false;
  return schema.scalar === 'untyped' ? '0' : schema.list ? [] : {};
}

function scalar(schema: Schema, value: unknown, goPath: string, owner: Schema): unknown {
  const { type, format } = schema.raw;
  const fits =
    type === 'integer'
      ? Number.isInteger(value)
      : type === 'number'
        ? typeof value === 'number'
        : typeof value === (type === 'boolean' ? 'boolean' : 'string');
  if (!fits) {
    const isFraction = type === 'integer' && typeof value === 'number';
    throw mismatch(value, goPath, owner, goTypeName(schema), isFraction);
  }
  if (format === 'byte') return checkBase64(value as string);
  return value;
}

function checkBase64(text: string): string {
  const bare = text.replace(/[\r\n]/g, '');
  const bad = /[^A-Za-z0-9+/]/.exec(bare.replace(/={0,2}$/, ''));
  if (bad) throw new DecodeError(`illegal base64 data at input byte ${bad.index}`);
  if (bare.length % 4 !== 0)
    throw new DecodeError(`illegal base64 data at input byte ${bare.length - (bare.length % 4)}`);
  return bare;
}

function quantity(value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number') throw new DecodeError(quantityRule);
  const parsed = parseQuantity(value);
  if (!parsed) throw new DecodeError(quantityRule);
  return formatQuantity(parsed);
}

function intOrString(value: unknown, goPath: string, owner: Schema): unknown {
  if (typeof value === 'string' || Number.isInteger(value)) return value;
  throw mismatch(value, goPath, owner, 'int32');
}

function time(value: unknown, goPath: string, owner: Schema): unknown {
  if (typeof value !== 'string') throw mismatch(value, goPath, owner, 'string');
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(at))
    throw new DecodeError(
      `parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(value)} as "2006"`,
    );
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

function mismatch(value: unknown, goPath: string, owner: Schema, type: string, withNumber = false): DecodeError {
  // The metadata of custom kinds alone has a type without a name here.
  const structName = owner.name?.slice(owner.name.lastIndexOf('.') + 1) ?? 'ObjectMeta';
  const is = typeof value;
  const kind = withNumber
    ? `number ${value}`
    : is === 'boolean'
      ? 'bool'
      : is === 'object'
        ? Array.isArray(value)
          ? 'array'
          : 'object'
        : is;
  return new DecodeError(`json: cannot unmarshal ${kind} into Go struct field ${structName}.${goPath} of type ${type}`);
}

function goTypeName(schema: Schema): string {
  const { type, format } = schema.raw;
  if (type === 'integer') return format ?? 'int64';
  if (type === 'number') return 'float64';
  if (type === 'boolean') return 'bool';
  if (type === 'string') return 'string';
  if (schema.list && !schema.map) return `[]${goTypeName(schema.items)}`;
  if (schema.name) return schema.name.split('.').slice(-2).join('.');
  return schema.element ? `map[string]${goTypeName(schema.element)}` : 'map[string]interface {}';
}

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
