import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { ObjectKey } from '../api/object.ts';
import type { IndexedObject } from '../ports/index.ts';
import { at, type Item, numberOf, textOf } from './dynamo-calls.ts';
import { dueShardOf, keyOfObject, linkPartition } from './dynamo-table.ts';

/** Where a record says that nothing but a change wakes the object: it is not in the index of due times at all. */
const never = Number.MAX_SAFE_INTEGER;

/**
 * From here on a text is deflated. Short ones stay readable in the console; an item may have 400 KB, and thousands of
 * references are more than that.
 */
const deflateFrom = 3_000;
/** More than any record has: objects of Kubernetes end at 1.5 MB. */
const maxTextBytes = 16 << 20;

/** A text as an attribute. */
export function packed(text: string): AttributeValue {
  if (Buffer.byteLength(text) < deflateFrom) return { S: text };
  return { B: deflateRawSync(text) };
}

/** The reverse of {@link packed}. */
export function unpacked(value: AttributeValue): string {
  if (value.B) return inflateRawSync(value.B, { maxOutputLength: maxTextBytes }).toString();
  return value.S ?? '';
}

/** The record's attribute: all but what stands in attributes of its own, the key and the due time. */
export function recordAttribute({ key: _key, dueAt: _dueAt, ...record }: IndexedObject): AttributeValue {
  return packed(JSON.stringify(record));
}

/** The object of an item. Undefined when it is none yet, or no more: only its links are kept in mind. */
export function objectOf(item: Item | undefined): IndexedObject | undefined {
  if (!item?.record) return undefined;
  return { ...JSON.parse(unpacked(item.record)), key: keyOfObject(at(item)), dueAt: numberOf(item, 'dueAt') ?? never };
}

/** The attributes of a due time; undefined for an object that never comes due. */
export function dueAttributes(
  key: ObjectKey,
  dueAt: number,
): { dueAt: AttributeValue; dueShard: AttributeValue } | undefined {
  if (dueAt >= never) return undefined;
  return { dueAt: { N: String(dueAt) }, dueShard: { N: String(dueShardOf(key)) } };
}

/** Partitions of the links of an object, each once. */
export function linksOf(object: Pick<IndexedObject, 'refs' | 'urls' | 'hookPath'>): string[] {
  const links = new Set<string>();
  for (const ref of object.refs) links.add(linkPartition('ref', ref));
  for (const url of object.urls) links.add(linkPartition('url', url));
  if (object.hookPath) links.add(linkPartition('hook', object.hookPath));
  return [...links];
}

/** Names a set of links in few bytes: the same set has the same name, whatever its order. */
export function nameOfLinks(links: string[]): string {
  const hash = createHash('sha256');
  for (const link of [...links].sort()) hash.update(`${link}\n`);
  return `all#${hash.digest('base64url').slice(0, 22)}`;
}

/** The links that the table may hold of an item's object, and whether it holds them all for sure. */
export function linksBefore(item: Item | undefined): { links: string[]; certain: boolean } {
  if (!item) return { links: [], certain: true };
  if (item.pending) return { links: JSON.parse(unpacked(item.pending)), certain: false };
  if (!item.record) return { links: [], certain: false };
  const links = linksOf(JSON.parse(unpacked(item.record)));
  // Another version of this program may have named other links for the same record.
  return { links, certain: nameOfLinks(links) === textOf(item, 'links') };
}
