import type { KubeObject } from '../../api/object.ts';
import { sameValue } from '../objects/same-value.ts';
import type { ClusterView } from './cluster-view.ts';
import { ownerOf } from './cluster-view.ts';
import { deploymentStatus } from './deployment-status.ts';
import { contentHash } from './pods.ts';

const hashLabel = 'pod-template-hash';
const revisionAnnotation = 'deployment.kubernetes.io/revision';
const desiredAnnotation = 'deployment.kubernetes.io/desired-replicas';
const maxAnnotation = 'deployment.kubernetes.io/max-replicas';
/** Annotations of a Deployment that are its own and not its ReplicaSets'. */
const notCopied = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  desiredAnnotation,
  maxAnnotation,
]);

/** Rolls a Deployment: its ReplicaSets, their sizes, its status. Answers when to look again without an event. */
export function syncDeployment(deployment: KubeObject, view: ClusterView): number | undefined {
  if (deployment.metadata.deletionTimestamp) return undefined;
  const sets = view.ownedBy(deployment.metadata.uid, 'ReplicaSet').filter(set => !set.metadata.deletionTimestamp);
  let fresh = sets.find(set => sameTemplate(set, deployment));
  const old = sets.filter(set => set !== fresh);
  const paused = deployment.spec.paused === true;
  if (!fresh && !paused) fresh = createSet(deployment, old, view);
  let current = deployment;
  if (fresh && !paused) {
    fresh = annotate(fresh, deployment, old, view);
    current = annotateRevision(deployment, fresh, view);
    scale(current, fresh, old, view);
  } else if (fresh && old.every(set => set.spec.replicas === 0)) resize(fresh, deployment.spec.replicas, view);
  return finish(current, fresh?.metadata.name, view);
}

/** What is left after the rollout step: the history's end, and the status. */
function finish(deployment: KubeObject, freshName: string | undefined, view: ClusterView): number | undefined {
  const sets = view.ownedBy(deployment.metadata.uid, 'ReplicaSet').filter(set => !set.metadata.deletionTimestamp);
  const fresh = sets.find(set => set.metadata.name === freshName);
  const { status, nextIn, complete } = deploymentStatus(deployment, fresh, sets, view.api.now());
  if (!sameValue(deployment.status ?? {}, status)) view.updateStatus(deployment, status);
  if (complete)
    cleanUp(
      deployment,
      sets.filter(set => set !== fresh),
      view,
    );
  return nextIn;
}

function sameTemplate(set: KubeObject, deployment: KubeObject): boolean {
  const template = set.spec.template;
  const { [hashLabel]: _, ...labels } = template.metadata?.labels ?? {};
  const bare = { ...template, metadata: { ...template.metadata, labels } };
  const wanted = deployment.spec.template;
  return sameValue(bare, { ...wanted, metadata: { ...wanted.metadata, labels: wanted.metadata?.labels ?? {} } });
}

function revisionOf(set: KubeObject): number {
  return Number(set.metadata.annotations?.[revisionAnnotation] ?? 0);
}

function copiedAnnotations(deployment: KubeObject): Record<string, string> {
  return Object.fromEntries(
    Object.entries(deployment.metadata.annotations ?? {}).filter(([name]) => !notCopied.has(name)),
  );
}

function limits(deployment: KubeObject): { surge: number; unavailable: number } {
  const { strategy, replicas } = deployment.spec;
  if (strategy?.type === 'Recreate') return { surge: 0, unavailable: 0 };
  const surge = amount(strategy?.rollingUpdate?.maxSurge ?? '25%', replicas, Math.ceil);
  const unavailable = amount(strategy?.rollingUpdate?.maxUnavailable ?? '25%', replicas, Math.floor);
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

export function amount(value: string | number, of: number, round: (value: number) => number): number {
  return typeof value === 'number' ? value : round((Number.parseInt(value, 10) * of) / 100);
}

function setAnnotations(deployment: KubeObject, revision: number): Record<string, string> {
  const { replicas } = deployment.spec;
  return {
    ...copiedAnnotations(deployment),
    [desiredAnnotation]: String(replicas),
    [maxAnnotation]: String(replicas + limits(deployment).surge),
    [revisionAnnotation]: String(revision),
  };
}

function createSet(deployment: KubeObject, old: KubeObject[], view: ClusterView): KubeObject {
  const { template, selector, minReadySeconds, replicas } = deployment.spec;
  const hash = contentHash({ template, collisions: deployment.status?.collisionCount ?? 0 });
  const labels = { ...template.metadata?.labels, [hashLabel]: hash };
  const revision = Math.max(0, ...old.map(revisionOf)) + 1;
  const total = old.reduce((sum, set) => sum + (set.spec.replicas ?? 0), 0);
  const isRecreate = deployment.spec.strategy?.type === 'Recreate';
  const room = isRecreate
    ? total > 0
      ? 0
      : replicas
    : Math.max(0, Math.min(replicas, replicas + limits(deployment).surge - total));
  return view.create({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      ...(deployment.metadata.namespace ? { namespace: deployment.metadata.namespace } : {}),
      labels,
      annotations: setAnnotations(deployment, revision),
      ownerReferences: ownerOf(deployment),
    },
    spec: {
      replicas: room,
      ...(minReadySeconds ? { minReadySeconds } : {}),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [hashLabel]: hash } },
      template: { ...structuredClone(template), metadata: { ...structuredClone(template.metadata ?? {}), labels } },
    },
  });
}

/** Keeps the new ReplicaSet's annotations and minReadySeconds as the Deployment's; going back to an old one makes it the newest. */
function annotate(fresh: KubeObject, deployment: KubeObject, old: KubeObject[], view: ClusterView): KubeObject {
  const highest = Math.max(0, ...old.map(revisionOf));
  const revision = revisionOf(fresh) > highest ? revisionOf(fresh) : highest + 1;
  const annotations = setAnnotations(deployment, revision);
  const { minReadySeconds = 0 } = deployment.spec;
  if (sameValue(fresh.metadata.annotations, annotations) && (fresh.spec.minReadySeconds ?? 0) === minReadySeconds)
    return fresh;
  return view.update({
    ...fresh,
    metadata: { ...fresh.metadata, annotations },
    spec: { ...fresh.spec, minReadySeconds },
  });
}

function annotateRevision(deployment: KubeObject, fresh: KubeObject, view: ClusterView): KubeObject {
  const revision = fresh.metadata.annotations![revisionAnnotation]!;
  if (deployment.metadata.annotations?.[revisionAnnotation] === revision) return deployment;
  const annotations = { ...deployment.metadata.annotations, [revisionAnnotation]: revision };
  return view.update({ ...deployment, metadata: { ...deployment.metadata, annotations } });
}

function resize(set: KubeObject, replicas: number, view: ClusterView): void {
  if (set.spec.replicas !== replicas) view.update({ ...set, spec: { ...set.spec, replicas } });
}

function sizeOf(set: KubeObject): number {
  return set.spec.replicas ?? 0;
}

function availableOf(set: KubeObject): number {
  return set.status?.availableReplicas ?? 0;
}

/** One step of the rollout: the new ReplicaSet up, the old ones down, as far as the strategy allows now. */
function scale(deployment: KubeObject, fresh: KubeObject, old: KubeObject[], view: ClusterView): void {
  const wanted: number = deployment.spec.replicas;
  const living = old.filter(set => sizeOf(set) > 0);
  if (deployment.spec.strategy?.type === 'Recreate') {
    for (const set of living) resize(set, 0, view);
    const pods = old.flatMap(set => view.ownedBy(set.metadata.uid, 'Pod'));
    if (living.length === 0 && pods.length === 0) resize(fresh, wanted, view);
    return;
  }
  if (living.length === 0 || sizeOf(fresh) > wanted) {
    resize(fresh, wanted, view);
    if (living.length === 0) return;
  }
  const { surge, unavailable } = limits(deployment);
  const total = sizeOf(fresh) + living.reduce((sum, set) => sum + sizeOf(set), 0);
  const room = wanted + surge - total;
  if (room > 0 && sizeOf(fresh) < wanted) {
    resize(fresh, Math.min(wanted, sizeOf(fresh) + room), view);
    return;
  }
  scaleDown(living, { total, least: wanted - unavailable, fresh }, view);
}

interface Limits {
  total: number;
  least: number;
  fresh: KubeObject;
}

/** First the pods that do not run anyway, then as many as may be missed. */
function scaleDown(living: KubeObject[], { total, least, fresh }: Limits, view: ClusterView): void {
  const newUnavailable = Math.max(0, sizeOf(fresh) - availableOf(fresh));
  let budget = total - least - newUnavailable;
  if (budget <= 0) return;
  const sizes = new Map(living.map(set => [set, sizeOf(set)]));
  const byAge = [...living].sort((a, b) =>
    (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? ''),
  );
  for (const set of byAge) {
    const unhealthy = Math.min(budget, Math.max(0, sizes.get(set)! - availableOf(set)));
    sizes.set(set, sizes.get(set)! - unhealthy);
    budget -= unhealthy;
  }
  const available = availableOf(fresh) + living.reduce((sum, set) => sum + availableOf(set), 0);
  let spare = Math.min(budget, available - least);
  for (const set of byAge) {
    const step = Math.max(0, Math.min(spare, sizes.get(set)!));
    sizes.set(set, sizes.get(set)! - step);
    spare -= step;
  }
  for (const [set, size] of sizes) resize(set, size, view);
}

/** Old ReplicaSets beyond the history limit go, the oldest revisions first. */
function cleanUp(deployment: KubeObject, old: KubeObject[], view: ClusterView): void {
  const limit: number = deployment.spec.revisionHistoryLimit ?? 10;
  const idle = old.filter(set => sizeOf(set) === 0 && !set.status?.replicas);
  idle.sort((a, b) => revisionOf(a) - revisionOf(b));
  for (const set of idle.slice(0, Math.max(0, idle.length - limit))) view.delete(set);
}
