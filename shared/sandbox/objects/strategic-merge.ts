import { PatchError } from './patch-error.ts';
import { sameValue } from './same-value.ts';
import type { Field, Schema } from './schema.ts';
import { goValue } from './typed-merge.ts';

type Fields = Record<string, unknown>;

const directive = '$patch';
const retainKeys = '$retainKeys';
const deletePrefix = '$deleteFromPrimitiveList/';
const orderPrefix = '$setElementOrder/';

/** How the place of a value (not its type) says that it is to be merged. */
interface Place {
  schema: Schema | undefined;
  strategy: readonly string[];
  mergeKey: string | undefined;
}

/**
 * Kubernetes' strategic merge patch, by the patch strategies and merge keys of the schema. Answers a new object that
 * shares what did not change. Throws PatchError for a patch that the API server would refuse.
 */
export function strategicMergePatch<T extends object>(object: T, patch: unknown, schema: Schema): T {
  if (!isMap(patch)) throw new PatchError(400, 'the strategic merge patch must be a JSON object');
  return mergeMap(object as Fields, patch, schema) as T;
}

function mergeMap(original: Fields, patch: Fields, schema: Schema | undefined): Fields {
  if (directive in patch) return applyDirective(patch);
  const result: Fields = { ...original };
  applyRetainKeys(result, patch);
  for (const [name, value] of Object.entries(patch)) {
    if (name === retainKeys || name.startsWith(orderPrefix)) continue;
    if (name.startsWith(deletePrefix)) {
      const target = name.slice(deletePrefix.length);
      result[target] = withoutValues(result[target], value);
      if (!(target in patch)) reorder(result, patch, original, target, schema);
      continue;
    }
    if (value === null) delete result[name];
    else result[name] = mergeValue(result[name], value, placeOf(schema, name));
    if (result[name] === undefined) delete result[name];
    reorder(result, patch, original, name, schema);
  }
  for (const name of Object.keys(patch)) {
    if (!name.startsWith(orderPrefix)) continue;
    const target = name.slice(orderPrefix.length);
    if (!(target in patch) && !(deletePrefix + target in patch)) reorder(result, patch, original, target, schema);
  }
  return result;
}

function applyDirective(patch: Fields): Fields {
  const { [directive]: kind, ...rest } = patch;
  if (kind === 'replace') return rest;
  if (kind === 'delete') return {};
  throw new PatchError(500, `unknown patch type: ${String(kind)} in map: ${goValue(patch)}`);
}

/** `$retainKeys` names all fields that may stay. */
function applyRetainKeys(result: Fields, patch: Fields): void {
  const keys = patch[retainKeys];
  if (keys === undefined) return;
  if (!Array.isArray(keys)) throw new PatchError(400, 'invalid patch format of retainKeys');
  for (const name of Object.keys(patch)) {
    if (name === retainKeys || name.startsWith(deletePrefix) || name.startsWith(orderPrefix) || patch[name] === null)
      continue;
    if (!keys.includes(name)) throw new PatchError(400, 'found field in the patch that is not in $retainKeys');
  }
  for (const name of Object.keys(result)) if (!keys.includes(name)) delete result[name];
}

function placeOf(schema: Schema | undefined, name: string): Place {
  const field: Field | undefined = schema?.field(name);
  if (field) return { schema: field.schema, strategy: field.patchStrategy, mergeKey: field.mergeKey };
  return { schema: schema?.element, strategy: [], mergeKey: undefined };
}

function mergeValue(original: unknown, patch: unknown, place: Place): unknown {
  if (isMap(patch)) {
    if (place.strategy.includes('replace')) return withoutDirectives(patch);
    return mergeMap(isMap(original) ? original : {}, patch, place.schema);
  }
  if (Array.isArray(patch)) {
    if (!place.strategy.includes('merge')) return patch.map(withoutDirectives);
    return mergeList(Array.isArray(original) ? original : [], patch, place);
  }
  return patch;
}

function mergeList(original: unknown[], patch: unknown[], place: Place): unknown[] {
  if (patch.length > 0 && !isMap(patch[0])) {
    const merged = [...original, ...patch.filter(item => !original.some(old => sameValue(old, item)))];
    return inOrder(merged, patch, original, undefined);
  }
  const key = place.mergeKey;
  if (!key) throw new PatchError(400, 'cannot merge lists without merge key');
  const items = patch.map(item => checkItem(item, key));
  const plain = items.filter(item => item[directive] === undefined);
  if (items.some(item => item[directive] === 'replace')) return plain.map(withoutDirectives);
  const gone = items.filter(item => item[directive] === 'delete').map(item => item[key]);
  const merged = original.filter(old => !(isMap(old) && gone.some(value => sameValue(old[key], value))));
  for (const item of plain) mergeItem(merged, item, key, place.schema?.items);
  return inOrder(merged, plain, original, key);
}

function checkItem(item: unknown, key: string): Fields {
  if (!isMap(item)) throw new PatchError(400, 'the lists of a strategic merge patch must not mix values and objects');
  const kind = item[directive];
  if (kind === 'merge') throw new PatchError(400, 'merging lists cannot yet be specified in the patch');
  if (kind !== undefined && kind !== 'delete' && kind !== 'replace')
    throw new PatchError(500, `unknown patch type: ${String(kind)} in map: ${goValue(item)}`);
  if (item[key] === undefined && kind !== 'replace')
    throw new PatchError(500, `map: ${goValue(item)} does not contain declared merge key: ${key}`);
  return item;
}

function mergeItem(merged: unknown[], item: Fields, key: string, schema: Schema | undefined): void {
  const at = merged.findIndex(old => isMap(old) && sameValue(old[key], item[key]));
  if (at < 0) merged.push(withoutDirectives(mergeMap({}, item, schema)));
  else merged[at] = mergeMap(merged[at] as Fields, item, schema);
}

function withoutValues(original: unknown, values: unknown): unknown {
  if (!Array.isArray(values)) throw new PatchError(400, 'invalid patch format of delete primitive list');
  if (!Array.isArray(original)) return original;
  return original.filter(item => !values.some(value => sameValue(value, item)));
}

/** `$setElementOrder/<field>` says in which order the items of the field stand that the client knows of. */
function reorder(result: Fields, patch: Fields, original: Fields, name: string, schema: Schema | undefined): void {
  const order = patch[orderPrefix + name];
  const list = result[name];
  if (order === undefined || !Array.isArray(list)) return;
  if (!Array.isArray(order)) throw new PatchError(400, 'invalid patch format of setElementOrder list');
  const before = original[name];
  result[name] = inOrder(list, order, Array.isArray(before) ? before : [], placeOf(schema, name).mergeKey);
}

/**
 * The items that `order` names in its order; the others, the server's, in the order they had, each before the first named
 * item that stood behind it.
 */
function inOrder(list: unknown[], order: unknown[], original: unknown[], key: string | undefined): unknown[] {
  const identity = (item: unknown): string => JSON.stringify(key && isMap(item) ? item[key] : item);
  const positions = (items: unknown[]): Map<string, number> => {
    const map = new Map<string, number>();
    for (const [i, item] of items.entries()) if (!map.has(identity(item))) map.set(identity(item), i);
    return map;
  };
  const [rank, place] = [positions(order), positions(original)];
  const by = (map: Map<string, number>) => (a: unknown, b: unknown) =>
    (map.get(identity(a)) ?? 0) - (map.get(identity(b)) ?? 0);
  const named = list.filter(item => rank.has(identity(item))).sort(by(rank));
  const servers = list.filter(item => !rank.has(identity(item))).sort(by(place));
  const out: unknown[] = [];
  let n = 0;
  for (const item of servers) {
    const at = place.get(identity(item));
    while (n < named.length) {
      const next = place.get(identity(named[n]));
      if (at !== undefined && next !== undefined && at < next) break;
      out.push(named[n++]);
    }
    out.push(item);
  }
  return [...out, ...named.slice(n)];
}

/** A new value must not carry the patch's own instructions into the object. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives);
  if (!isMap(value)) return value;
  const result: Fields = {};
  for (const [name, field] of Object.entries(value)) {
    if (name === directive || name === retainKeys || name.startsWith(deletePrefix) || name.startsWith(orderPrefix))
      continue;
    result[name] = withoutDirectives(field);
  }
  return result;
}

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
