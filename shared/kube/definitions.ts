import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../ports/clock.ts';
import { ApiError, type Cluster } from '../ports/cluster.ts';
import { checkHealth, healthFailure } from './health.ts';
import type { ObjectRef } from './object-id.ts';

/** Waits until definitions and classes are in effect: CustomResourceDefinitions established, namespaces active. */
export async function waitForDefinitions(
  cluster: Cluster,
  refs: readonly ObjectRef[],
  options: { timeoutMs: number; signal: AbortSignal; clock: Clock },
): Promise<void> {
  const deadline = options.clock.now() + options.timeoutMs;
  for (let pause = 25; ; pause = Math.min(pause * 2, 1_000)) {
    const results = await checkHealth(cluster, refs);
    const waiting = results.filter(result => result.status !== 'Current');
    if (waiting.length === 0) return;
    const failed = waiting.filter(result => result.status === 'Failed');
    if (failed.length > 0) throw new Error(healthFailure(failed, false));
    if (options.clock.now() > deadline) throw new Error(healthFailure(waiting, true));
    await delay(pause, undefined, { signal: options.signal });
  }
}

/** Waits until the server serves the kinds: it publishes them a moment after their definition is established. */
export async function waitForKinds(
  cluster: Cluster,
  refs: readonly ObjectRef[],
  options: { timeoutMs: number; signal: AbortSignal; clock: Clock },
): Promise<void> {
  const deadline = options.clock.now() + options.timeoutMs;
  const kinds = new Map(refs.map(ref => [`${ref.apiVersion}/${ref.kind}`, ref]));
  for (const ref of kinds.values())
    while (!(await isServed(cluster, ref)) && options.clock.now() < deadline) {
      await delay(100, undefined, { signal: options.signal });
      cluster.refreshDiscovery();
    }
}

/** That the kind is known, be it from its definition, is not yet that requests for it are answered. */
async function isServed(cluster: Cluster, ref: ObjectRef): Promise<boolean> {
  if ((await cluster.namespaced(ref)) === undefined) return false;
  const { namespace, name } = ref;
  try {
    const named = { fieldSelector: `metadata.name=${name}`, metadataOnly: true };
    await cluster.list(ref, { ...(namespace ? { namespace } : {}), ...named });
    return true;
  } catch (error) {
    // Who may not list learns nothing by it.
    if (error instanceof ApiError) return error.status !== 404;
    throw error;
  }
}
