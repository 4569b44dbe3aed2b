/** A condition of a workload; Deployments also keep when it was last touched. */
export interface WorkloadCondition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  lastTransitionTime?: string;
  lastUpdateTime?: string;
  lastProbeTime?: string;
}

export function findCondition(conditions: readonly WorkloadCondition[], type: string): WorkloadCondition | undefined {
  return conditions.find(condition => condition.type === type);
}

/**
 * The conditions with this one set. `lastTransitionTime` moves with the status, `lastUpdateTime` (where `keepUpdate` is not
 * given) with status or reason.
 */
export function withCondition(
  conditions: readonly WorkloadCondition[],
  next: WorkloadCondition,
  now: string,
): WorkloadCondition[] {
  const before = findCondition(conditions, next.type);
  if (
    before &&
    before.status === next.status &&
    before.reason === next.reason &&
    before.message === next.message &&
    !next.lastUpdateTime
  )
    return [...conditions];
  const lastTransitionTime = before?.status === next.status ? (before.lastTransitionTime ?? now) : now;
  const condition = { ...next, lastUpdateTime: next.lastUpdateTime ?? now, lastTransitionTime };
  return [...conditions.filter(one => one.type !== next.type), condition];
}
