import { throughGo } from './go-values.ts';
import { objectMetaSchema } from './object-meta.ts';
import { compileSchema, type Schema } from './schema.ts';

type Fields = Record<string, unknown>;

let metadataType: Schema | undefined;

function objectMeta(): Schema {
  metadataType ??= compileSchema({ 'x-kubernetes-group-version-kind': [], ...objectMetaSchema });
  return metadataType;
}

/** A copy of `object` without the fields that the schema does not know; their paths are added to `unknown`. */
export function pruneStructural(schema: Schema, object: Fields, unknown: string[]): Fields {
  const pruned = prune(schema, object, '', unknown) as Fields;
  unknown.sort();
  return pruned;
}

function prune(schema: Schema, value: unknown, path: string, unknown: string[]): unknown {
  if (Array.isArray(value))
    return schema.list
      ? value.map((item, i) => prune(schema.items, item, `${path}[${i}]`, unknown))
      : structuredClone(value);
  if (!isMap(value)) return value;
  if (!schema.map) return structuredClone(value);
  const result: Fields = {};
  for (const name in value) {
    const at = path ? `${path}.${name}` : name;
    const field = schema.field(name);
    if (field?.schema.raw['x-sluice-object-meta']) {
      result[name] = pruneMetadata(value[name], at, unknown);
      continue;
    }
    const type = field?.schema ?? elementOf(schema);
    if (type) result[name] = prune(type, value[name], at, unknown);
    else unknown.push(at);
  }
  return result;
}

function pruneMetadata(value: unknown, path: string, unknown: string[]): unknown {
  if (!isMap(value)) return value;
  const result = throughGo(objectMeta(), value);
  unknown.push(...result.unknown.map(name => `${path}.${name}`));
  return result.object;
}

/** Unlike server-side apply, pruning takes an object without any properties for one that has none. */
function elementOf(schema: Schema): Schema | undefined {
  const open = schema.preserve || schema.raw.additionalProperties !== undefined;
  return open ? schema.element : undefined;
}

/** Drops null where the schema does not allow it and gives no default; changes `value`. */
export function dropNulls(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) {
    if (schema.list && schema.raw.items) for (const item of value) dropNulls(schema.items, item);
    return;
  }
  if (!isMap(value) || !schema.map) return;
  for (const name in value) {
    const field = schema.field(name);
    const type = field?.schema ?? (schema.raw.additionalProperties ? schema.element : undefined);
    if (!type) continue;
    if (value[name] === null) {
      if (field && !type.raw.nullable && type.raw.default === undefined) delete value[name];
    } else dropNulls(type, value[name]);
  }
}

/** Fills in the schema's defaults, also inside values that are there or were filled in; changes `value`. */
export function applyDefaults(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) {
    if (!schema.list || !schema.raw.items) return;
    for (let i = 0; i < value.length; i++) {
      if (value[i] === null && needsDefault(schema.items)) value[i] = structuredClone(schema.items.raw.default);
      applyDefaults(schema.items, value[i]);
    }
    return;
  }
  if (!isMap(value) || !schema.map) return;
  for (const [name, field] of schema.fields) {
    if (field.schema.raw['x-sluice-object-meta']) continue;
    const missing = value[name] === undefined || (value[name] === null && !field.schema.raw.nullable);
    if (missing && field.default !== undefined) value[name] = structuredClone(field.default);
    if (value[name] !== undefined) applyDefaults(field.schema, value[name]);
  }
  if (!schema.raw.additionalProperties || !schema.element) return;
  for (const name in value) {
    if (schema.field(name)) continue;
    if (value[name] === null && needsDefault(schema.element)) value[name] = structuredClone(schema.element.raw.default);
    applyDefaults(schema.element, value[name]);
  }
}

function needsDefault(schema: Schema): boolean {
  return !schema.raw.nullable && schema.raw.default !== undefined;
}

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
