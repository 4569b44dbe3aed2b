import type { KubeObject } from '../../api/object.ts';
import { sameValue } from '../objects/same-value.ts';
import type { ClusterView } from './cluster-view.ts';
import type { WorkloadCondition } from './conditions.ts';
import { findCondition } from './conditions.ts';
import { createPod, isActive, readySince, timeText } from './pods.ts';

/** Runs a Job: its pods, one wave after the other, until as many succeeded as asked for, or one failed. Answers when to look again. */
export function syncJob(job: KubeObject, view: ClusterView): number | undefined {
  if (job.metadata.deletionTimestamp) return undefined;
  const before = job.status ?? {};
  const conditions = (before.conditions ?? []) as WorkloadCondition[];
  if (isOver(conditions)) return expire(job, view);
  const pods = view.ownedBy(job.metadata.uid, 'Pod');
  const counts = countPods(pods);
  if (job.spec.suspend === true) {
    suspend(job, conditions, view);
    return undefined;
  }
  const { parallelism = 1, completions = parallelism } = job.spec;
  const late = deadline(job, view);
  const outcome = counts.failed > 0 || late === 0 ? 'failed' : counts.succeeded >= completions ? 'complete' : 'running';
  if (outcome === 'running') {
    const missing = Math.min(parallelism, completions - counts.succeeded) - counts.active;
    for (let i = 0; i < missing; i++) createNext(job, pods.length + i, view);
  } else for (const pod of pods.filter(isActive)) view.delete(pod);
  writeStatus(job, outcome, late === 0, view);
  return outcome === 'running' ? late : undefined;
}

function isOver(conditions: WorkloadCondition[]): boolean {
  return ['Complete', 'Failed'].some(type => findCondition(conditions, type)?.status === 'True');
}

function countPods(pods: KubeObject[]): { active: number; ready: number; succeeded: number; failed: number } {
  const inPhase = (phase: string) => pods.filter(pod => pod.status?.phase === phase).length;
  const active = pods.filter(isActive);
  const crashing = active.filter(pod => hasCrashed(pod)).length;
  const ready = active.filter(pod => readySince(pod) !== undefined).length;
  return {
    active: active.length - crashing,
    ready,
    succeeded: inPhase('Succeeded'),
    failed: inPhase('Failed') + crashing,
  };
}

/** A container that would be restarted again and again (restartPolicy OnFailure) is taken for a failed pod. */
function hasCrashed(pod: KubeObject): boolean {
  const containers = (pod.status?.containerStatuses ?? []) as { state?: { waiting?: { reason?: string } } }[];
  return containers.some(container => container.state?.waiting?.reason === 'CrashLoopBackOff');
}

/** Milliseconds until the job's time is over; 0 when it is. */
function deadline(job: KubeObject, view: ClusterView): number | undefined {
  const { activeDeadlineSeconds } = job.spec;
  if (activeDeadlineSeconds === undefined) return undefined;
  const start = Date.parse(job.status?.startTime ?? '') || view.api.now().getTime();
  return Math.max(0, start + activeDeadlineSeconds * 1000 - view.api.now().getTime());
}

function createNext(job: KubeObject, index: number, view: ClusterView): void {
  const indexed = job.spec.completionMode === 'Indexed';
  createPod(view, job, indexed ? { labels: { 'batch.kubernetes.io/job-completion-index': String(index) } } : {});
}

function suspend(job: KubeObject, conditions: WorkloadCondition[], view: ClusterView): void {
  for (const pod of view.ownedBy(job.metadata.uid, 'Pod').filter(isActive)) view.delete(pod);
  if (findCondition(conditions, 'Suspended')?.status === 'True') return;
  const now = timeText(view.api.now());
  const suspended = condition('Suspended', 'JobSuspended', 'Job suspended', now);
  view.updateStatus(job, {
    ...job.status,
    active: undefined,
    startTime: undefined,
    conditions: [...others(conditions, 'Suspended'), suspended],
  });
}

function others(conditions: WorkloadCondition[], type: string): WorkloadCondition[] {
  return conditions.filter(one => one.type !== type);
}

function condition(type: string, reason: string, message: string, now: string): WorkloadCondition {
  return { type, status: 'True', lastProbeTime: now, lastTransitionTime: now, reason, message };
}

function writeStatus(
  job: KubeObject,
  outcome: 'failed' | 'complete' | 'running',
  late: boolean,
  view: ClusterView,
): void {
  const counts = countPods(view.ownedBy(job.metadata.uid, 'Pod'));
  const before = job.status ?? {};
  const now = timeText(view.api.now());
  const resumed = others(before.conditions ?? [], 'Suspended');
  const failed = outcome === 'failed' ? Math.max(counts.failed, late ? 1 : (job.spec.backoffLimit ?? 6) + 1) : 0;
  const conditions = [...resumed, ...endConditions(outcome, late, now)];
  const status: Record<string, unknown> = {
    ...(outcome === 'running' && counts.active > 0 ? { active: counts.active } : {}),
    ...(counts.succeeded > 0 ? { succeeded: counts.succeeded } : {}),
    ...(failed > 0 ? { failed } : {}),
    ready: outcome === 'running' ? counts.ready : 0,
    terminating: 0,
    startTime: before.startTime ?? now,
    ...(outcome === 'complete' ? { completionTime: now } : {}),
    uncountedTerminatedPods: {},
    ...(conditions.length > 0 ? { conditions } : {}),
  };
  if (!sameValue(before, status)) view.updateStatus(job, status);
}

function endConditions(outcome: 'failed' | 'complete' | 'running', late: boolean, now: string): WorkloadCondition[] {
  if (outcome === 'running') return [];
  if (outcome === 'complete') {
    const message = 'Reached expected number of succeeded pods';
    return [
      condition('SuccessCriteriaMet', 'CompletionsReached', message, now),
      condition('Complete', 'CompletionsReached', message, now),
    ];
  }
  const [reason, message] = late
    ? ['DeadlineExceeded', 'Job was active longer than specified deadline']
    : ['BackoffLimitExceeded', 'Job has reached the specified backoff limit'];
  return [condition('FailureTarget', reason!, message!, now), condition('Failed', reason!, message!, now)];
}

/** A finished job with a time to live goes when that is over. */
function expire(job: KubeObject, view: ClusterView): number | undefined {
  const { ttlSecondsAfterFinished } = job.spec;
  if (ttlSecondsAfterFinished === undefined) return undefined;
  const conditions = job.status.conditions as WorkloadCondition[];
  const ended = Date.parse(conditions.at(-1)?.lastTransitionTime ?? '') || view.api.now().getTime();
  const left = ended + ttlSecondsAfterFinished * 1000 - view.api.now().getTime();
  if (left > 0) return left;
  view.delete(job);
  return undefined;
}
