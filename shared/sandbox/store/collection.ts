import type { KubeObject } from '../../api/object.ts';

/** A stored object: parsed, and as the text that reads and watches send. Never changed; a write makes a new one. */
export interface Entry {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly rv: number;
  /** In the storage version. */
  readonly object: KubeObject;
  readonly json: string;
}

export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly rv: number;
  /** The new state; for DELETED the last one, carrying the resourceVersion of the deletion. */
  readonly entry: Entry;
  readonly old: Entry | undefined;
}

const historyLength = 5000;
const mostLabels = 24;

/** The objects of one kind, in memory, and what lately happened to them. */
export class Collection {
  readonly resource: string;
  readonly #namespaces = new Map<string, Map<string, Entry>>();
  readonly #sorted = new Map<string, string[]>();
  #namespaceOrder: string[] | undefined;
  #history: Change[] = [];
  /** Changes after this revision are all in the history. */
  #historyFrom: number;
  /** label → value → entries by key; only for labels that were asked for. */
  readonly #byLabel = new Map<string, LabelValues>();
  readonly listeners = new Set<(change: Change) => void>();

  constructor(resource: string, startRevision: number) {
    this.resource = resource;
    this.#historyFrom = startRevision;
  }

  get(namespace: string, name: string): Entry | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  get size(): number {
    let size = 0;
    for (const entries of this.#namespaces.values()) size += entries.size;
    return size;
  }

  /** Without a history or listeners: what was on disk. */
  load(entry: Entry): void {
    this.#insert(entry);
  }

  apply(change: Change): void {
    if (change.type === 'DELETED') this.#remove(change.entry);
    else this.#insert(change.entry);
    this.#history.push(change);
    if (this.#history.length > historyLength * 1.25) {
      const dropped = this.#history.length - historyLength;
      this.#historyFrom = this.#history[dropped - 1]!.rv;
      this.#history = this.#history.slice(dropped);
    }
    for (const listener of this.listeners) listener(change);
  }

  /** Entries in the order of their keys; `after` is the key (`namespace/name`) to begin behind. */
  *entries(namespace?: string, after?: string): Generator<Entry> {
    for (const current of namespace === undefined ? this.#orderedNamespaces() : [namespace]) {
      if (after !== undefined && current < after.slice(0, after.indexOf('/'))) continue;
      const entries = this.#namespaces.get(current);
      if (!entries) continue;
      const names = this.#orderedNames(current, entries);
      const from = after?.startsWith(`${current}/`) ? firstAfter(names, after.slice(current.length + 1)) : 0;
      for (let i = from; i < names.length; i++) {
        const entry = entries.get(names[i]!);
        if (entry) yield entry;
      }
    }
  }

  /** Candidates for a selector: the entries that have the rarest of these labels, in the order of their keys. */
  labelled(labels: [label: string, value: string][], namespace?: string): Entry[] {
    let fewest: Map<string, Entry> | undefined;
    for (const [label, value] of labels) {
      const entries = this.#indexOf(label).get(value);
      if (!entries) return [];
      if (!fewest || entries.size < fewest.size) fewest = entries;
    }
    const found = [...(fewest?.values() ?? [])];
    const wanted = namespace === undefined ? found : found.filter(entry => entry.namespace === namespace);
    return wanted.sort((a, b) => compareKeys(keyOf(a), keyOf(b)));
  }

  #indexOf(label: string): LabelValues {
    let values = this.#byLabel.get(label);
    if (!values) {
      values = new Map();
      // Each costs every write a little, and clients may ask for any label.
      const [oldest] = this.#byLabel.keys();
      if (this.#byLabel.size >= mostLabels && oldest !== undefined) this.#byLabel.delete(oldest);
      this.#byLabel.set(label, values);
      for (const entry of this.entries()) addToIndex(values, label, entry);
    }
    return values;
  }

  /** The changes after `revision`; undefined when some of them are forgotten. */
  since(revision: number): Change[] | undefined {
    if (revision < this.#historyFrom) return undefined;
    let low = 0;
    let high = this.#history.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#history[middle]!.rv <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#history.slice(low);
  }

  /** The entries as they were at `revision`, in order; undefined when that is forgotten. */
  at(revision: number, namespace?: string, after?: string): Entry[] | undefined {
    const changes = this.since(revision);
    if (!changes) return undefined;
    const undone = new Map<string, Entry | undefined>();
    for (const change of changes) {
      const key = keyOf(change.entry);
      if (!undone.has(key)) undone.set(key, change.old);
    }
    if (undone.size === 0) return [...this.entries(namespace, after)];
    const kept = [...this.entries(namespace, after)].filter(entry => !undone.has(keyOf(entry)));
    for (const entry of undone.values()) {
      if (!entry || (namespace !== undefined && entry.namespace !== namespace)) continue;
      if (after === undefined || compareKeys(keyOf(entry), after) > 0) kept.push(entry);
    }
    return kept.sort((a, b) => compareKeys(keyOf(a), keyOf(b)));
  }

  #insert(entry: Entry): void {
    let entries = this.#namespaces.get(entry.namespace);
    if (!entries) {
      entries = new Map();
      this.#namespaces.set(entry.namespace, entries);
      this.#namespaceOrder = undefined;
    }
    const old = entries.get(entry.name);
    if (!old) this.#sorted.delete(entry.namespace);
    entries.set(entry.name, entry);
    for (const [label, values] of this.#byLabel) {
      if (old) removeFromIndex(values, label, old);
      addToIndex(values, label, entry);
    }
  }

  #remove(entry: Entry): void {
    const entries = this.#namespaces.get(entry.namespace);
    const old = entries?.get(entry.name);
    if (!entries || !old) return;
    entries.delete(entry.name);
    for (const [label, values] of this.#byLabel) removeFromIndex(values, label, old);
    this.#sorted.delete(entry.namespace);
    if (entries.size > 0) return;
    this.#namespaces.delete(entry.namespace);
    this.#namespaceOrder = undefined;
  }

  #orderedNamespaces(): string[] {
    this.#namespaceOrder ??= [...this.#namespaces.keys()].sort();
    return this.#namespaceOrder;
  }

  #orderedNames(namespace: string, entries: Map<string, Entry>): string[] {
    let names = this.#sorted.get(namespace);
    if (!names) {
      names = [...entries.keys()].sort();
      this.#sorted.set(namespace, names);
    }
    return names;
  }
}

type LabelValues = Map<string, Map<string, Entry>>;

function addToIndex(values: LabelValues, label: string, entry: Entry): void {
  const value = entry.object.metadata.labels?.[label];
  if (value === undefined) return;
  const entries = values.get(value);
  if (entries) entries.set(keyOf(entry), entry);
  else values.set(value, new Map([[keyOf(entry), entry]]));
}

function removeFromIndex(values: LabelValues, label: string, entry: Entry): void {
  const value = entry.object.metadata.labels?.[label];
  if (value === undefined) return;
  const entries = values.get(value);
  entries?.delete(keyOf(entry));
  if (entries?.size === 0) values.delete(value);
}

/** `namespace/name`; for cluster-scoped objects `/name`. */
export function keyOf(entry: { namespace: string; name: string }): string {
  return `${entry.namespace}/${entry.name}`;
}

function compareKeys(a: string, b: string): number {
  const [namespaceA = '', nameA = ''] = a.split('/');
  const [namespaceB = '', nameB = ''] = b.split('/');
  if (namespaceA !== namespaceB) return namespaceA < namespaceB ? -1 : 1;
  return nameA < nameB ? -1 : nameA > nameB ? 1 : 0;
}

function firstAfter(names: string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (names[middle]! <= name) low = middle + 1;
    else high = middle;
  }
  return low;
}
