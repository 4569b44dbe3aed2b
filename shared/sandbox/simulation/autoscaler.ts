import type { KubeObject } from '../../api/object.ts';
import { sameValue } from '../objects/same-value.ts';
import type { ClusterView, FollowedKind } from './cluster-view.ts';
import { types } from './cluster-view.ts';
import type { WorkloadCondition } from './conditions.ts';
import { withCondition } from './conditions.ts';
import { timeText } from './pods.ts';

/** Keeps the target of an autoscaler within its bounds; there are no metrics to scale by. */
export function syncAutoscaler(autoscaler: KubeObject, view: ClusterView): void {
  if (autoscaler.metadata.deletionTimestamp) return;
  const { scaleTargetRef, minReplicas = 1, maxReplicas } = autoscaler.spec;
  const target =
    scaleTargetRef.kind in types
      ? view.get(scaleTargetRef.kind as FollowedKind, autoscaler.metadata.namespace, scaleTargetRef.name)
      : undefined;
  const now = timeText(view.api.now());
  const current: number = target?.spec.replicas ?? 0;
  const desired = current === 0 ? 0 : Math.min(maxReplicas, Math.max(minReplicas, current));
  if (target && current !== desired) view.update({ ...target, spec: { ...target.spec, replicas: desired } });
  let conditions: WorkloadCondition[] = autoscaler.status?.conditions ?? [];
  for (const next of conditionsOf(autoscaler, target !== undefined))
    conditions = withCondition(conditions, next, now).map(({ lastUpdateTime: _, ...rest }) => rest);
  const status = {
    currentMetrics: null,
    desiredReplicas: desired,
    ...(target ? { currentReplicas: target.status?.replicas ?? 0 } : {}),
    conditions,
  };
  if (!sameValue(autoscaler.status ?? {}, status)) view.updateStatus(autoscaler, status);
}

function conditionsOf({ spec }: KubeObject, found: boolean): WorkloadCondition[] {
  if (!found)
    return [
      {
        type: 'AbleToScale',
        status: 'False',
        reason: 'FailedGetScale',
        message: `the HPA controller was unable to get the target's current scale: ${spec.scaleTargetRef.kind.toLowerCase()}s "${spec.scaleTargetRef.name}" not found`,
      },
    ];
  return [
    {
      type: 'AbleToScale',
      status: 'True',
      reason: 'ReadyForNewScale',
      message: 'recommended size matches current size',
    },
    {
      type: 'ScalingActive',
      status: 'True',
      reason: 'ValidMetricFound',
      message: 'the sandbox keeps the target within its bounds',
    },
    {
      type: 'ScalingLimited',
      status: 'False',
      reason: 'DesiredWithinRange',
      message: 'the desired count is within the acceptable range',
    },
  ];
}
