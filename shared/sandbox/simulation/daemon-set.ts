import type { KubeObject } from '../../api/object.ts';
import { sameValue } from '../objects/same-value.ts';
import type { ClusterView } from './cluster-view.ts';
import { countReady, createPod, isActive, isFinished, withoutZeros } from './pods.ts';
import { currentRevision, revisionLabel } from './revisions.ts';

const keptZeros = [
  'currentNumberScheduled',
  'desiredNumberScheduled',
  'numberMisscheduled',
  'numberReady',
  'observedGeneration',
];

/** Keeps one pod on the one node. Answers when to look again. */
export function syncDaemonSet(set: KubeObject, view: ClusterView): number | undefined {
  if (set.metadata.deletionTimestamp) return undefined;
  const hash = currentRevision(set, view);
  const pods = view.ownedBy(set.metadata.uid, 'Pod');
  for (const pod of pods) {
    const outdated = pod.metadata.labels?.[revisionLabel] !== hash && set.spec.updateStrategy?.type !== 'OnDelete';
    if (!pod.metadata.deletionTimestamp && (isFinished(pod) || outdated)) view.delete(pod);
  }
  const labels = { [revisionLabel]: hash, 'pod-template-generation': String(set.metadata.generation ?? 1) };
  if (view.ownedBy(set.metadata.uid, 'Pod').length === 0) createPod(view, set, { labels });
  return writeStatus(set, hash, view);
}

function writeStatus(set: KubeObject, hash: string, view: ClusterView): number | undefined {
  const pods = view.ownedBy(set.metadata.uid, 'Pod').filter(isActive);
  const counts = countReady(pods, set.spec.minReadySeconds, view.api.now().getTime());
  const status = withoutZeros(
    {
      currentNumberScheduled: Math.min(1, pods.length),
      desiredNumberScheduled: 1,
      numberAvailable: counts.available,
      numberMisscheduled: 0,
      numberReady: counts.ready,
      numberUnavailable: 1 - Math.min(1, counts.available),
      observedGeneration: set.metadata.generation,
      updatedNumberScheduled: pods.filter(pod => pod.metadata.labels?.[revisionLabel] === hash).length,
    },
    keptZeros,
  );
  if (!sameValue(set.status ?? {}, status)) view.updateStatus(set, status);
  return counts.nextIn;
}
