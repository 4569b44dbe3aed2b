import * as z from 'zod';
import { apiVersionOf, kinds } from '../../api/kinds.ts';
import { artifactKey } from '../../artifact/layout.ts';
import { ApiError } from '../../ports/cluster.ts';
import type { Ports } from '../../ports/ports.ts';
import type { ObjectInfo } from '../../ports/store.ts';

/** How long an artifact stays that no object refers to, at least: someone may just be about to read or to record it. */
export const graceMs = 60 * 60_000;
const artifacts = 'artifacts/';
const candidatesKey = 'sweep/artifacts.json';
const Candidates = z.record(z.string(), z.number());

/**
 * Deletes artifacts that no object refers to any more. They are addressed by content and shared between objects and
 * clusters, so no object can delete its own: all clusters are asked what they refer to, and when one does not answer,
 * nothing is deleted. An artifact goes when it was found unreferenced by two sweeps with the grace period between them,
 * and was not written since. Returns how many went.
 */
export async function sweepArtifacts(ports: Ports): Promise<number> {
  const { store, clock } = ports;
  const referenced = await referencedKeys(ports);
  const before = await readCandidates(ports);
  const now = clock.now();
  const candidates: Record<string, number> = {};
  let gone = 0;
  let doomed: ObjectInfo[] = [];
  for await (const info of store.list(artifacts)) {
    const { key, lastModified } = info;
    if (referenced.has(key)) continue;
    const since = Math.max(before[key] ?? now, lastModified);
    if (now - since < graceMs) candidates[key] = since;
    else if (doomed.push(info) === deletedAtATime) {
      gone += await deleteUnchanged(ports, doomed);
      doomed = [];
    }
  }
  gone += await deleteUnchanged(ports, doomed);
  await store.put(candidatesKey, Buffer.from(JSON.stringify(candidates)), { contentType: 'application/json' });
  return gone;
}

const deletedAtATime = 1000;
const askedAtATime = 20;

/** Leaves alone what was written anew since it was listed: somebody is about to refer to it. Returns how many went. */
async function deleteUnchanged({ store }: Ports, listed: ObjectInfo[]): Promise<number> {
  const keys: string[] = [];
  for (let n = 0; n < listed.length; n += askedAtATime)
    await Promise.all(
      listed.slice(n, n + askedAtATime).map(async ({ key, lastModified }) => {
        const info = await store.head(key);
        // S3 tells the time to the second in one answer, and more exactly in another.
        if (info && info.lastModified < lastModified + 1000) keys.push(key);
      }),
    );
  if (keys.length > 0) await store.delete(keys);
  return keys.length;
}

/** Kinds whose status names artifacts: sources, and what is made of them. */
const sourceKinds = kinds.filter(({ group }) => group.startsWith('source.'));

/** Throws when a cluster cannot be asked. */
async function referencedKeys({ clusters }: Ports): Promise<Set<string>> {
  const keys = new Set<string>();
  for (const name of await clusters.names()) {
    const cluster = await clusters.get(name);
    for (const definition of sourceKinds) {
      const type = { apiVersion: apiVersionOf(definition), kind: definition.kind };
      const listed = await cluster.list(type).catch((cause: unknown) => {
        // Flux's definitions are not there, or not this one.
        if (cause instanceof ApiError && cause.status === 404) return { items: [] };
        throw new Error(`cannot list the ${definition.kind} objects of cluster "${name}"; no artifact is deleted`, {
          cause,
        });
      });
      for (const { status } of listed.items) for (const digest of digestsOf(status)) keys.add(artifactKey(digest));
    }
  }
  return keys;
}

/** All digests that a status names, of whichever field: an artifact too many kept does no harm. */
function* digestsOf(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, field] of Object.entries(value))
    if (name === 'digest' && typeof field === 'string' && /^sha256:[0-9a-f]{64}$/.test(field)) yield field;
    else yield* digestsOf(field);
}

async function readCandidates({ store }: Ports): Promise<Record<string, number>> {
  const stored = await store.get(candidatesKey);
  if (!stored) return {};
  const chunks: Buffer[] = [];
  for await (const chunk of stored.body) chunks.push(chunk as Buffer);
  const parsed = Candidates.safeParse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
  return parsed.success ? parsed.data : {};
}

/** Deletes what lies under a prefix and was written longer ago than `maxAgeMs`: caches that are made again when needed. */
export async function sweepOld(ports: Ports, prefix: string, maxAgeMs: number): Promise<number> {
  let gone = 0;
  let old: string[] = [];
  const flush = async () => {
    if (old.length > 0) await ports.store.delete(old);
    gone += old.length;
    old = [];
  };
  for await (const { key, lastModified } of ports.store.list(prefix)) {
    if (ports.clock.now() - lastModified > maxAgeMs) old.push(key);
    if (old.length === deletedAtATime) await flush();
  }
  await flush();
  return gone;
}
