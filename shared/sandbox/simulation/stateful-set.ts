import type { KubeObject } from '../../api/object.ts';
import { sameValue } from '../objects/same-value.ts';
import type { ClusterView } from './cluster-view.ts';
import { countReady, createPod, isFinished, readySince, withoutZeros } from './pods.ts';
import { currentRevision, revisionLabel } from './revisions.ts';

const keptZeros = ['replicas', 'availableReplicas', 'collisionCount', 'observedGeneration'];

/** Keeps the pods of a StatefulSet by their ordinals, one after the other unless told otherwise. Answers when to look again. */
export function syncStatefulSet(set: KubeObject, view: ClusterView): number | undefined {
  if (set.metadata.deletionTimestamp) return undefined;
  const hash = currentRevision(set, view);
  const first: number = set.spec.ordinals?.start ?? 0;
  const wanted: number = set.spec.replicas ?? 1;
  const parallel = set.spec.podManagementPolicy === 'Parallel';
  keepOrdinals(set, { hash, first, wanted, parallel }, view);
  update(set, hash, view);
  return writeStatus(set, hash, view);
}

interface Plan {
  hash: string;
  first: number;
  wanted: number;
  parallel: boolean;
}

function podsOf(set: KubeObject, view: ClusterView): KubeObject[] {
  return view.ownedBy(set.metadata.uid, 'Pod').sort((a, b) => ordinalOf(a) - ordinalOf(b));
}

function ordinalOf(pod: KubeObject): number {
  return Number(/-(\d+)$/.exec(pod.metadata.name)?.[1] ?? -1);
}

function keepOrdinals(set: KubeObject, { hash, first, wanted, parallel }: Plan, view: ClusterView): void {
  const pods = new Map(podsOf(set, view).map(pod => [ordinalOf(pod), pod]));
  for (let ordinal = first; ordinal < first + wanted; ordinal++) {
    const pod = pods.get(ordinal);
    if (pod && isFinished(pod) && !pod.metadata.deletionTimestamp) view.delete(pod, 0);
    else if (!pod) createOrdinal(set, ordinal, hash, view);
    else if (!parallel && (readySince(pod) === undefined || pod.metadata.deletionTimestamp)) return;
    if (!pod && !parallel) return;
  }
  const surplus = [...pods.values()]
    .filter(pod => ordinalOf(pod) >= first + wanted || ordinalOf(pod) < first)
    .reverse();
  for (const pod of parallel ? surplus : surplus.slice(0, 1)) if (!pod.metadata.deletionTimestamp) view.delete(pod);
}

function createOrdinal(set: KubeObject, ordinal: number, hash: string, view: ClusterView): void {
  const name = `${set.metadata.name}-${ordinal}`;
  const claims = (set.spec.volumeClaimTemplates ?? []) as KubeObject[];
  const volumes = claims.map(claim => ({
    name: claim.metadata.name,
    persistentVolumeClaim: { claimName: `${claim.metadata.name}-${name}` },
  }));
  for (const claim of claims) createClaim(set, claim, name, view);
  const spec = set.spec.template.spec;
  const kept = ((spec.volumes ?? []) as { name: string }[]).filter(
    volume => !claims.some(claim => claim.metadata.name === volume.name),
  );
  createPod(view, set, {
    name,
    labels: {
      'statefulset.kubernetes.io/pod-name': name,
      'apps.kubernetes.io/pod-index': String(ordinal),
      [revisionLabel]: `${set.metadata.name}-${hash}`,
    },
    spec: {
      hostname: name,
      ...(set.spec.serviceName ? { subdomain: set.spec.serviceName } : {}),
      ...(volumes.length > 0 ? { volumes: [...volumes, ...kept] } : {}),
    },
  });
}

function createClaim(set: KubeObject, template: KubeObject, podName: string, view: ClusterView): void {
  const { namespace } = set.metadata;
  const name = `${template.metadata.name}-${podName}`;
  if (view.get('PersistentVolumeClaim', namespace, name)) return;
  view.create({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      ...(template.metadata.annotations ? { annotations: template.metadata.annotations } : {}),
      name,
      ...(namespace ? { namespace } : {}),
      labels: { ...template.metadata.labels, ...set.spec.selector?.matchLabels },
    },
    spec: structuredClone(template.spec),
  });
}

/** Replaces one outdated pod, the highest ordinal first, when all others are ready; a pod that does not run is replaced at once. */
function update(set: KubeObject, hash: string, view: ClusterView): void {
  const strategy = set.spec.updateStrategy ?? {};
  if (strategy.type === 'OnDelete') return;
  const partition: number = strategy.rollingUpdate?.partition ?? 0;
  const pods = podsOf(set, view).reverse();
  if (pods.some(pod => pod.metadata.deletionTimestamp)) return;
  for (const pod of pods) {
    if (ordinalOf(pod) < partition) return;
    if (pod.metadata.labels?.[revisionLabel] !== `${set.metadata.name}-${hash}`) {
      view.delete(pod);
      return;
    }
    if (readySince(pod) === undefined) return;
  }
}

function writeStatus(set: KubeObject, hash: string, view: ClusterView): number | undefined {
  const pods = podsOf(set, view).filter(pod => !pod.metadata.deletionTimestamp && !isFinished(pod));
  const counts = countReady(pods, set.spec.minReadySeconds, view.api.now().getTime());
  const before = set.status ?? {};
  const updateRevision = `${set.metadata.name}-${hash}`;
  const updated = pods.filter(pod => pod.metadata.labels?.[revisionLabel] === updateRevision).length;
  const isDone = updated === pods.length && updated === set.spec.replicas && counts.ready === updated;
  const currentRevisionName = isDone ? updateRevision : (before.currentRevision ?? updateRevision);
  const current = pods.filter(pod => pod.metadata.labels?.[revisionLabel] === currentRevisionName).length;
  const status = withoutZeros(
    {
      availableReplicas: counts.available,
      collisionCount: before.collisionCount ?? 0,
      currentReplicas: current,
      currentRevision: currentRevisionName,
      observedGeneration: set.metadata.generation,
      readyReplicas: counts.ready,
      replicas: pods.length,
      updateRevision,
      updatedReplicas: updated,
    },
    keptZeros,
  );
  if (!sameValue(before, status)) view.updateStatus(set, status);
  return counts.nextIn;
}
