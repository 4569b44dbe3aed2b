import { groupOf, type KubeObject } from '../api/object.ts';
import type { Cluster } from '../ports/cluster.ts';
import { type Health, type HealthStatus, kstatus as kstatusAt } from './kstatus.ts';
import { identityOf, type ObjectRef, subjectOf } from './object-id.ts';
import { readLive } from './read-live.ts';

export type { Health, HealthStatus } from './kstatus.ts';

/** {@link kstatusAt} now, or at a given time (epoch ms): only unscheduled Pods depend on it. */
export function kstatus(object: KubeObject, now: number = Date.now()): Health {
  return kstatusAt(object, now);
}

export interface HealthResult extends Health {
  ref: ObjectRef;
  /** As read; absent when NotFound. */
  object?: KubeObject;
}

export interface HealthOptions {
  /** Narrows lists to what carries the label; objects without it are then read one by one. */
  labelSelector?: string;
  /** Decides before kstatus (CEL expressions); undefined leaves it to kstatus. */
  evaluate?: (object: KubeObject) => Health | undefined;
  /** `identityOf` of Jobs that delete themselves when done: gone means done. */
  jobsWithTtl?: ReadonlySet<string>;
  now?: number;
}

/** The health of objects, read in as few calls as possible. In the order of `refs`. */
export async function checkHealth(
  cluster: Cluster,
  refs: readonly ObjectRef[],
  options: HealthOptions = {},
): Promise<HealthResult[]> {
  const { labelSelector } = options;
  const live = await readLive(cluster, refs, {
    tolerant: true,
    ...(labelSelector ? { labelSelector } : { maxGets: 8 }),
  });
  const hidden = refs.filter(ref => live.unseen.has(identityOf(ref)));
  const found =
    hidden.length === 0
      ? undefined
      : await readLive(cluster, hidden, { maxGets: Number.POSITIVE_INFINITY, tolerant: true });
  return Promise.all(refs.map(resultOf));

  async function resultOf(ref: ObjectRef): Promise<HealthResult> {
    const identity = identityOf(ref);
    const object = live.objects.get(identity) ?? found?.objects.get(identity);
    if (object) return { ref, object, ...(options.evaluate?.(object) ?? kstatus(object, options.now)) };
    const unread = live.failed.get(identity) ?? found?.failed.get(identity);
    if (unread) return { ref, status: 'Unknown', message: unread.message };
    if (options.jobsWithTtl?.has(identity))
      return { ref, status: 'Current', message: 'Job was deleted after it completed' };
    if ((await cluster.namespaced(ref)) === undefined)
      return {
        ref,
        status: 'Unknown',
        message: `no matches for kind "${ref.kind}" in group "${groupOf(ref.apiVersion)}"`,
      };
    return { ref, status: 'NotFound', message: 'Resource not found' };
  }
}

/** Jobs with `ttlSecondsAfterFinished`, for {@link HealthOptions.jobsWithTtl}. */
export function jobsWithTtl(objects: readonly KubeObject[]): Set<string> {
  const jobs = objects.filter(
    object =>
      object.kind === 'Job' &&
      object.apiVersion.startsWith('batch/') &&
      Number.isInteger(object.spec?.ttlSecondsAfterFinished),
  );
  return new Set(
    jobs.map(({ apiVersion, kind, metadata: { namespace, name } }) =>
      identityOf({ apiVersion, kind, ...(namespace ? { namespace } : {}), name }),
    ),
  );
}

export interface HealthSummary {
  /** `failed`: something Failed, and waiting longer would not help (or is not wanted). */
  state: 'healthy' | 'waiting' | 'failed';
  /** What to report when it failed, or when the time is up. */
  message: string;
}

/**
 * What follows from the results. As in Flux, one Failed object ends the waiting when `failFast` is set (the default), or
 * when all others are Current.
 */
export function summarizeHealth(
  results: readonly HealthResult[],
  options: { timedOut: boolean; failFast?: boolean },
): HealthSummary {
  const unhealthy = results.filter(result => result.status !== 'Current');
  if (unhealthy.length === 0) return { state: 'healthy', message: '' };
  if (options.timedOut) return { state: 'failed', message: healthFailure(unhealthy, true) };
  const failed = unhealthy.filter(result => result.status === 'Failed');
  if (failed.length > 0 && ((options.failFast ?? true) || failed.length === unhealthy.length))
    return { state: 'failed', message: healthFailure(failed, false) };
  return { state: 'waiting', message: healthFailure(unhealthy, true) };
}

/** `timeout waiting for: [Deployment/apps/web status: 'InProgress']` */
export function healthFailure(
  unhealthy: readonly { ref: ObjectRef; status: HealthStatus; message?: string }[],
  timedOut: boolean,
): string {
  // Why nothing is known is an error of its own: not readable, an expression that fails.
  const why = ({ status, message }: (typeof unhealthy)[number]) =>
    status === 'Unknown' && message ? `: ${message}` : '';
  const list = unhealthy.map(item => `${subjectOf(item.ref)} status: '${item.status}'${why(item)}`).join(', ');
  return `${timedOut ? 'timeout waiting for' : 'failed early due to stalled resources'}: [${list}]`;
}
