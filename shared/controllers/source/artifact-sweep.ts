import * as z from 'zod';
import { apiVersionOf } from '../../api/kinds.ts';
import { gitRepositoryKind } from '../../api/source/git-repository.ts';
import { artifactKey } from '../../artifact/layout.ts';
import { ApiError } from '../../ports/cluster.ts';
import type { Ports } from '../../ports/ports.ts';

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
  const doomed: string[] = [];
  for await (const { key, lastModified } of store.list(artifacts)) {
    if (referenced.has(key)) continue;
    const since = Math.max(before[key] ?? now, lastModified);
    if (now - since >= graceMs) doomed.push(key);
    else candidates[key] = since;
  }
  if (doomed.length > 0) await store.delete(doomed);
  await store.put(candidatesKey, Buffer.from(JSON.stringify(candidates)), { contentType: 'application/json' });
  return doomed.length;
}

/** Throws when a cluster cannot be asked. */
async function referencedKeys({ clusters }: Ports): Promise<Set<string>> {
  const keys = new Set<string>();
  const type = { apiVersion: apiVersionOf(gitRepositoryKind), kind: gitRepositoryKind.kind };
  for (const name of await clusters.names()) {
    const cluster = await clusters.get(name);
    const listed = await cluster.list(type).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return { items: [] };
      throw error;
    });
    for (const { status } of listed.items) {
      const digest: unknown = status?.artifact?.digest;
      if (typeof digest === 'string') keys.add(artifactKey(digest));
    }
  }
  return keys;
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
  const old: string[] = [];
  for await (const { key, lastModified } of ports.store.list(prefix))
    if (ports.clock.now() - lastModified > maxAgeMs) old.push(key);
  if (old.length > 0) await ports.store.delete(old);
  return old.length;
}
