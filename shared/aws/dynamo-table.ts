/**
 * The table of the index: how its items are keyed. For people with the console open:
 *
 * | item                  | pk                          | sk                           | attributes |
 * |-----------------------|-----------------------------|------------------------------|------------|
 * | object                | `cluster#east#2` (shard)    | `object#Kustomization/ns/x`  | `record` JSON, or deflated when long; `dueAt` epoch ms and `dueShard`, absent when never due; `links` which set of links stands; `pending` while links change in steps |
 * | last start            | the object's                | `started#Kustomization/ns/x` | `at` epoch ms, `expiresAt` |
 * | watch cursor          | `cluster#east#0`            | `cursor#Kustomization`       | `version` |
 * | link of a reference   | `ref#east/GitRepository/…`  | `east/Kustomization/ns/x`    | none: the object (sk) refers to what pk names |
 * | link of a hook path   | `hook#/hook/6f…`            | `east/Receiver/ns/x`         | none |
 * | link of a URL         | `url#https://…`             | `east/GitRepository/ns/x`    | none |
 * | said once             | `once#<id>`                 | `once`                       | `until` epoch ms, `by` whose it is, `expiresAt` |
 * | registered cluster    | `clusters`                  | `east`                       | `record` JSON |
 *
 * An object's links are found by what they name in one read of one partition, and are always written with the record that
 * names them, so that none is missing. `expiresAt` is epoch seconds; DynamoDB deletes what is past it, some days later.
 * The index `due` holds the objects that come due, by shard and time. A text longer than a key may be stands as its hash.
 */
import { createHash } from 'node:crypto';
import { keyString, type ObjectKey, parseKey } from '../api/object.ts';

/** What whoever makes the table must declare; infra declares the same, and a test compares. */
export const tableSchema = {
  partitionKey: { name: 'pk', type: 'S' },
  sortKey: { name: 'sk', type: 'S' },
  ttlAttribute: 'expiresAt',
  indexes: [
    {
      name: 'due',
      partitionKey: { name: 'dueShard', type: 'N' },
      sortKey: { name: 'dueAt', type: 'N' },
      projection: 'KEYS_ONLY',
    },
  ],
} as const;

export const dueIndex = tableSchema.indexes[0].name;

/**
 * Partitions that the due times are spread over: one takes 1,000 writes a second, and all that come due in a minute lie
 * next to each other. 8 make room for about 1,300 reconciles a second (each moves the due time three times by delete and put).
 */
export const dueShards = 8;

/** Partitions per cluster: 40 GB and 4,000 writes a second each cluster, at four reads to list a small one. */
export const clusterShards = 4;

/** The primary key of an item. */
export interface ItemKey {
  pk: string;
  sk: string;
}

const maxKeyBytes = 960;

/** A text as part of a key: itself, or its hash when it is longer than DynamoDB takes (sort keys 1,024 bytes). */
function bounded(text: string): string {
  // Half a surrogate pair has no UTF-8, so DynamoDB refuses it.
  const whole = text.toWellFormed();
  if (Buffer.byteLength(whole) <= maxKeyBytes) return whole;
  return `sha256:${createHash('sha256').update(whole).digest('hex')}`;
}

function shardOf(text: string, shards: number): number {
  return createHash('sha256').update(text).digest().readUInt32BE() % shards;
}

/** Whether an object may be indexed under its own key; Kubernetes has no names so long that it may not. */
export function fits(key: ObjectKey): boolean {
  const text = keyString(key);
  return bounded(text) === text;
}

const objectPrefix = 'object#';
const startedPrefix = 'started#';

export function isObject(at: ItemKey): boolean {
  return at.sk.startsWith(objectPrefix);
}

export function objectAt(key: ObjectKey): ItemKey {
  return inCluster(key, objectPrefix);
}

export function startedAt(key: ObjectKey): ItemKey {
  return inCluster(key, startedPrefix);
}

function inCluster(key: ObjectKey, prefix: string): ItemKey {
  const id = bounded(`${key.kind}/${key.namespace}/${key.name}`);
  return { pk: partition(key.cluster, shardOf(id, clusterShards)), sk: `${prefix}${id}` };
}

/** The reverse of {@link objectAt}. */
export function keyOfObject({ pk, sk }: ItemKey): ObjectKey {
  const [, cluster] = pk.split('#');
  return parseKey(`${cluster}/${sk.slice(objectPrefix.length)}`);
}

/** Sort keys of all objects in a partition of a cluster. */
export const objectsBegin = objectPrefix;

/** All partitions of a cluster: objects, marks and cursors, and nothing else. */
export function partitionsOf(cluster: string): string[] {
  return Array.from({ length: clusterShards }, (_, shard) => partition(cluster, shard));
}

const clusterPrefix = 'cluster#';

function partition(cluster: string, shard: number): string {
  return bounded(`${clusterPrefix}${cluster}#${shard}`);
}

/** Whether the item belongs to a cluster's partitions. */
export function isOfCluster(at: ItemKey): boolean {
  return at.pk.startsWith(clusterPrefix);
}

export function cursorAt(cluster: string, kind: string): ItemKey {
  return { pk: partition(cluster, 0), sk: `cursor#${bounded(kind)}` };
}

export function dueShardOf(key: ObjectKey): number {
  return shardOf(keyString(key), dueShards);
}

export type LinkType = 'ref' | 'hook' | 'url';

/** Partition of the links to what `target` names. */
export function linkPartition(type: LinkType, target: string): string {
  return `${type}#${bounded(target)}`;
}

export function linkAt(pk: string, owner: ObjectKey): ItemKey {
  return { pk, sk: keyString(owner) };
}

export function isLink({ pk }: ItemKey): boolean {
  return /^(ref|hook|url)#/.test(pk);
}

export function onceAt(id: string): ItemKey {
  return { pk: `once#${bounded(id)}`, sk: 'once' };
}

/** Partition of the registered clusters. Few and small: one read gets them all. */
export const clustersPartition = 'clusters';

export function clusterAt(name: string): ItemKey {
  return { pk: clustersPartition, sk: bounded(name) };
}
