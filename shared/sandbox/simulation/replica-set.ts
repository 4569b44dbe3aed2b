import type { KubeObject } from '../../api/object.ts';
import { sameValue } from '../objects/same-value.ts';
import type { ClusterView } from './cluster-view.ts';
import { byWorth, countReady, createPod, isActive, withoutZeros } from './pods.ts';

const keptZeros = ['replicas', 'observedGeneration', 'terminatingReplicas'];

/** Keeps as many pods as the ReplicaSet asks for, and says in its status how many there are. Answers when to look again. */
export function syncReplicaSet(set: KubeObject, view: ClusterView): number | undefined {
  if (set.metadata.deletionTimestamp) return undefined;
  const wanted: number = set.spec.replicas ?? 1;
  let pods = view.ownedBy(set.metadata.uid, 'Pod').filter(isActive);
  if (pods.length > wanted) {
    const surplus = [...pods].sort(byWorth).slice(0, pods.length - wanted);
    for (const pod of surplus) view.delete(pod);
    pods = view.ownedBy(set.metadata.uid, 'Pod').filter(isActive);
  }
  for (let missing = wanted - pods.length; missing > 0; missing--) pods.push(createPod(view, set));
  return writeStatus(set, pods, view);
}

function writeStatus(set: KubeObject, pods: KubeObject[], view: ClusterView): number | undefined {
  const counts = countReady(pods, set.spec.minReadySeconds, view.api.now().getTime());
  const status = withoutZeros(
    {
      availableReplicas: counts.available,
      fullyLabeledReplicas: pods.length,
      observedGeneration: set.metadata.generation ?? 1,
      readyReplicas: counts.ready,
      replicas: pods.length,
      terminatingReplicas: view.ownedBy(set.metadata.uid, 'Pod').filter(pod => pod.metadata.deletionTimestamp).length,
    },
    keptZeros,
  );
  const before = set.status ?? {};
  if (!sameValue(before, status)) view.updateStatus(set, status);
  return counts.nextIn;
}
