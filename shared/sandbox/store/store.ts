import type { KubeObject } from '../../api/object.ts';
import { tooLarge } from '../faults.ts';
import { type Change, Collection, type Entry } from './collection.ts';
import type { Database } from './database.ts';

/** etcd's limit for one object. */
const objectLimit = 1.5 * 1024 * 1024;

/**
 * All objects: in memory for reads, on disk before a write is answered. One process owns it, and every call is synchronous,
 * so that a read, a decision and a write in one turn of the event loop are a transaction.
 */
export class Store {
  readonly #database: Database;
  readonly #collections = new Map<string, Collection>();
  #revision: number;
  /** Of the start: older history is not known. */
  readonly #startRevision: number;
  /** Every change of every collection, in order; called in the same turn, after the write. */
  readonly listeners = new Set<(change: Change) => void>();

  constructor(database: Database) {
    this.#database = database;
    let revision = database.revision();
    const rows = [...database.rows()];
    for (const row of rows) if (row.rv > revision) revision = row.rv;
    this.#revision = revision;
    this.#startRevision = revision;
    for (const row of rows) this.collection(row.resource).load({ ...row, object: JSON.parse(row.json) as KubeObject });
  }

  /** The resourceVersion of the last change. */
  get revision(): number {
    return this.#revision;
  }

  collection(resource: string): Collection {
    let collection = this.#collections.get(resource);
    if (!collection) {
      collection = new Collection(resource, this.#startRevision);
      this.#collections.set(resource, collection);
    }
    return collection;
  }

  get resources(): string[] {
    return [...this.#collections.keys()];
  }

  get(resource: string, namespace: string, name: string): Entry | undefined {
    return this.#collections.get(resource)?.get(namespace, name);
  }

  /** Creates or replaces. What is in `changed` becomes the store's own; its metadata gets the new resourceVersion. */
  put(resource: string, changed: KubeObject): Entry {
    // In this order a list finds what its items need not say at the beginning of their texts.
    const { kind, apiVersion, ...rest } = changed;
    const object = { kind, apiVersion, ...rest } as KubeObject;
    const namespace = object.metadata.namespace ?? '';
    const name = object.metadata.name;
    const collection = this.collection(resource);
    const old = collection.get(namespace, name);
    const rv = this.#revision + 1;
    object.metadata.resourceVersion = String(rv);
    const json = JSON.stringify(object);
    if (json.length > objectLimit / 3 && Buffer.byteLength(json) > objectLimit)
      throw tooLarge(`Request entity too large: limit is ${objectLimit} bytes for one object`);
    const entry: Entry = { resource, namespace, name, rv, object, json };
    this.#database.put(entry);
    this.#revision = rv;
    this.#publish(collection, { type: old ? 'MODIFIED' : 'ADDED', rv, entry, old });
    return entry;
  }

  /** Answers the last state, with the resourceVersion of the deletion. */
  remove(entry: Entry): Entry {
    const rv = this.#revision + 1;
    const object = {
      ...entry.object,
      metadata: { ...entry.object.metadata, resourceVersion: String(rv) },
    };
    const last: Entry = { ...entry, rv, object, json: JSON.stringify(object) };
    this.#database.delete(entry.resource, entry.namespace, entry.name, rv);
    this.#revision = rv;
    this.#publish(this.collection(entry.resource), { type: 'DELETED', rv, entry: last, old: entry });
    return last;
  }

  #publish(collection: Collection, change: Change): void {
    collection.apply(change);
    for (const listener of this.listeners) listener(change);
  }
}
