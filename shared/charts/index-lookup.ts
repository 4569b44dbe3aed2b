import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import * as z from 'zod';
import type { Store } from '../ports/store.ts';
import { readIndex } from './index-reader.ts';
import { IndexedVersion } from './index-version.ts';

/** What a shard shall hold, about, in bytes: a HelmChart reads one. */
const shardSize = 64 * 1024;
const maxShards = 256;
/** Shards that are written at the same time. */
const atOnce = 8;

const Head = z.object({ shards: z.int().min(1).max(maxShards), charts: z.int(), versions: z.int() });
export type LookupHead = z.infer<typeof Head>;

/** Pairs, not an object: a chart may have any name. */
const Shard = z.array(z.tuple([z.string(), z.array(IndexedVersion)]));

/**
 * Reads an index once and keeps, under `prefix` in the store and by the index's digest, what HelmCharts look up in it:
 * the versions of every chart, in shards by the chart's name. The head is written last, so that a lookup that is there
 * is whole. Throws ChartError for an index that is none.
 */
export async function storeLookup(store: Store, prefix: string, digest: string, file: string): Promise<LookupHead> {
  const charts = await readIndex(file);
  const size = charts.reduce((sum, { json }) => sum + json.length, 0);
  const head = {
    shards: Math.min(maxShards, Math.max(1, Math.ceil(size / shardSize))),
    charts: charts.length,
    versions: charts.reduce((sum, chart) => sum + chart.versions, 0),
  };
  const shards: string[][] = Array.from({ length: head.shards }, () => []);
  for (const { name, json } of charts) shards[shardOf(name, head.shards)]!.push(`[${JSON.stringify(name)},${json}]`);
  // Empty ones, too: a shard that is not there was swept away.
  for (let from = 0; from < shards.length; from += atOnce)
    await Promise.all(
      shards
        .slice(from, from + atOnce)
        .map((shard, at) => putJson(store, shardKey(prefix, digest, from + at), `[${shard.join()}]`)),
    );
  await putJson(store, headKey(prefix, digest), JSON.stringify(head));
  return head;
}

/** The head of a lookup; undefined when there is none. */
export async function lookupHead(store: Store, prefix: string, digest: string): Promise<LookupHead | undefined> {
  return getJson(store, headKey(prefix, digest), Head);
}

/**
 * The versions of a chart: undefined when the index has no such chart, 'no lookup' when it has to be made first (see
 * {@link storeLookup}). Reads two small objects, whatever the size of the index.
 */
export async function lookUp(
  store: Store,
  prefix: string,
  digest: string,
  chart: string,
): Promise<IndexedVersion[] | undefined | 'no lookup'> {
  const head = await lookupHead(store, prefix, digest);
  if (!head) return 'no lookup';
  const shard = await getJson(store, shardKey(prefix, digest, shardOf(chart, head.shards)), Shard);
  if (!shard) return 'no lookup';
  return shard.find(([name]) => name === chart)?.[1];
}

function folder(prefix: string, digest: string): string {
  return `${prefix}${digest.replace(/^sha256:/, '')}/`;
}

function headKey(prefix: string, digest: string): string {
  return `${folder(prefix, digest)}head.json`;
}

function shardKey(prefix: string, digest: string, shard: number): string {
  return `${folder(prefix, digest)}${String(shard).padStart(3, '0')}.json`;
}

function shardOf(chart: string, shards: number): number {
  return createHash('sha256').update(chart).digest().readUInt32BE(0) % shards;
}

async function putJson(store: Store, key: string, json: string): Promise<void> {
  await store.put(key, Buffer.from(json), { contentType: 'application/json' });
}

/** Undefined for what is absent, or not as this version writes it. */
async function getJson<T extends z.ZodType>(store: Store, key: string, schema: T): Promise<z.output<T> | undefined> {
  const stored = await store.get(key);
  if (!stored) return undefined;
  const bytes = await buffer(Readable.from(stored.body));
  return schema.safeParse(JSON.parse(bytes.toString('utf8'))).data;
}
