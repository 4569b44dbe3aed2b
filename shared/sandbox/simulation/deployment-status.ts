import type { KubeObject } from '../../api/object.ts';
import type { WorkloadCondition } from './conditions.ts';
import { findCondition, withCondition } from './conditions.ts';
import { timeText, withoutZeros } from './pods.ts';

interface Result {
  status: Record<string, unknown>;
  /** Milliseconds until the progress deadline passes. */
  nextIn: number | undefined;
  complete: boolean;
}

interface Progress {
  deployment: KubeObject;
  fresh: KubeObject | undefined;
  counts: { replicas: number; updatedReplicas: number; availableReplicas: number; readyReplicas: number };
  before: Record<string, number>;
  now: Date;
}

/** The status of a Deployment by its ReplicaSets, with the conditions that tools wait for. */
export function deploymentStatus(
  deployment: KubeObject,
  fresh: KubeObject | undefined,
  sets: KubeObject[],
  now: Date,
): Result {
  const sum = (field: string) => sets.reduce((total, set) => total + (set.status?.[field] ?? 0), 0);
  const counts = {
    replicas: sum('replicas'),
    updatedReplicas: fresh?.status?.replicas ?? 0,
    availableReplicas: sum('availableReplicas'),
    readyReplicas: sum('readyReplicas'),
  };
  const wanted = sets.reduce((total, set) => total + (set.spec.replicas ?? 0), 0);
  const before = deployment.status ?? {};
  const progress: Progress = { deployment, fresh, counts, before, now };
  const available = withCondition(
    before.conditions ?? [],
    availableCondition(deployment, counts.availableReplicas, sets),
    timeText(now),
  );
  const { conditions, nextIn, complete } = progressing(progress, available);
  const status = withoutZeros(
    {
      ...counts,
      terminatingReplicas: sum('terminatingReplicas'),
      conditions,
      unavailableReplicas: Math.max(0, wanted - counts.availableReplicas),
      observedGeneration: deployment.metadata.generation,
      collisionCount: before.collisionCount,
    },
    ['terminatingReplicas'],
  );
  return { status, nextIn, complete };
}

function availableCondition(deployment: KubeObject, available: number, sets: KubeObject[]): WorkloadCondition {
  const { replicas, strategy } = deployment.spec;
  const allowed = unavailableAllowed(replicas, strategy);
  const enough = available >= replicas - allowed && (sets.length > 0 || replicas === 0);
  return enough
    ? {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
      }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      };
}

function unavailableAllowed(
  replicas: number,
  strategy: { type?: string; rollingUpdate?: Record<string, string | number> } | undefined,
): number {
  if (strategy?.type !== 'RollingUpdate') return 0;
  const part = (value: string | number, round: (value: number) => number) =>
    typeof value === 'number' ? value : round((Number.parseInt(value, 10) * replicas) / 100);
  const { maxUnavailable = '25%', maxSurge = '25%' } = strategy.rollingUpdate ?? {};
  const allowed = part(maxUnavailable, Math.floor);
  return Math.min(replicas, allowed === 0 && part(maxSurge, Math.ceil) === 0 ? 1 : allowed);
}

/** Whether the rollout came further since the last status. */
function moved({ counts, before }: Progress): boolean {
  const old = (before.replicas ?? 0) - (before.updatedReplicas ?? 0);
  return (
    counts.updatedReplicas > (before.updatedReplicas ?? 0) ||
    counts.replicas - counts.updatedReplicas < old ||
    counts.readyReplicas > (before.readyReplicas ?? 0) ||
    counts.availableReplicas > (before.availableReplicas ?? 0)
  );
}

function progressing(
  progress: Progress,
  conditions: WorkloadCondition[],
): { conditions: WorkloadCondition[]; nextIn: number | undefined; complete: boolean } {
  const { deployment, fresh, counts, now } = progress;
  const { replicas, paused, progressDeadlineSeconds = 600 } = deployment.spec;
  const complete =
    counts.updatedReplicas === replicas && counts.replicas === replicas && counts.availableReplicas === replicas;
  const name = fresh ? `ReplicaSet "${fresh.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  const time = timeText(now);
  const set = (next: Omit<WorkloadCondition, 'type'>, touch = false) =>
    withCondition(conditions, { type: 'Progressing', ...next, ...(touch ? { lastUpdateTime: time } : {}) }, time);
  const current = findCondition(conditions, 'Progressing');
  if (complete && fresh) {
    const done = {
      status: 'True' as const,
      reason: 'NewReplicaSetAvailable',
      message: `${name} has successfully progressed.`,
    };
    return {
      conditions: current?.message === done.message && current.reason === done.reason ? conditions : set(done),
      nextIn: undefined,
      complete,
    };
  }
  if (paused) {
    if (current?.reason === 'DeploymentPaused') return { conditions, nextIn: undefined, complete };
    return {
      conditions: set({ status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' }),
      nextIn: undefined,
      complete,
    };
  }
  if (!current || (current.reason === 'NewReplicaSetAvailable' && isNewSet(current, fresh)))
    return waiting(
      set(
        {
          status: 'True',
          reason: 'NewReplicaSetCreated',
          message: `Created new replica set ${JSON.stringify(fresh?.metadata.name ?? '')}`,
        },
        true,
      ),
      progressDeadlineSeconds,
      now,
    );
  // A rollout that was completed once stays so, whatever becomes of its pods.
  if (current.reason === 'NewReplicaSetAvailable' && counts.replicas === counts.updatedReplicas)
    return { conditions, nextIn: undefined, complete };
  if (moved(progress))
    return waiting(
      set({ status: 'True', reason: 'ReplicaSetUpdated', message: `${name} is progressing.` }, true),
      progressDeadlineSeconds,
      now,
    );
  if (current.reason === 'ProgressDeadlineExceeded' && !isNewSet(current, fresh))
    return { conditions, nextIn: undefined, complete };
  return overdue(progress, conditions, current, name);
}

/** Whether a condition speaks of another ReplicaSet than the one that is rolled out now. */
function isNewSet(condition: WorkloadCondition, fresh: KubeObject | undefined): boolean {
  return fresh !== undefined && !condition.message.includes(`"${fresh.metadata.name}"`);
}

function waiting(conditions: WorkloadCondition[], deadlineSeconds: number, now: Date) {
  const since = Date.parse(findCondition(conditions, 'Progressing')?.lastUpdateTime ?? '') || now.getTime();
  return { conditions, nextIn: Math.max(10, since + deadlineSeconds * 1000 - now.getTime() + 10), complete: false };
}

function overdue(
  { deployment, fresh, now }: Progress,
  conditions: WorkloadCondition[],
  current: WorkloadCondition,
  name: string,
) {
  const deadline: number = deployment.spec.progressDeadlineSeconds ?? 600;
  const time = timeText(now);
  if (isNewSet(current, fresh)) {
    const next = {
      type: 'Progressing',
      status: 'True' as const,
      reason: 'ReplicaSetUpdated',
      message: `${name} is progressing.`,
      lastUpdateTime: time,
    };
    return waiting(withCondition(conditions, next, time), deadline, now);
  }
  const since = Date.parse(current.lastUpdateTime ?? '') || now.getTime();
  if (since + deadline * 1000 > now.getTime()) return waiting(conditions, deadline, now);
  const failed = {
    type: 'Progressing',
    status: 'False' as const,
    reason: 'ProgressDeadlineExceeded',
    message: `${name} has timed out progressing.`,
  };
  return { conditions: withCondition(conditions, failed, time), nextIn: undefined, complete: false };
}
