import { randomUUID } from 'node:crypto';
import { keyString, type ObjectKey, parseKey } from '../api/object.ts';
import type { Clock } from '../ports/clock.ts';
import type { ClusterRecord, Index, IndexedObject } from '../ports/index.ts';
import { at, DynamoCalls, type Item, keyOf, numberOf, textOf } from './dynamo-calls.ts';
import { type DynamoPlace, dynamoClient } from './dynamo-client.ts';
import { DynamoDue } from './dynamo-due.ts';
import { DynamoObjects } from './dynamo-objects.ts';
import { objectOf } from './dynamo-record.ts';
import { forgetAll, forgetCluster } from './dynamo-sweep.ts';
import {
  clusterAt,
  clustersPartition,
  cursorAt,
  linkPartition,
  objectAt,
  objectsBegin,
  onceAt,
  partitionsOf,
  startedAt,
} from './dynamo-table.ts';

export interface DynamoIndexOptions extends DynamoPlace {
  /** Name of the table; dynamo-table.ts says what is in it. */
  table: string;
  clock: Clock;
}

/** A mark tells whether a message was sent before a start: no message waits longer than SQS keeps one at most. */
const markSeconds = 14 * 24 * 3600;
/** Partitions that are read ahead of who goes through a list. */
const readAhead = 8;

/**
 * The index in one DynamoDB table. Everything but `due` reads what the last write left, whoever wrote it. Fails with
 * an AwsError: Throttled when DynamoDB's limits, or other writers, stood in the way for too long.
 */
export class DynamoIndex implements Index {
  readonly #calls: DynamoCalls;
  readonly #clock: Clock;
  readonly #objects: DynamoObjects;
  readonly #due: DynamoDue;

  constructor({ table, clock, ...place }: DynamoIndexOptions) {
    this.#calls = new DynamoCalls(dynamoClient(place), table);
    this.#clock = clock;
    this.#objects = new DynamoObjects(this.#calls);
    this.#due = new DynamoDue(this.#calls);
  }

  /** What became due a moment ago may be missing, until DynamoDB's secondary index has followed. */
  due(before: number, limit: number): Promise<ObjectKey[]> {
    return this.#due.due(before, limit);
  }

  dependentsOf(key: ObjectKey): Promise<ObjectKey[]> {
    return this.#linked(linkPartition('ref', keyString(key)));
  }

  byHookPath(path: string): Promise<ObjectKey[]> {
    return this.#linked(linkPartition('hook', path));
  }

  byUrl(url: string): Promise<ObjectKey[]> {
    return this.#linked(linkPartition('url', url));
  }

  async getObject(key: ObjectKey): Promise<IndexedObject | undefined> {
    return objectOf(await this.#calls.get(objectAt(key)));
  }

  putObject(object: IndexedObject): Promise<void> {
    return this.#objects.put(object);
  }

  removeObject(key: ObjectKey): Promise<void> {
    return this.#objects.remove(key);
  }

  /** All objects of one cluster, or of all that are registered. */
  async *objects(cluster?: string): AsyncIterable<IndexedObject> {
    const names = cluster === undefined ? (await this.clusters()).map(({ name }) => name) : [cluster];
    const partitions = names.flatMap(partitionsOf);
    for await (const items of this.#inOrder(partitions))
      for (const item of items) {
        const object = objectOf(item);
        if (object) yield object;
      }
  }

  setDue(key: ObjectKey, dueAt: number): Promise<void> {
    return this.#due.move(key, dueAt);
  }

  async lastStarted(key: ObjectKey): Promise<number> {
    return numberOf(await this.#calls.get(startedAt(key)), 'at') ?? 0;
  }

  async markStarted(key: ObjectKey, at: number): Promise<void> {
    await this.#calls.put({ ...keyOf(startedAt(key)), at: { N: String(at) }, ...this.#expiry(markSeconds) });
  }

  async once(id: string, ttlSeconds: number): Promise<boolean> {
    const now = this.#clock.now();
    const by = randomUUID();
    const until = { N: String(now + ttlSeconds * 1000) };
    const item = { ...keyOf(onceAt(id)), until, by: { S: by }, ...this.#expiry(ttlSeconds) };
    const condition = 'attribute_not_exists(#pk) OR #until <= :now';
    const written = await this.#calls.put(item, { condition, values: { ':now': { N: String(now) } } });
    // When an answer was lost, the SDK has asked again, and what stands in its way is this very caller's.
    return written.held || textOf(written.found, 'by') === by;
  }

  async forget(id: string): Promise<void> {
    await this.#calls.delete(onceAt(id));
  }

  async cursor(cluster: string, kind: string): Promise<string | undefined> {
    return (await this.#calls.get(cursorAt(cluster, kind)))?.version?.S;
  }

  async setCursor(cluster: string, kind: string, resourceVersion: string | undefined): Promise<void> {
    const place = cursorAt(cluster, kind);
    if (resourceVersion === undefined) await this.#calls.delete(place);
    else await this.#calls.put({ ...keyOf(place), version: { S: resourceVersion } });
  }

  async clusters(): Promise<ClusterRecord[]> {
    const found: ClusterRecord[] = [];
    for await (const items of this.#partition(clustersPartition)) found.push(...items.map(clusterOf));
    return found;
  }

  async cluster(name: string): Promise<ClusterRecord | undefined> {
    const item = await this.#calls.get(clusterAt(name));
    return item && clusterOf(item);
  }

  async addCluster(record: ClusterRecord): Promise<boolean> {
    const by = randomUUID();
    const item = { ...keyOf(clusterAt(record.name)), record: { S: JSON.stringify(record) }, by: { S: by } };
    const written = await this.#calls.put(item, { condition: 'attribute_not_exists(#pk)' });
    return written.held || textOf(written.found, 'by') === by;
  }

  async removeCluster(name: string): Promise<void> {
    // The registration goes when the rest is gone, so that what was cut short can be asked for again.
    await forgetCluster(this.#calls, this.#objects, name);
    await this.#calls.delete(clusterAt(name));
    // What workers have written until they could see that.
    await forgetCluster(this.#calls, this.#objects, name);
  }

  clear(): Promise<void> {
    return forgetAll(this.#calls, this.#objects);
  }

  /** When DynamoDB may delete an item. Not before it is of no use, and often days after. */
  #expiry(seconds: number): Item {
    return { expiresAt: { N: String(Math.ceil(this.#clock.now() / 1000 + seconds) + 60) } };
  }

  async #linked(pk: string): Promise<ObjectKey[]> {
    const found: ObjectKey[] = [];
    for await (const items of this.#partition(pk)) found.push(...items.map(item => parseKey(at(item).sk)));
    return found;
  }

  #partition(pk: string, begin = ''): AsyncGenerator<Item[], void> {
    return this.#calls.query({
      KeyConditionExpression: begin ? '#pk = :pk AND begins_with(#sk, :begin)' : '#pk = :pk',
      ExpressionAttributeValues: { ':pk': { S: pk }, ...(begin && { ':begin': { S: begin } }) },
      ConsistentRead: true,
    });
  }

  /** The objects in these partitions, one partition after the other; of the next ones the first pages are on their way. */
  async *#inOrder(partitions: string[]): AsyncGenerator<Item[], void> {
    const begin = (pk: string) => {
      const pages = this.#partition(pk, objectsBegin);
      const first = pages.next();
      // Told to who gets to it; nobody does when the list is left before its end.
      first.catch(() => undefined);
      return { pages, first };
    };
    const ahead = partitions.slice(0, readAhead).map(begin);
    for (let i = readAhead; ahead.length > 0; i++) {
      const { pages, first } = ahead.shift()!;
      const page = await first;
      if (i < partitions.length) ahead.push(begin(partitions[i]!));
      if (!page.done) yield page.value;
      yield* pages;
    }
  }
}

function clusterOf(item: Item): ClusterRecord {
  return JSON.parse(textOf(item, 'record'));
}
