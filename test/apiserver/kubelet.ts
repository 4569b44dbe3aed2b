/**
 * Stands for the nodes that a bare control plane lacks: every pod runs and is ready at once, unless it asks to fail in
 * one of the ways the sandbox knows (annotation `sandbox.sluice.dev/fail`).
 */
import type { KubeObject } from '../../shared/api/object.ts';
import { ApiError, type Cluster } from '../../shared/ports/cluster.ts';

const pods = { apiVersion: 'v1', kind: 'Pod' };

/** Runs until `signal` is aborted. Failures of single writes are left to the next event of the pod. */
export async function runKubelet(cluster: Cluster, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const list = await cluster.list(pods);
      await Promise.all(list.items.map(pod => settle(cluster, pod)));
      for await (const event of cluster.watch(pods, { resourceVersion: list.resourceVersion, signal }))
        if (event.type === 'ADDED' || event.type === 'MODIFIED') void settle(cluster, event.object);
    } catch (error) {
      if (signal.aborted) return;
      // The API server is away (a test pauses it) or the watch is too old: begin anew, with a breath in between.
      if (!(error instanceof ApiError && error.status === 410)) await new Promise(resolve => setTimeout(resolve, 200));
    }
  }
}

async function settle(cluster: Cluster, pod: KubeObject): Promise<void> {
  const status = statusOf(pod);
  if (!status) return;
  const { namespace, name } = pod.metadata;
  try {
    await cluster.patch(pods, namespace, name, { type: 'merge', body: { status } }, { subresource: 'status' });
  } catch {
    // Deleted meanwhile, or the server is away: the next event or list brings it back.
  }
}

/** The status the pod should be given now; undefined when it has it, or when it is going away. */
function statusOf(pod: KubeObject): Record<string, unknown> | undefined {
  if (pod.metadata.deletionTimestamp || pod.status?.phase === 'Running' || pod.status?.phase === 'Succeeded')
    return undefined;
  const failure = pod.metadata.annotations?.['sandbox.sluice.dev/fail'];
  if (failure) return failing(pod);
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const job = (pod.metadata.ownerReferences ?? []).some(owner => owner.kind === 'Job');
  const running = job
    ? { terminated: { exitCode: 0, reason: 'Completed', startedAt: now, finishedAt: now } }
    : { running: { startedAt: now } };
  return {
    phase: job ? 'Succeeded' : 'Running',
    startTime: now,
    conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map(type => ({
      type,
      status: job && type.endsWith('Ready') ? 'False' : 'True',
      lastTransitionTime: now,
    })),
    containerStatuses: pod.spec.containers.map((container: { name: string; image: string }) => ({
      name: container.name,
      image: container.image,
      imageID: container.image,
      ready: !job,
      started: !job,
      restartCount: 0,
      state: running,
    })),
  };
}

function failing(pod: KubeObject): Record<string, unknown> | undefined {
  if (pod.status?.containerStatuses?.length) return undefined;
  return {
    phase: 'Pending',
    containerStatuses: pod.spec.containers.map((container: { name: string; image: string }) => ({
      name: container.name,
      image: container.image,
      imageID: '',
      ready: false,
      started: false,
      restartCount: 0,
      state: { waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image "${container.image}"` } },
    })),
  };
}
