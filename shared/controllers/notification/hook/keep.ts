import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { Ports } from '../../../ports/ports.ts';
import type { KeptHook } from '../messages.ts';
import { keptHeaders } from './receiver-types.ts';
import type { HookHeaders, HookRequest } from './request.ts';

/**
 * Seconds until the next try, by the number of tries so far: quick at first, for an API server that restarts; in all an hour
 * and three quarters, for one that is upgraded.
 */
const delays = [10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900, 900, 900];

/** Undefined when it was tried often enough. */
export function hookDelayAfter(attempts: number): number | undefined {
  return delays[attempts - 1];
}

export interface HookToKeep {
  cluster: string;
  path: string;
  headers: HookHeaders;
  body: Buffer;
  trace: string;
}

/**
 * Keeps a request whose cluster cannot be asked: the body in the store, the rest on a timer. Headers that hold a secret are
 * kept as a slow, salted digest: neither the queue nor its dead letters shall help anybody to a token.
 */
export async function keepHook(hook: HookToKeep, ports: Ports): Promise<KeptHook> {
  const kept: KeptHook = {
    type: 'hook',
    id: randomBytes(16).toString('hex'),
    cluster: hook.cluster,
    path: hook.path,
    trace: hook.trace,
    headers: {},
    digests: {},
    attempt: 1,
    receivedAt: ports.clock.now(),
  };
  const { headers, secretHeaders } = keptHeaders();
  for (const name of headers) {
    const value = hook.headers[name];
    if (value !== undefined) kept.headers[name] = value.slice(0, 1024);
  }
  for (const name of secretHeaders) {
    const value = hook.headers[name];
    if (value === undefined) continue;
    const salt = randomBytes(16).toString('base64');
    kept.digests[name] = { salt, digest: digestOf(value, salt).toString('base64') };
  }
  await ports.store.put(bodyKey(kept), hook.body, { contentType: 'application/octet-stream' });
  await hookLater(kept, ports);
  return kept;
}

/** Puts the request on a timer for its next try. False when it was tried often enough. */
export async function hookLater(kept: KeptHook, ports: Ports): Promise<boolean> {
  const delay = hookDelayAfter(kept.attempt);
  if (delay === undefined) return false;
  const group = `hook/${kept.id}`;
  await ports.queue.sendLater(
    { queue: 'notification', group, dedup: `${group}/${kept.attempt}`, body: JSON.stringify(kept) },
    delay,
  );
  return true;
}

/** The request as it was; undefined when its body is gone, which means that it was dealt with. */
export async function keptRequest(kept: KeptHook, ports: Ports): Promise<HookRequest | undefined> {
  const stored = await ports.store.get(bodyKey(kept));
  if (!stored) return undefined;
  return {
    body: await buffer(stored.body),
    header: name => (Object.hasOwn(kept.headers, name) ? kept.headers[name] : undefined),
    secretHeaderIs: (name, expected) => {
      const known = Object.hasOwn(kept.digests, name) ? kept.digests[name] : undefined;
      return !!known && timingSafeEqual(digestOf(expected, known.salt), Buffer.from(known.digest, 'base64'));
    },
  };
}

export async function dropHook(kept: KeptHook, ports: Ports): Promise<void> {
  await ports.store.delete([bodyKey(kept)]);
}

/** Where the bodies lie. What is there for a day was left by a function that died in between. */
export const pendingPrefix = 'pending/';

function bodyKey(kept: KeptHook): string {
  return `${pendingPrefix}${kept.id}`;
}

const digestBytes = 32;

function digestOf(secret: string, salt: string): Buffer {
  return scryptSync(secret, Buffer.from(salt, 'base64'), digestBytes);
}
