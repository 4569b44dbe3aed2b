import type { Clock } from '../ports/clock.ts';
import type { CloudEnvironment } from '../ports/cloud.ts';

interface Expiring {
  /** Epoch ms. */
  expiresAt: number;
}

interface Entry {
  value: Expiring;
  goodUntil: number;
}

/** Credentials kept at a time; the oldest go first. */
const limit = 500;
/** Part of their life for which credentials are used again, as in Flux's cache of tokens. */
const usedPart = 0.8;
const longestMs = 60 * 60_000;

/** Kept in memory only, as long as the installation's environment, which is one for a process. */
const caches = new WeakMap<CloudEnvironment, Map<string, Entry>>();

/**
 * What was made for this question before, while most of its life is ahead; otherwise what `make` gives. `parts` must name
 * all that the answer depends on, above all whose it is: cluster, namespace, ServiceAccount.
 */
export async function cached<T extends Expiring>(
  { environment, clock }: { environment: CloudEnvironment; clock: Clock },
  parts: readonly (string | undefined)[],
  make: () => Promise<T>,
): Promise<T> {
  const cache = caches.get(environment) ?? new Map<string, Entry>();
  caches.set(environment, cache);
  const key = JSON.stringify(parts.map(part => part ?? null));
  const now = clock.now();
  const found = cache.get(key);
  if (found && now < found.goodUntil) return found.value as T;
  const value = await make();
  cache.delete(key);
  const goodUntil = now + Math.min((value.expiresAt - now) * usedPart, longestMs);
  if (goodUntil > now) cache.set(key, { value, goodUntil });
  for (const oldest of cache.keys()) {
    if (cache.size <= limit) break;
    cache.delete(oldest);
  }
  return value;
}
