import type { KubeObject } from '../../api/object.ts';

/** Whether nothing holds an object back any more that was asked to go. */
export function mayBeRemoved(object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
  if (!deletionTimestamp || finalizers.length > 0 || deletionGracePeriodSeconds > 0) return false;
  if (object.kind === 'Namespace' && object.apiVersion === 'v1')
    return ((object.spec?.finalizers ?? []) as string[]).length === 0;
  return true;
}
