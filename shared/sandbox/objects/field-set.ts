/**
 * Sets of field paths, as managedFields hold them (FieldsV1). A path element is kept in its serialized form:
 * `f:<field>`, `k:<key fields as JSON>`, `v:<value as JSON>`, `i:<index>`. Sets are immutable once built; operations share what they can.
 */
export interface FieldSet {
  /** The path that leads here belongs to the set. Of no meaning at the root. */
  readonly here: boolean;
  readonly below: ReadonlyMap<string, FieldSet> | undefined;
}

type Children = Map<string, FieldSet>;

export const emptySet: FieldSet = { here: false, below: undefined };
/** The set of nothing but the path that leads here. */
export const leafSet: FieldSet = { here: true, below: undefined };

function node(here: boolean, below: Children | undefined): FieldSet {
  const children = below && below.size > 0 ? below : undefined;
  if (children) return { here, below: children };
  return here ? leafSet : emptySet;
}

export function isEmpty(set: FieldSet): boolean {
  return !set.here && !set.below;
}

/** A set of the given children; empty ones are left out. */
export function setOf(here: boolean, children: Children | undefined): FieldSet {
  return node(here, children);
}

/** All that is in `a` or in `b`. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmpty(b)) return a;
  if (isEmpty(a)) return b;
  const here = a.here || b.here;
  if (!b.below) return a.here === here ? a : { here, below: a.below };
  if (!a.below) return b.here === here ? b : { here, below: b.below };
  const below: Children = new Map(a.below);
  for (const [element, child] of b.below) {
    const mine = below.get(element);
    below.set(element, mine ? union(mine, child) : child);
  }
  return { here, below };
}

/** All that is in both. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return a;
  const below: Children = new Map();
  if (a.below && b.below)
    for (const [element, child] of a.below) {
      const other = b.below.get(element);
      if (!other) continue;
      const both = intersection(child, other);
      if (!isEmpty(both)) below.set(element, both);
    }
  return node(a.here && b.here, below);
}

/** What is in `a` and not in `b`, path by path. Answers `a` itself when nothing goes. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  const here = a.here && !b.here;
  if (!a.below || !b.below) return here === a.here ? a : node(here, a.below as Children | undefined);
  let below: Children | undefined;
  for (const [element, other] of b.below) {
    const child = a.below.get(element);
    if (!child) continue;
    const left = difference(child, other);
    if (left === child) continue;
    below ??= new Map(a.below);
    if (isEmpty(left)) below.delete(element);
    else below.set(element, left);
  }
  if (!below && here === a.here) return a;
  return node(here, below ?? (a.below as Children));
}

/** What is in `a`, without the paths of `b` and all that lies below them. */
export function without(a: FieldSet, b: FieldSet): FieldSet {
  if (!a.below || !b.below) return a;
  let below: Children | undefined;
  for (const [element, other] of b.below) {
    const child = a.below.get(element);
    if (!child) continue;
    const left = other.here ? emptySet : without(child, other);
    if (left === child) continue;
    below ??= new Map(a.below);
    if (isEmpty(left)) below.delete(element);
    else below.set(element, left);
  }
  return below ? node(a.here, below) : a;
}

/** Whether both hold the same paths. */
export function sameSet(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true;
  if (a.here !== b.here || (a.below?.size ?? 0) !== (b.below?.size ?? 0)) return false;
  if (a.below)
    for (const [element, child] of a.below) {
      const other = b.below?.get(element);
      if (!other || !sameSet(child, other)) return false;
    }
  return true;
}

/** Collects paths one by one. */
export class SetBuilder {
  readonly #root: Draft = { here: false, below: undefined };
  empty = true;

  /** Adds the path. The empty path (the whole object) is nobody's and is not added. */
  add(path: readonly string[]): void {
    if (path.length === 0) return;
    this.empty = false;
    let at = this.#root;
    for (const element of path) {
      at.below ??= new Map();
      let next = at.below.get(element);
      if (!next) {
        next = { here: false, below: undefined };
        at.below.set(element, next);
      }
      at = next;
    }
    at.here = true;
  }

  done(): FieldSet {
    return this.empty ? emptySet : this.#root;
  }
}

interface Draft {
  here: boolean;
  below: Map<string, Draft> | undefined;
}

/** A set of plain field paths, e.g. `[['metadata', 'name'], ['status']]`. */
export function setOfFields(paths: readonly (readonly string[])[]): FieldSet {
  const builder = new SetBuilder();
  for (const path of paths) builder.add(path.map(name => `f:${name}`));
  return builder.done();
}

/** Text that JSON writes as it is. */
const plain = /^[\w ./:@-]*$/;
const unsafe = /[<>&\u2028\u2029]/g;

/** JSON as Go writes it: `<`, `>` and `&` are escaped. */
export function goJson(value: unknown): string {
  if (typeof value === 'string' && plain.test(value)) return `"${value}"`;
  return JSON.stringify(value).replace(unsafe, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The path elements below the set in the order in which the API server lists them. */
export function ordered(set: FieldSet): [string, FieldSet][] {
  if (!set.below) return [];
  return set.below.size === 1 ? [...set.below] : [...set.below].sort(([a], [b]) => compareElements(a, b));
}

const kinds = 'fkvi';

function compareElements(a: string, b: string): number {
  if (a === b) return 0;
  if (a.charCodeAt(0) !== b.charCodeAt(0)) return kinds.indexOf(a[0]!) - kinds.indexOf(b[0]!);
  if (a.startsWith('f:')) return a < b ? -1 : 1;
  return compareValues(JSON.parse(a.slice(2)), JSON.parse(b.slice(2)));
}

function compareValues(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'object' && typeof b === 'object' && a && b)
    return compareKeys(Object.entries(a), Object.entries(b));
  if (typeof a !== typeof b)
    return typeof a === 'number' ? -1 : typeof b === 'number' ? 1 : typeof a === 'string' ? -1 : 1;
  return a === b ? 0 : (a as string) < (b as string) ? -1 : 1;
}

function compareKeys(a: [string, unknown][], b: [string, unknown][]): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const [nameA, valueA] = a[i]!;
    const [nameB, valueB] = b[i]!;
    if (nameA !== nameB) return nameA < nameB ? -1 : 1;
    const order = compareValues(valueA, valueB);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

const encodedSets = new WeakMap<FieldSet, Record<string, unknown>>();
const decodedSets = new WeakMap<object, FieldSet>();

/** The set as FieldsV1. The answer is shared: never change it. */
export function encodeSet(set: FieldSet): Record<string, unknown> {
  const known = encodedSets.get(set);
  if (known) return known;
  const fields = encode(set);
  encodedSets.set(set, fields);
  decodedSets.set(fields, set);
  return fields;
}

function encode(set: FieldSet): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [element, child] of ordered(set)) {
    const below: Record<string, unknown> = child.below ? encode(child) : {};
    fields[element] = child.here && child.below ? { '.': {}, ...below } : below;
  }
  return fields;
}

/** Reads FieldsV1; kept per object, since stored objects never change. */
export function decodeSet(fields: Record<string, unknown> | undefined): FieldSet {
  if (!fields) return emptySet;
  const known = decodedSets.get(fields);
  if (known) return known;
  const set = decode(fields, false);
  decodedSets.set(fields, set);
  return set;
}

function decode(fields: Record<string, unknown>, isElement: boolean): FieldSet {
  const below: Children = new Map();
  let here = false;
  let any = false;
  for (const [element, child] of Object.entries(fields)) {
    any = true;
    if (element === '.') here = true;
    else below.set(canonicalElement(element), decode((child ?? {}) as Record<string, unknown>, true));
  }
  return node(here || (isElement && !any), below);
}

/** Keys and values are compared as text, so they are brought to one form: keys sorted, no blanks. */
function canonicalElement(element: string): string {
  if (element.startsWith('f:') || element.startsWith('i:')) return element;
  if (!element.startsWith('k:') && !element.startsWith('v:'))
    throw new Error(`unknown path element "${element}" in managedFields`);
  const value: unknown = JSON.parse(element.slice(2));
  if (typeof value !== 'object' || value === null) return `${element[0]}:${goJson(value)}`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `${element[0]}:${goJson(Object.fromEntries(entries))}`;
}

/** A path as conflicts and errors print it: `.spec.containers[name="a"].image`. */
export function pathText(path: readonly string[]): string {
  return path.map(elementText).join('');
}

export function elementText(element: string): string {
  const content = element.slice(2);
  if (element.startsWith('f:')) return `.${content}`;
  if (element.startsWith('i:')) return `[${content}]`;
  if (element.startsWith('v:')) return `[=${content}]`;
  const fields = Object.entries(JSON.parse(content) as Record<string, unknown>);
  return `[${fields.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
}

/** The paths of the set: at each level first its own, then those below. */
export function pathsOf(set: FieldSet, prefix: readonly string[] = []): string[][] {
  const children = ordered(set);
  const paths = children.filter(([, child]) => child.here).map(([element]) => [...prefix, element]);
  for (const [element, child] of children) if (child.below) paths.push(...pathsOf(child, [...prefix, element]));
  return paths;
}
