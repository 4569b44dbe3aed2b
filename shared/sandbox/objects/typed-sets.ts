import type { FieldSet } from './field-set.ts';
import { emptySet, goJson, isEmpty, leafSet, SetBuilder, setOf, union, without } from './field-set.ts';
import { sameValue } from './same-value.ts';
import type { Schema } from './schema.ts';

/** What a value is taken for, its schema given: the value decides where the schema leaves a choice. */
export type Shape = 'scalar' | 'list' | 'map';

export function shapeOf(schema: Schema, value: unknown): Shape {
  if (value !== undefined && value !== null) {
    if (Array.isArray(value)) {
      if (schema.list) return 'list';
    } else if (typeof value === 'object') {
      if (schema.map) return 'map';
    } else if (schema.scalar) return 'scalar';
  }
  if (schema.map) return 'map';
  return schema.scalar ? 'scalar' : 'list';
}

export type Fields = Record<string, unknown>;

export function asMap(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

export function asList(value: unknown): unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

/** An item of a set or map list that cannot be told from others. */
export class KeyError extends Error {}

/** The path element of an item of a set or map list. Throws {@link KeyError} when it has none. */
export function elementOf(list: Schema, item: unknown): string {
  if (list.listType === 'set') return `v:${goJson(setItem(item))}`;
  if (item === null || item === undefined) throw new KeyError('associative list with keys may not have a null element');
  const map = asMap(item);
  if (!map) throw new KeyError('associative list with keys may not have non-map elements');
  let key = '';
  for (const name of list.sortedKeys) {
    const value = map[name] !== undefined ? map[name] : list.keyDefaults[name];
    if (value !== undefined) key += `${key ? ',' : ''}${goJson(name)}:${goJson(value)}`;
  }
  if (key) return `k:{${key}}`;
  const names = list.listKeys.map(name => JSON.stringify(name)).join(' ');
  throw new KeyError(
    `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`,
  );
}

function setItem(item: unknown): unknown {
  if (item === null || item === undefined)
    throw new KeyError("associative list without keys has an element that's an explicit null");
  if (Array.isArray(item)) throw new KeyError('not supported: associative list with lists as elements');
  if (typeof item === 'object') throw new KeyError("associative list without keys has an element that's a map type");
  return item;
}

/** The paths that one who applies `value` owns. */
export function fieldSetOf(schema: Schema, value: unknown): FieldSet {
  switch (shapeOf(schema, value)) {
    case 'scalar':
      return leafSet;
    case 'list':
      if (schema.listType === 'atomic') return leafSet;
      return setOfItems(schema, asList(value));
    case 'map':
      if (schema.atomicMap) return leafSet;
      return setOfEntries(schema, asMap(value));
  }
}

function setOfItems(schema: Schema, items: unknown[] | undefined): FieldSet {
  if (!items) return emptySet;
  const below = new Map<string, FieldSet>();
  for (const item of items) {
    const element = elementOf(schema, item);
    // What stands twice is owned as a whole.
    if (below.has(element)) below.set(element, leafSet);
    else below.set(element, setHere(fieldSetOf(schema.items, item)));
  }
  return setOf(false, below);
}

function setOfEntries(schema: Schema, map: Fields | undefined): FieldSet {
  if (!map) return emptySet;
  const below = new Map<string, FieldSet>();
  for (const name in map) {
    const value = map[name];
    if (value === undefined) continue;
    const field = schema.field(name);
    const type = field?.schema ?? schema.element;
    const set = type ? fieldSetOf(type, value) : leafSet;
    const child = !field || value === null || isEmptyMap(value) ? setHere(set) : set;
    if (!isEmpty(child)) below.set(`f:${name}`, child);
  }
  return setOf(false, below);
}

function isEmptyMap(value: unknown): boolean {
  if (!asMap(value)) return false;
  for (const _ in value as Fields) return false;
  return true;
}

function setHere(set: FieldSet): FieldSet {
  return set.here ? set : { here: true, below: set.below };
}

/** The set, with every field that its schema names and of which something is in the set. */
export function withNamedFields(schema: Schema | undefined, set: FieldSet): FieldSet {
  if (!set.below) return set;
  const below = new Map<string, FieldSet>();
  for (const [element, child] of set.below) {
    const field = element.startsWith('f:') ? schema?.field(element.slice(2)) : undefined;
    const type = element.startsWith('f:') ? (field?.schema ?? schema?.element) : schema?.items;
    const full = withNamedFields(type, child);
    below.set(element, field && full.below ? setHere(full) : full);
  }
  return setOf(set.here, below);
}

/** What a comparison of two objects found. */
export interface Comparison {
  added: FieldSet;
  modified: FieldSet;
  removed: FieldSet;
}

/** Compares `before` with `after`, both of `schema`. */
export function compare(schema: Schema, before: unknown, after: unknown): Comparison {
  const walk: Walk = { added: new SetBuilder(), modified: new SetBuilder(), removed: new SetBuilder(), path: [] };
  compareAt(schema, before, after, walk);
  return { added: walk.added.done(), modified: walk.modified.done(), removed: walk.removed.done() };
}

/** Whether the comparison found nothing. */
export function isSame(comparison: Comparison): boolean {
  return isEmpty(comparison.added) && isEmpty(comparison.modified) && isEmpty(comparison.removed);
}

/** The comparison without the fields (and what is below them) of `ignored`. */
export function filtered(comparison: Comparison, ignored: FieldSet): Comparison {
  if (isEmpty(ignored)) return comparison;
  return {
    added: without(comparison.added, ignored),
    modified: without(comparison.modified, ignored),
    removed: without(comparison.removed, ignored),
  };
}

/** All that changed, and is still there. */
export function touched(comparison: Comparison): FieldSet {
  return union(comparison.modified, comparison.added);
}

interface Walk {
  added: SetBuilder;
  modified: SetBuilder;
  removed: SetBuilder;
  path: string[];
}

function compareAt(schema: Schema, left: unknown, right: unknown, walk: Walk): void {
  if (left === right) return;
  const shapeLeft = shapeOf(schema, left);
  const shapeRight = shapeOf(schema, right);
  let leaf: boolean;
  if (right === undefined) leaf = compareShape(schema, shapeLeft, left, right, walk);
  else if (left === undefined || shapeLeft === shapeRight) leaf = compareShape(schema, shapeRight, left, right, walk);
  else {
    compareShape(schema, shapeLeft, left, right, walk);
    leaf = compareShape(schema, shapeRight, left, right, walk);
  }
  if (leaf) return;
  if (left === undefined) walk.added.add(walk.path);
  else if (right === undefined) walk.removed.add(walk.path);
}

/** Answers whether the values were compared as a whole. */
function compareShape(schema: Schema, shape: Shape, left: unknown, right: unknown, walk: Walk): boolean {
  if (shape === 'scalar') return compareLeaf(left, right, walk);
  if (shape === 'list') {
    const [l, r] = [asList(left), asList(right)];
    if (schema.listType === 'atomic' || (!l?.length && !r?.length)) return compareLeaf(left, right, walk);
    compareItems(schema, l ?? [], r ?? [], walk);
    return false;
  }
  const [l, r] = [asMap(left), asMap(right)];
  if (schema.atomicMap || ((!l || isEmptyMap(l)) && (!r || isEmptyMap(r)))) return compareLeaf(left, right, walk);
  compareEntries(schema, l ?? {}, r ?? {}, walk);
  return false;
}

function compareLeaf(left: unknown, right: unknown, walk: Walk): true {
  if (left === undefined) walk.added.add(walk.path);
  else if (right === undefined) walk.removed.add(walk.path);
  else if (!sameValue(left, right)) walk.modified.add(walk.path);
  return true;
}

function compareEntries(schema: Schema, left: Fields, right: Fields, walk: Walk): void {
  for (const name in left) {
    if (left[name] === undefined && right[name] === undefined) continue;
    compareEntry(schema, name, left[name], right[name], walk);
  }
  for (const name in right)
    if (left[name] === undefined && right[name] !== undefined) compareEntry(schema, name, undefined, right[name], walk);
}

function compareEntry(schema: Schema, name: string, left: unknown, right: unknown, walk: Walk): void {
  if (left === right) return;
  const type = schema.field(name)?.schema ?? schema.element;
  if (!type) return;
  walk.path.push(`f:${name}`);
  compareAt(type, left, right, walk);
  walk.path.pop();
}

function compareItems(schema: Schema, left: unknown[], right: unknown[], walk: Walk): void {
  const before = itemsByElement(schema, left);
  const after = itemsByElement(schema, right);
  for (const [element, items] of before) compareSlot(schema, element, items, after.get(element) ?? [], walk);
  for (const [element, items] of after) if (!before.has(element)) compareSlot(schema, element, [], items, walk);
}

/** Compares what stands under one key; what stands twice is compared, added and removed as a whole. */
function compareSlot(schema: Schema, element: string, left: unknown[], right: unknown[], walk: Walk): void {
  walk.path.push(element);
  if (left.length <= 1 && right.length <= 1) compareAt(schema.items, left[0], right[0], walk);
  else if (left.length > 1 && right.length > 1) {
    if (!sameValue(left, right)) walk.modified.add(walk.path);
  } else if (left.length > 1) {
    if (right.length > 0) compareAt(schema.items, undefined, right[0], walk);
    walk.removed.add(walk.path);
  } else {
    if (left.length > 0) compareAt(schema.items, left[0], undefined, walk);
    walk.added.add(walk.path);
  }
  walk.path.pop();
}

function itemsByElement(schema: Schema, items: unknown[]): Map<string, unknown[]> {
  const map = new Map<string, unknown[]>();
  for (const item of items) {
    const element = elementOf(schema, item);
    const same = map.get(element);
    if (same) same.push(item);
    else map.set(element, [item]);
  }
  return map;
}
