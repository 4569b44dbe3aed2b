import type { KubeObject, ManagedFieldsEntry } from '../api/object.ts';
import { groupOf } from '../api/object.ts';
import { jsonEqual } from './deep-equal.ts';
import { canonicalQuantity, isQuantityField } from './quantity.ts';
import { isBuiltInGroup } from './well-known.ts';

type Fields = Record<string, unknown>;

/**
 * Proves, without asking the server, that applying `desired` would change nothing: the fields our manager owns are
 * exactly the fields of `desired`, and each has in `live` the value that `desired` gives it. Then a server-side apply
 * neither sets, nor removes, nor takes over anything.
 *
 * False means "not proved": a value the server wrote differently (quantities), keys it filled in, an order it changed.
 * Such objects are decided by a dry-run. True must never be wrong; every doubt therefore answers false.
 */
export function provablyUnchanged(desired: KubeObject, live: KubeObject, manager: string): boolean {
  const entry = appliedEntry(live, manager);
  if (!entry || entry.apiVersion !== desired.apiVersion || live.apiVersion !== desired.apiVersion) return false;
  const { apiVersion: _, kind: __, metadata, ...rest } = desired;
  const { name: ___, namespace: ____, ...ownedMetadata } = metadata;
  const wanted = Object.keys(ownedMetadata).length > 0 ? { ...rest, metadata: ownedMetadata } : rest;
  return sameMap(wanted, live, entry.fieldsV1, { builtIn: isBuiltInGroup(groupOf(desired.apiVersion)), parent: '' });
}

/** The entry of our applies: one per manager, operation and subresource. */
export function appliedEntry(live: KubeObject, manager: string): ManagedFieldsEntry | undefined {
  return live.metadata.managedFields?.find(
    entry => entry.manager === manager && entry.operation === 'Apply' && !entry.subresource,
  );
}

/** Where in the object, as far as it matters. */
interface Place {
  builtIn: boolean;
  /** Name of the field, and of the field that holds it. */
  field?: string;
  parent: string;
}

function sameValue(desired: unknown, live: unknown, fields: Fields, place: Place): boolean {
  const keys = Object.keys(fields).filter(key => key !== '.');
  // Owned as a whole: a scalar, an atomic list or map, or an empty one.
  if (keys.length === 0) return jsonEqual(desired, live) || (place.builtIn && sameToServer(desired, live, place));
  if (Array.isArray(desired)) {
    if (!Array.isArray(live) || keys.length !== desired.length) return false;
    if (keys[0]!.startsWith('k:')) return sameKeyedList(desired, live, fields, keys, place);
    return keys[0]!.startsWith('v:') && sameSet(desired, live, keys);
  }
  return isMap(desired) && isMap(live) && keys[0]!.startsWith('f:') && sameMap(desired, live, fields, place);
}

/**
 * Values of fixed types that the server writes otherwise than they were sent. What is empty, zero or false is often left
 * out; since we never send `null` for these kinds, a field we own and do not find was left out so. Quantities have a
 * canonical form.
 */
function sameToServer(desired: unknown, live: unknown, { field = '', parent }: Place): boolean {
  if (live === undefined)
    return !desired || (typeof desired === 'object' && desired !== null && Object.keys(desired).length === 0);
  if (typeof live !== 'string' || (typeof desired !== 'string' && typeof desired !== 'number')) return false;
  return isQuantityField(field, parent) && canonicalQuantity(String(desired)) === live;
}

function sameMap(desired: Fields, live: Fields, fields: Fields, place: Place): boolean {
  const keys = Object.keys(fields).filter(key => key !== '.');
  const wanted = Object.keys(desired).filter(key => desired[key] !== undefined);
  if (keys.length !== wanted.length) return false;
  return wanted.every(key => {
    const owned = fields[`f:${key}`];
    return (
      isMap(owned) &&
      sameValue(desired[key], live[key], owned, { builtIn: place.builtIn, field: key, parent: place.field ?? '' })
    );
  });
}

/** Lists whose items are told apart by some of their fields: `k:{"name":"web"}`. */
function sameKeyedList(desired: unknown[], live: unknown[], fields: Fields, keys: string[], place: Place): boolean {
  const order: number[] = [];
  for (const key of keys) {
    const parts = parseJson(key.slice(2));
    if (!key.startsWith('k:') || !isMap(parts)) return false;
    // A key field the manifest leaves out is one the server filled in.
    const wanted = only(desired, item =>
      Object.entries(parts).every(([k, v]) => item[k] === undefined || item[k] === v),
    );
    const there = only(live, item => Object.entries(parts).every(([k, v]) => item[k] === v));
    const owned = fields[key];
    if (!wanted || !there || !isMap(owned)) return false;
    if (!sameItem(wanted.item, there.item, owned, place)) return false;
    order[wanted.index] = there.index;
  }
  // Each found its own (else two keys claimed one item and a slot stayed empty), and in the same order.
  return ascending(order, desired.length);
}

/** An item's own fields. Key fields the server filled in are owned though the manifest lacks them: then no proof. */
function sameItem(desired: Fields, live: Fields, fields: Fields, place: Place): boolean {
  if (Object.keys(fields).every(key => key === '.')) return jsonEqual(desired, live);
  return sameMap(desired, live, fields, place);
}

/** Lists without duplicates, owned item by item: `v:"x"`. */
function sameSet(desired: unknown[], live: unknown[], keys: string[]): boolean {
  const order: number[] = [];
  for (const key of keys) {
    if (!key.startsWith('v:')) return false;
    const value = parseJson(key.slice(2));
    const wanted = desired.findIndex(item => jsonEqual(item, value));
    const there = live.findIndex(item => jsonEqual(item, value));
    if (wanted < 0 || there < 0) return false;
    order[wanted] = there;
  }
  return ascending(order, desired.length);
}

function ascending(order: (number | undefined)[], length: number): boolean {
  if (order.length !== length) return false;
  for (let i = 0; i < length; i++) {
    if (order[i] === undefined) return false;
    if (i > 0 && order[i]! <= order[i - 1]!) return false;
  }
  return true;
}

/** The one item that matches; undefined when none does, or several, or something is no object. */
function only(items: unknown[], matches: (item: Fields) => boolean): { item: Fields; index: number } | undefined {
  let found: { item: Fields; index: number } | undefined;
  for (const [index, item] of items.entries()) {
    if (!isMap(item)) return undefined;
    if (!matches(item)) continue;
    if (found) return undefined;
    found = { item, index };
  }
  return found;
}

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
