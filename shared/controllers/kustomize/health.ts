import { setTimeout as delay } from 'node:timers/promises';
import { findCondition } from '../../api/conditions.ts';
import { formatDuration } from '../../api/duration.ts';
import type { KubeObject } from '../../api/object.ts';
import { checkHealth, type HealthOptions, type HealthResult, jobsWithTtl, summarizeHealth } from '../../kube/health.ts';
import { identityOf, type ObjectRef, refOf } from '../../kube/object-id.ts';
import { isOwnedBy, ownerSelector, policyOf } from '../../kube/policy.ts';
import type { Outcome } from '../../reconcile/outcome.ts';
import { healthEvaluator } from './cel.ts';
import { failed } from './record.ts';
import { ownerOf, revisionMetadata, targetOf, timeoutOf, type Work } from './subject.ts';

/**
 * Whether a wait for health, begun by an earlier invocation, is what a timer brought us back for. All of it stands in the
 * status, so any worker can go on with it; whatever else wakes the object starts from the beginning.
 */
export function isWaiting(work: Work): boolean {
  const healthy = healthyCondition(work);
  return (
    work.reason === 'timer' &&
    healthy?.status === 'Unknown' &&
    healthy.observedGeneration === work.object.metadata.generation &&
    healthy.message === waitMessage(work)
  );
}

function healthyCondition(work: Work) {
  return findCondition(work.object as unknown as KubeObject, 'Healthy');
}

function waitMessage(work: Work): string {
  const timeout = formatDuration(timeoutOf(work.object));
  return `Running health checks for revision ${work.artifact?.revision} with a timeout of ${timeout}`;
}

/**
 * Workloads often get ready within a second, and a timer takes at least one, with several requests to find the place
 * again. So an invocation looks again a few times before it leaves: these milliseconds are the whole of what it waits.
 */
const quickLooksMs = [100, 150, 250, 400, 600];

/** Goes on when all that is to be healthy is so. */
export async function checkHealthOf(work: Work): Promise<Outcome | undefined> {
  const refs = toCheck(work);
  if (refs.length === 0) {
    work.condition('Healthy', null);
    return undefined;
  }
  const resumed = isWaiting(work);
  const message = waitMessage(work);
  work.stage(message);
  const since = resumed ? Date.parse(healthyCondition(work)?.lastTransitionTime ?? '') : work.clock.now();
  // The reconcile began when the wait did, whoever ends it.
  if (resumed) work.startedAt = since;
  const target = targetOf(work);
  const options = optionsOf(work);
  let open = refs;
  for (const pause of [...(work.changed || resumed ? quickLooksMs : []), undefined]) {
    const results = (await checkHealth(target, open, options)).filter(result => !isLeftAlone(work, result));
    // Within a second and a half nobody needs to be asked again who was well.
    open = results.filter(({ status }) => status !== 'Current').map(({ ref }) => ref);
    const elapsed = work.clock.now() - since;
    const summary = summarizeHealth(results, { timedOut: elapsed >= timeoutOf(work.object) });
    if (summary.state === 'healthy') return passed(work, elapsed);
    if (summary.state === 'failed') return unhealthy(work, elapsed, summary.message);
    if (pause === undefined) return waiting(work, message, elapsed);
    await delay(pause, undefined, { signal: work.signal });
  }
  return undefined;
}

function optionsOf(work: Work): HealthOptions {
  const evaluate = healthEvaluator(work.object.spec.healthCheckExprs);
  return {
    ...(evaluate ? { evaluate } : {}),
    ...(work.object.spec.wait ? { labelSelector: ownerSelector(ownerOf(work.object)) } : {}),
    jobsWithTtl: jobsWithTtl(work.objects ?? []),
    now: work.clock.now(),
  };
}

/**
 * Whether an object was not ours to write, as the cluster says: annotated there, or to be made only where it is absent and
 * somebody else's. Under `wait` it is not waited for.
 */
export function isLeftAlone(
  work: Pick<Work, 'object' | 'objects'>,
  result: Pick<HealthResult, 'ref' | 'object'>,
): boolean {
  const { ref, object: live } = result;
  if (!work.object.spec.wait || !live) return false;
  const policy = policyOf('kustomize.toolkit.fluxcd.io');
  if (policy.excluded(live)) return true;
  if (isOwnedBy(live, ownerOf(work.object))) return false;
  const wanted = work.objects?.find(object => identityOf(refOf(object)) === identityOf(ref));
  return wanted !== undefined && policy.ifNotPresent(wanted);
}

/** All that was applied, or what is named; never objects that were not ours to write, and never the object itself. */
export function toCheck(work: Pick<Work, 'object' | 'objects'>): ObjectRef[] {
  const { spec, metadata } = work.object;
  const policy = policyOf('kustomize.toolkit.fluxcd.io');
  const refs: ObjectRef[] = spec.wait
    ? (work.objects ?? []).filter(object => !policy.excluded(object)).map(refOf)
    : (spec.healthChecks ?? []).map(({ apiVersion = '', kind, name, namespace }) => ({
        apiVersion,
        kind,
        name,
        ...(namespace ? { namespace } : {}),
      }));
  return refs.filter(
    ({ kind, name, namespace }) =>
      !(kind === 'Kustomization' && name === metadata.name && namespace === metadata.namespace),
  );
}

function passed(work: Work, elapsed: number): undefined {
  const before = healthyCondition(work);
  const wasHealthy = before?.status === 'True';
  const newRevision = work.artifact?.revision !== work.object.status.lastAppliedRevision;
  // An unchanged good state keeps its words: new ones would cost a write at every interval.
  if (wasHealthy && !work.changed) {
    work.condition('Healthy', before);
    return;
  }
  const message = `Health check passed in ${formatDuration(elapsed)}`;
  work.condition('Healthy', { status: 'True', reason: 'Succeeded', message });
  if (!(wasHealthy || wentWellBefore(work)) || newRevision)
    work.event({ severity: 'info', reason: 'Progressing', message, metadata: revisionMetadata(work.artifact) });
  work.changed = true;
}

/** A wait hides what the condition said before it; how the last reconcile ended says the same. */
function wentWellBefore(work: Work): boolean {
  const [last] = work.object.status.history ?? [];
  return healthyCondition(work)?.status === 'Unknown' && last?.lastReconciledStatus === 'ReconciliationSucceeded';
}

function unhealthy(work: Work, elapsed: number, text: string): Outcome {
  work.condition('Healthy', { status: 'False', reason: 'HealthCheckFailed', message: text });
  return failed(work, 'HealthCheckFailed', `health check failed after ${formatDuration(elapsed)}: ${text}`);
}

/** Comes back by timer: soon at first, at most every five seconds later. */
function waiting(work: Work, message: string, elapsed: number): Outcome {
  work.condition('Healthy', { status: 'Unknown', reason: 'Progressing', message });
  const afterMs = Math.min(5000, Math.max(1000, elapsed / 4));
  const readyMessage = 'Reconciliation in progress';
  return { type: 'waiting', ready: 'Unknown', reason: 'Progressing', message, readyMessage, afterMs };
}
