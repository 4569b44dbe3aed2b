import { PatchError } from './patch.ts';
import { sameValue } from './same-value.ts';
import type { Field, Schema } from './schema.ts';

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
      if (!(target in patch)) reorder(result, patch, target, schema);
      continue;
    }
    if (value === null) delete result[name];
    else result[name] = mergeValue(result[name], value, placeOf(schema, name));
    if (result[name] === undefined) delete result[name];
    reorder(result, patch, name, schema);
  }
  for (const name of Object.keys(patch)) {
    if (!name.startsWith(orderPrefix)) continue;
    const target = name.slice(orderPrefix.length);
    if (!(target in patch) && !(deletePrefix + target in patch)) reorder(result, patch, target, schema);
  }
  return result;
}

function applyDirective(patch: Fields): Fields {
  const { [directive]: kind, ...rest } = patch;
  if (kind === 'replace') return rest;
  if (kind === 'delete') return {};
  throw new PatchError(400, `unknown patch type found: ${String(kind)}`);
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
  if (patch.length > 0 && !isMap(patch[0]))
    return [...original, ...patch.filter(item => !original.some(old => sameValue(old, item)))];
  const key = place.mergeKey;
  if (patch.some(item => isMap(item) && item[directive] === 'replace' && Object.keys(item).length === 1))
    return patch.filter(item => !(isMap(item) && item[directive] === 'replace')).map(withoutDirectives);
  if (!key) throw new PatchError(400, 'cannot merge lists without merge key');
  const result = [...original];
  for (const item of patch) {
    if (!isMap(item)) throw new PatchError(400, 'the lists of a strategic merge patch must not mix values and objects');
    if (item[key] === undefined)
      throw new PatchError(400, `map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    mergeItem(result, item, key, place.schema?.items);
  }
  return result;
}

function mergeItem(result: unknown[], item: Fields, key: string, schema: Schema | undefined): void {
  const at = result.findIndex(old => isMap(old) && sameValue(old[key], item[key]));
  switch (item[directive]) {
    case 'delete':
      for (let i = result.length - 1; i >= 0; i--) {
        const old = result[i];
        if (isMap(old) && sameValue(old[key], item[key])) result.splice(i, 1);
      }
      return;
    case 'replace': {
      const { [directive]: _, ...rest } = item;
      if (at < 0) result.push(rest);
      else result[at] = rest;
      return;
    }
    case undefined:
    case 'merge': {
      const { [directive]: _, ...rest } = item;
      if (at < 0) result.push(withoutDirectives(mergeMap({}, rest, schema)));
      else result[at] = mergeMap(result[at] as Fields, rest, schema);
      return;
    }
    default:
      throw new PatchError(400, `unknown patch type found: ${String(item[directive])}`);
  }
}

function withoutValues(original: unknown, values: unknown): unknown {
  if (!Array.isArray(values)) throw new PatchError(400, 'invalid patch format of delete primitive list');
  if (!Array.isArray(original)) return original;
  return original.filter(item => !values.some(value => sameValue(value, item)));
}

/**
 * `$setElementOrder/<field>`: the items it names stand in its order; items of the server alone keep their place
 * relative to the items before them.
 */
function reorder(result: Fields, patch: Fields, name: string, schema: Schema | undefined): void {
  const order = patch[orderPrefix + name];
  const list = result[name];
  if (order === undefined || !Array.isArray(list)) return;
  if (!Array.isArray(order)) throw new PatchError(400, 'invalid patch format of setElementOrder list');
  const key = placeOf(schema, name).mergeKey;
  const identity = (item: unknown): string => JSON.stringify(key && isMap(item) ? item[key] : item);
  const rank = new Map(order.map((item, i) => [identity(item), i]));
  const wanted = list
    .filter(item => rank.has(identity(item)))
    .sort((a, b) => rank.get(identity(a))! - rank.get(identity(b))!);
  const servers = list.filter(item => !rank.has(identity(item)));
  result[name] = interleave(wanted, servers, list);
}

/** Merges two orders: a server's item comes before the next wanted item that stood behind it. */
function interleave(wanted: unknown[], servers: unknown[], original: unknown[]): unknown[] {
  const position = new Map(original.map((item, i) => [item, i]));
  const out: unknown[] = [];
  let w = 0;
  let s = 0;
  while (w < wanted.length && s < servers.length) {
    if (position.get(wanted[w])! < position.get(servers[s])!) out.push(wanted[w++]);
    else out.push(servers[s++]);
  }
  return [...out, ...wanted.slice(w), ...servers.slice(s)];
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
