import type { FieldSet } from './field-set.ts';
import { elementText, isEmpty, leafSet, setOf } from './field-set.ts';
import { sameValue } from './same-value.ts';
import type { Schema } from './schema.ts';
import type { Fields } from './typed-sets.ts';
import { asList, asMap, elementOf, KeyError, shapeOf } from './typed-sets.ts';

/**
 * Lays `applied` over `live`. Answers undefined when nothing is left, `live` itself when
 * nothing changes; parts of both are shared with the answer.
 */
export function mergeTyped(schema: Schema, live: unknown, applied: unknown): unknown {
  if (applied === undefined) return live;
  const shape = shapeOf(schema, applied);
  if (shape === 'scalar') return applied;
  if (shape === 'list') {
    const items = asList(applied);
    const old = asList(live);
    if (schema.listType === 'atomic' || (!items?.length && !old?.length))
      return sameValue(live, applied) ? live : applied;
    return mergeItems(schema, old ?? [], items ?? []);
  }
  const map = asMap(applied);
  const old = asMap(live);
  if (schema.atomicMap || (isEmptyMap(map) && isEmptyMap(old))) return sameValue(live, applied) ? live : applied;
  return mergeEntries(schema, old ?? {}, map ?? {});
}

function isEmptyMap(map: Fields | undefined): boolean {
  if (map) for (const _ in map) return false;
  return true;
}

function mergeEntries(schema: Schema, live: Fields, applied: Fields): Fields | undefined {
  const out: Fields = {};
  let any = false;
  let changed = false;
  for (const name in live) {
    const old = live[name];
    if (old === undefined) continue;
    const mine = applied[name];
    const type = mine === undefined ? undefined : (schema.field(name)?.schema ?? schema.element);
    const value = type ? mergeTyped(type, old, mine) : (mine ?? old);
    changed ||= value !== old;
    if (value === undefined) continue;
    out[name] = value;
    any = true;
  }
  for (const name in applied) {
    if (live[name] !== undefined || applied[name] === undefined) continue;
    const type = schema.field(name)?.schema ?? schema.element;
    const value = type ? mergeTyped(type, undefined, applied[name]) : applied[name];
    if (value === undefined) continue;
    out[name] = value;
    any = true;
    changed = true;
  }
  // What did not change stays the same object, by which comparing is quick.
  if (!changed) return any ? live : undefined;
  return any ? out : undefined;
}

interface Indexed {
  elements: string[];
  /** The item of each element; undefined for what stands twice. */
  items: Map<string, unknown>;
}

function index(schema: Schema, list: unknown[]): Indexed {
  const items = new Map<string, unknown>();
  const elements = list.map(item => {
    const element = elementOf(schema, item);
    items.set(element, items.has(element) ? undefined : item);
    return element;
  });
  return { elements, items };
}

/**
 * Merges two set or map lists: the applied items stand in the applied order, items of the live list alone keep their
 * place behind the item that they followed.
 */
function mergeItems(schema: Schema, live: unknown[], applied: unknown[]): unknown[] | undefined {
  const left = index(schema, live);
  const right = index(schema, applied);
  const shared = right.elements.filter(element => left.items.has(element));
  const done = new Set<string>();
  const out: unknown[] = [];
  let next = 0;
  let l = 0;
  let r = 0;
  const take = (element: string): void => {
    done.add(element);
    const value = mergeTyped(schema.items, left.items.get(element), right.items.get(element));
    if (value !== undefined) out.push(value);
    if (shared[next] === element) next++;
  };
  while (l < live.length || r < applied.length) {
    const mine = left.elements[l];
    const theirs = right.elements[r];
    if (mine !== undefined && theirs !== undefined) {
      if (mine === theirs) {
        take(mine);
        l++;
        r++;
        continue;
      }
      // An item of both, out of turn: it is taken where the applied list has it.
      if (right.items.has(mine) && next < shared.length && shared[next] !== mine) {
        l++;
        continue;
      }
    }
    if (mine !== undefined) {
      if (!right.items.has(mine)) {
        out.push(live[l]);
        l++;
        continue;
      }
      if (done.has(mine)) l++;
    }
    if (theirs !== undefined) {
      take(theirs);
      r++;
    }
  }
  if (out.length === live.length && out.every((item, i) => item === live[i])) return live;
  return out.length > 0 ? out : undefined;
}

/** `value` without the paths of `set`; undefined when nothing is left. */
export function removeFields(schema: Schema, value: unknown, set: FieldSet): unknown {
  if (!set.below) return value;
  switch (shapeOf(schema, value)) {
    case 'scalar':
      return value;
    case 'list': {
      const items = asList(value);
      return items?.length && schema.listType !== 'atomic' ? removeItems(schema, items, set.below) : undefined;
    }
    case 'map': {
      const map = asMap(value);
      return map && !schema.atomicMap ? removeEntries(schema, map, set.below) : undefined;
    }
  }
}

function removeItems(schema: Schema, items: unknown[], below: ReadonlyMap<string, FieldSet>): unknown[] | undefined {
  const out: unknown[] = [];
  for (const item of items) {
    const set = below.get(elementOf(schema, item));
    if (set?.here) continue;
    out.push(set ? (removeFields(schema.items, item, set) ?? null) : item);
  }
  return out.length > 0 ? out : undefined;
}

function removeEntries(schema: Schema, map: Fields, below: ReadonlyMap<string, FieldSet>): Fields | undefined {
  const out: Fields = {};
  let any = false;
  for (const name in map) {
    const set = below.get(`f:${name}`);
    if (set?.here) continue;
    const type = schema.field(name)?.schema ?? schema.element;
    // What is emptied is null, as the API server has it: the field stays whose it is.
    const value = set && type ? (removeFields(type, map[name], set) ?? null) : map[name];
    if (value === undefined) continue;
    out[name] = value;
    any = true;
  }
  return any ? out : undefined;
}

/**
 * Brings a set that was written under an older schema to the one of now: what became atomic since is owned as a whole.
 * Answers the set itself when nothing changed.
 */
export function reconcileSet(schema: Schema, set: FieldSet): FieldSet {
  if (!set.below) return set;
  const asOne =
    schema.map && !schema.list ? schema.atomicMap : schema.list && !schema.map && schema.listType === 'atomic';
  if (asOne) return leafSet;
  // Values of any shape have no relationship that could have changed.
  if (schema.map && schema.list) return set;
  let below: Map<string, FieldSet> | undefined;
  for (const [element, child] of set.below) {
    const type = element.startsWith('f:') ? (schema.field(element.slice(2))?.schema ?? schema.element) : schema.items;
    if (!type) continue;
    const now = reconcileSet(type, child);
    if (now === child) continue;
    below ??= new Map(set.below);
    below.set(element, now.here || !isEmpty(now) ? now : leafSet);
  }
  return below ? setOf(set.here, below) : set;
}

/** Says what of `value` does not fit its schema as server-side apply sees it: `<path>: <fault>`, one line per fault. */
export function typedErrors(schema: Schema, value: unknown, duplicates: 'allowed' | 'refused'): string[] {
  return faults(schema, value, duplicates) ?? none;
}

const none: string[] = [];

/** Paths are put together on the way back only, since there is hardly ever a fault. */
function faults(schema: Schema, value: unknown, duplicates: 'allowed' | 'refused'): string[] | undefined {
  if (value === null || value === undefined) return undefined;
  switch (shapeOf(schema, value)) {
    case 'scalar':
      return scalarFaults(schema, value);
    case 'list': {
      const items = asList(value);
      return items ? itemFaults(schema, items, duplicates) : [`: expected list, got &{${goValue(value)}}`];
    }
    case 'map': {
      const map = asMap(value);
      return map ? entryFaults(schema, map, duplicates) : [`: expected map, got &{${goValue(value)}}`];
    }
  }
}

function scalarFaults(schema: Schema, value: unknown): string[] | undefined {
  const is = typeof value;
  if (schema.scalar === 'numeric' && is !== 'number')
    return [`: expected numeric (int or float), got ${goType(value)}`];
  if (schema.scalar === 'string' && is !== 'string')
    return [`: expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`];
  if (schema.scalar === 'boolean' && is !== 'boolean') return [`: expected boolean, got &{${goValue(value)}}`];
  return is === 'object' ? [`: expected any scalar, got &{${goValue(value)}}`] : undefined;
}

function itemFaults(schema: Schema, items: unknown[], duplicates: 'allowed' | 'refused'): string[] | undefined {
  const errors: string[] = [];
  const seen = new Set<string>();
  for (let i = 0; i < items.length; i++) {
    let element = '';
    if (schema.listType !== 'atomic') {
      try {
        element = elementOf(schema, items[i]);
      } catch (error) {
        if (!(error instanceof KeyError)) throw error;
        return [...errors, `: element ${i}: ${error.message}`];
      }
      if (duplicates === 'refused' && seen.has(element))
        errors.push(`: duplicate entries for key ${elementText(element)}`);
      seen.add(element);
    }
    for (const fault of faults(schema.items, items[i], duplicates) ?? none)
      errors.push((element ? elementText(element) : `[${i}]`) + fault);
  }
  return errors.length > 0 ? errors : undefined;
}

function entryFaults(schema: Schema, map: Fields, duplicates: 'allowed' | 'refused'): string[] | undefined {
  let errors: string[] | undefined;
  for (const name in map) {
    const type = schema.field(name)?.schema ?? schema.element;
    const found = type ? faults(type, map[name], duplicates) : [': field not declared in schema'];
    if (found) errors = [...(errors ?? none), ...found.map(fault => `.${name}${fault}`)];
  }
  return errors;
}

function goType(value: unknown): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}';
}

function goSyntax(value: unknown): string {
  return typeof value === 'object' ? `${goType(value)}{…}` : JSON.stringify(value);
}

/** The value as Go's `%v` prints it. */
export function goValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`;
  if (value === null || value === undefined) return '<nil>';
  if (typeof value !== 'object') return String(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([name, field]) => `${name}:${goValue(field)}`).join(' ')}]`;
}
