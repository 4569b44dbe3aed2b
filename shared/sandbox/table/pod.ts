import type { KubeObject } from '../../api/object.ts';
import { age, humanDuration } from './durations.ts';

interface ContainerStatus {
  name: string;
  ready?: boolean;
  started?: boolean;
  restartCount?: number;
  state?: {
    running?: object;
    waiting?: { reason?: string };
    terminated?: { reason?: string; exitCode?: number; signal?: number };
  };
  lastState?: { terminated?: { finishedAt?: string } };
}

interface Tally {
  reason: string;
  ready: number;
  restarts: number;
  restartedAt: number;
}

/** A pod's row: what it waits for or died of is told by its containers, the first init container in trouble before all. */
export function podCells(pod: KubeObject, now: Date): unknown[] {
  const { spec = {}, status = {} } = pod;
  const sidecars = new Set<string>(
    (spec.initContainers ?? [])
      .filter((container: { restartPolicy?: string }) => container.restartPolicy === 'Always')
      .map((container: { name: string }) => container.name),
  );
  const tally: Tally = { reason: status.reason || phaseOf(pod), ready: 0, restarts: 0, restartedAt: 0 };
  const initializing = countInit(status.initContainerStatuses ?? [], sidecars, spec.initContainers?.length ?? 0, tally);
  if (!initializing) countMain(status.containerStatuses ?? [], status.conditions ?? [], tally);
  const total = (spec.containers?.length ?? 0) + sidecars.size;
  const restarts =
    tally.restarts > 0 && tally.restartedAt > 0
      ? `${tally.restarts} (${humanDuration(now.getTime() - tally.restartedAt)} ago)`
      : String(tally.restarts);
  return [
    pod.metadata.name,
    `${tally.ready}/${total}`,
    deletedReason(pod) ?? tally.reason,
    restarts,
    age(pod.metadata.creationTimestamp, now),
    status.podIPs?.[0]?.ip ?? status.podIP ?? '<none>',
    spec.nodeName || '<none>',
    status.nominatedNodeName || '<none>',
    gates(pod),
  ];
}

function phaseOf(pod: KubeObject): string {
  const conditions = (pod.status?.conditions ?? []) as { type: string; reason?: string }[];
  const gated = conditions.some(({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated');
  return gated ? 'SchedulingGated' : (pod.status?.phase ?? '');
}

function deletedReason(pod: KubeObject): string | undefined {
  if (!pod.metadata.deletionTimestamp) return undefined;
  if (pod.status?.reason === 'NodeLost') return 'Unknown';
  return ['Succeeded', 'Failed'].includes(pod.status?.phase) ? undefined : 'Terminating';
}

function countRestarts(container: ContainerStatus, tally: Tally): void {
  tally.restarts += container.restartCount ?? 0;
  const finished = Date.parse(container.lastState?.terminated?.finishedAt ?? '');
  if (finished > tally.restartedAt) tally.restartedAt = finished;
}

function ending(terminated: { reason?: string; exitCode?: number; signal?: number }): string {
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode ?? 0}`;
}

/** Whether the pod still initializes; then `tally.reason` says how far it is. */
function countInit(statuses: ContainerStatus[], sidecars: Set<string>, total: number, tally: Tally): boolean {
  for (const [i, container] of statuses.entries()) {
    countRestarts(container, tally);
    const { terminated, waiting } = container.state ?? {};
    if (terminated && (terminated.exitCode ?? 0) === 0) continue;
    if (sidecars.has(container.name) && container.started) {
      if (container.ready) tally.ready++;
      continue;
    }
    if (terminated) tally.reason = `Init:${ending(terminated)}`;
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') tally.reason = `Init:${waiting.reason}`;
    else tally.reason = `Init:${i}/${total}`;
    return true;
  }
  return false;
}

function countMain(statuses: ContainerStatus[], conditions: { type: string; status: string }[], tally: Tally): void {
  let running = false;
  for (const container of statuses.toReversed()) {
    countRestarts(container, tally);
    const { waiting, terminated, running: runs } = container.state ?? {};
    if (waiting?.reason) tally.reason = waiting.reason;
    else if (terminated) tally.reason = ending(terminated);
    else if (container.ready && runs) {
      running = true;
      tally.ready++;
    }
  }
  if (tally.reason !== 'Completed' || !running) return;
  const ready = conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
  tally.reason = ready ? 'Running' : 'NotReady';
}

function gates(pod: KubeObject): string {
  const wanted = (pod.spec?.readinessGates ?? []) as { conditionType: string }[];
  if (wanted.length === 0) return '<none>';
  const conditions = (pod.status?.conditions ?? []) as { type: string; status: string }[];
  const met = wanted.filter(gate =>
    conditions.some(({ type, status }) => type === gate.conditionType && status === 'True'),
  );
  return `${met.length}/${wanted.length}`;
}
