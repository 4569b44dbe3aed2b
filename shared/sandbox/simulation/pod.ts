import type { KubeObject } from '../../api/object.ts';
import type { ClusterView } from './cluster-view.ts';
import { controllerRef } from './cluster-view.ts';
import type { Failure } from './failure.ts';
import { failureOf } from './failure.ts';
import { nodeAddress, nodeName } from './node.ts';
import { isFinished, timeText } from './pods.ts';

const kubelet = 'kubelet';

interface Container {
  name: string;
  image: string;
}

/** Plays scheduler and kubelet for one pod: it runs, ends or fails at once, and goes when it is deleted. */
export function syncPod(pod: KubeObject, view: ClusterView): void {
  if (pod.metadata.deletionTimestamp) {
    view.delete(pod, 0);
    return;
  }
  if (isFinished(pod)) return;
  const failure = failureOf(pod, view);
  const placed = failure === 'unschedulable' ? pod : place(pod, view);
  const status = statusOf(placed, failure, view);
  if (sameRun(placed.status, status)) return;
  view.updateStatus(placed, status, kubelet);
}

function place(pod: KubeObject, view: ClusterView): KubeObject {
  if (pod.spec.nodeName) return pod;
  return view.update({ ...pod, spec: { ...pod.spec, nodeName } }, 'kube-scheduler');
}

type Status = Record<string, unknown> & { conditions?: { type: string; status: string; reason?: string }[] };

/** Whether a status says the same of the pod, times aside. */
function sameRun(a: Status | undefined, b: Status): boolean {
  if (!a?.conditions || a.phase !== b.phase) return false;
  const summary = (status: Status) =>
    status
      .conditions!.map(({ type, status: is, reason }) => `${type}=${is}/${reason ?? ''}`)
      .sort()
      .join();
  return summary(a) === summary(b) && waitingReason(a) === waitingReason(b);
}

function waitingReason(status: Status): string {
  const containers = (status.containerStatuses ?? []) as { state?: { waiting?: { reason: string } } }[];
  return containers.map(container => container.state?.waiting?.reason ?? '').join();
}

function statusOf(pod: KubeObject, failure: Failure | undefined, view: ClusterView): Status {
  const now = timeText(view.api.now());
  const { qosClass, startTime = now } = pod.status ?? {};
  const generation = pod.metadata.generation;
  const base = { ...(generation ? { observedGeneration: generation } : {}), ...(qosClass ? { qosClass } : {}) };
  if (failure === 'unschedulable') return { ...base, phase: 'Pending', conditions: [unschedulable(now)] };
  const address = podAddress(pod);
  const place = {
    hostIP: nodeAddress,
    hostIPs: [{ ip: nodeAddress }],
    podIP: address,
    podIPs: [{ ip: address }],
    startTime,
  };
  const containers: Container[] = pod.spec.containers ?? [];
  const before = (pod.status?.containerStatuses ?? []) as Record<string, unknown>[];
  const ends = endsByItself(pod);
  const phase = phaseOf(pod, failure, ends);
  const state = { phase, now, failure, startTime, podName: pod.metadata.name };
  const ready = phase === 'Running' && !failure;
  return {
    ...base,
    ...place,
    phase,
    conditions: conditionsOf(containers, { phase, now, ready, old: pod.status?.conditions ?? [] }),
    containerStatuses: containers.map((container, i) => containerStatus(container, state, before[i])),
    ...initStatuses(pod, state),
  };
}

/** A pod of a job, or one that shall not be restarted, is done when its containers are. */
function endsByItself(pod: KubeObject): boolean {
  return controllerRef(pod)?.kind === 'Job' || pod.spec.restartPolicy === 'Never';
}

function phaseOf(pod: KubeObject, failure: Failure | undefined, ends: boolean): string {
  if (failure === 'image-pull') return 'Pending';
  if (failure === 'crash') return ends && pod.spec.restartPolicy === 'Never' ? 'Failed' : 'Running';
  return ends ? 'Succeeded' : 'Running';
}

function unschedulable(now: string) {
  return {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message: '0/1 nodes are available: the pod asks to be unschedulable.',
    lastProbeTime: null,
    lastTransitionTime: now,
  };
}

interface ConditionContext {
  phase: string;
  now: string;
  ready: boolean;
  old: { type: string; status: string; lastTransitionTime?: string }[];
}

function conditionsOf(containers: Container[], { phase, now, ready, old }: ConditionContext) {
  const names = containers.map(container => container.name).join(' ');
  const done = phase === 'Succeeded' || phase === 'Failed';
  const reason = phase === 'Succeeded' ? 'PodCompleted' : phase === 'Failed' ? 'PodFailed' : 'ContainersNotReady';
  const unready =
    done && phase === 'Succeeded' ? { reason } : { reason, message: `containers with unready status: [${names}]` };
  const condition = (type: string, holds: boolean, more: object = {}) => {
    const status = holds ? 'True' : 'False';
    const before = old.find(one => one.type === type && one.status === status);
    return {
      type,
      status,
      lastProbeTime: null,
      lastTransitionTime: before?.lastTransitionTime ?? now,
      ...(holds ? {} : more),
    };
  };
  return [
    condition('PodReadyToStartContainers', !done, {}),
    { ...condition('Initialized', true), ...(phase === 'Succeeded' ? { reason: 'PodCompleted' } : {}) },
    condition('Ready', ready, unready),
    condition('ContainersReady', ready, unready),
    condition('PodScheduled', true),
  ];
}

interface ContainerContext {
  phase: string;
  now: string;
  failure: Failure | undefined;
  startTime: string;
  podName: string;
}

function containerStatus(container: Container, context: ContainerContext, before: Record<string, unknown> | undefined) {
  const { phase, failure, now, startTime } = context;
  const running = phase === 'Running' && !failure;
  const known = before?.containerID;
  const id =
    failure === 'image-pull' ? {} : { containerID: known ?? `sandbox://${crypto.randomUUID().replaceAll('-', '')}` };
  return {
    name: container.name,
    image: container.image,
    imageID: failure === 'image-pull' ? '' : container.image,
    ...id,
    ready: running,
    started: running,
    restartCount: failure === 'crash' && phase === 'Running' ? 5 : 0,
    state: stateOf(container, context),
    lastState: failure === 'crash' && phase === 'Running' ? { terminated: terminated('Error', 1, startTime, now) } : {},
  };
}

function stateOf(container: Container, { phase, failure, startTime, now, podName }: ContainerContext) {
  if (failure === 'image-pull')
    return { waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image "${container.image}"` } };
  if (phase === 'Succeeded') return { terminated: terminated('Completed', 0, startTime, now) };
  if (phase === 'Failed') return { terminated: terminated('Error', 1, startTime, now) };
  if (failure === 'crash')
    return {
      waiting: {
        reason: 'CrashLoopBackOff',
        message: `back-off 5m0s restarting failed container=${container.name} pod=${podName}`,
      },
    };
  return { running: { startedAt: startTime } };
}

function terminated(reason: string, exitCode: number, startedAt: string, finishedAt: string) {
  return { reason, exitCode, startedAt, finishedAt };
}

function initStatuses(pod: KubeObject, context: ContainerContext): object {
  const containers: (Container & { restartPolicy?: string })[] = pod.spec.initContainers ?? [];
  if (containers.length === 0) return {};
  const initContainerStatuses = containers.map(container =>
    container.restartPolicy === 'Always'
      ? containerStatus(container, context, undefined)
      : {
          ...containerStatus(container, { ...context, phase: 'Succeeded', failure: undefined }, undefined),
          ready: true,
          started: false,
        },
  );
  return { initContainerStatuses };
}

/** An address of the pod network that stays the pod's own, made of its uid. */
function podAddress(pod: KubeObject): string {
  const known = pod.status?.podIP;
  if (known) return known;
  const digits = Number.parseInt((pod.metadata.uid ?? '0').replaceAll('-', '').slice(0, 6), 16);
  return `10.244.${(digits >> 8) & 255}.${digits & 255 || 1}`;
}
