import type { KubeObject } from '../../api/object.ts';
import type { SimulationApi, SimulationEvent } from '../simulation-api.ts';
import { SimulationError } from '../simulation-api.ts';
import { syncAutoscaler } from './autoscaler.ts';
import type { FollowedKind } from './cluster-view.ts';
import { ClusterView, controllerRef, keyOf, types } from './cluster-view.ts';
import { syncDaemonSet } from './daemon-set.ts';
import { syncDeployment } from './deployment.ts';
import { failAnnotation } from './failure.ts';
import { syncIngress } from './ingress.ts';
import { syncJob } from './job.ts';
import { createNode } from './node.ts';
import { syncPod } from './pod.ts';
import { syncReplicaSet } from './replica-set.ts';
import { forgetService, sendsTo, syncService } from './service.ts';
import { syncStatefulSet } from './stateful-set.ts';
import { forgetClaim, syncClaim } from './volume-claim.ts';
import type { Worklist } from './worklist.ts';
import { worklist } from './worklist.ts';

export { failAnnotation } from './failure.ts';

/** Brings one object to where it shall be; answers after how many milliseconds to look at it again without an event. */
type Sync =
  | ((object: KubeObject, view: ClusterView) => number | undefined)
  | ((object: KubeObject, view: ClusterView) => void);

const syncs: Record<FollowedKind, Sync> = {
  Deployment: syncDeployment,
  ReplicaSet: syncReplicaSet,
  StatefulSet: syncStatefulSet,
  DaemonSet: syncDaemonSet,
  Job: syncJob,
  Pod: syncPod,
  Service: syncService,
  PersistentVolumeClaim: syncClaim,
  Ingress: syncIngress,
  HorizontalPodAutoscaler: syncAutoscaler,
};

const forgets: Partial<Record<FollowedKind, (object: KubeObject, view: ClusterView) => void>> = {
  Service: forgetService,
  PersistentVolumeClaim: forgetClaim,
};

/**
 * Plays the controllers of the workload kinds, the scheduler and a kubelet over the sandbox's API: Deployments roll their
 * ReplicaSets, these make pods, pods run and get ready at once, Jobs complete, claims are bound, services get endpoints and
 * load balancers addresses. What shall fail is said by the annotation `sandbox.sluice.dev/fail` or by the image, see failure.ts.
 * Works by events alone; what does not change costs nothing.
 */
export function startSimulation(api: SimulationApi): { stop(): void } {
  const view = new ClusterView(api);
  const list = worklist(
    key => work(key, view, list),
    (key, error) => {
      // Conflicts and objects that are gone are everyday things; they are tried again.
      if (error instanceof SimulationError && (error.status === 409 || error.status === 404)) return;
      api.log('the simulation could not bring an object forward; it tries again', {
        object: key,
        error: error instanceof Error ? error.message : String(error),
      });
    },
  );
  createNode(api);
  const unwatch = api.watch(Object.values(types), event => receive(event, view, list));
  return {
    stop() {
      unwatch();
      list.stop();
    },
  };
}

function work(key: string, view: ClusterView, list: Worklist<string>): void {
  const [kind, namespace, name] = key.split('/') as [FollowedKind, string, string];
  const object = view.get(kind, namespace || undefined, name);
  if (!object) return;
  const again = syncs[kind](object, view);
  if (typeof again === 'number') list.addAfter(key, again);
}

function add(object: KubeObject, list: Worklist<string>): void {
  list.add(keyOf(object.kind, object.metadata.namespace, object.metadata.name));
}

function receive(event: SimulationEvent, view: ClusterView, list: Worklist<string>): void {
  const { object, old } = event;
  if (event.type === 'DELETED') {
    view.forget(object);
    forgets[object.kind as FollowedKind]?.(object, view);
  } else {
    view.learn(object);
    add(object, list);
  }
  addOwner(object, list);
  if (object.kind === 'Pod') addServices(object, view, list);
  if (object.kind === 'Deployment' || object.kind === 'StatefulSet') addAutoscalers(object, view, list);
  if (
    event.type === 'MODIFIED' &&
    object.kind !== 'Pod' &&
    old?.metadata.annotations?.[failAnnotation] !== object.metadata.annotations?.[failAnnotation]
  )
    for (const pod of view.ownedBy(object.metadata.uid, 'Pod')) add(pod, list);
}

function addOwner(object: KubeObject, list: Worklist<string>): void {
  const owner = controllerRef(object);
  if (owner && owner.kind in types) list.add(keyOf(owner.kind, object.metadata.namespace, owner.name));
}

function addServices(pod: KubeObject, view: ClusterView, list: Worklist<string>): void {
  for (const service of view.inNamespace('Service', pod.metadata.namespace))
    if (sendsTo(service, pod.metadata.labels)) add(service, list);
}

function addAutoscalers(target: KubeObject, view: ClusterView, list: Worklist<string>): void {
  for (const autoscaler of view.inNamespace('HorizontalPodAutoscaler', target.metadata.namespace)) {
    const { kind, name } = autoscaler.spec.scaleTargetRef;
    if (kind === target.kind && name === target.metadata.name) add(autoscaler, list);
  }
}
