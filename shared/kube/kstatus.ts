import { groupOf, type KubeObject } from '../api/object.ts';

export type HealthStatus = 'Current' | 'InProgress' | 'Failed' | 'Terminating' | 'NotFound' | 'Unknown';

export interface Health {
  status: HealthStatus;
  message: string;
}

interface AnyCondition {
  type?: string;
  status?: string;
  reason?: string;
  message?: string;
}

/** Pods may stay unscheduled this long before that counts as a failure. */
const scheduleWindowMs = 15_000;

/**
 * The health of an object from its own status, by the rules of kstatus: deletion, observed generation and the
 * conditions Reconciling and Stalled first, then the rules of its kind, then its Ready condition.
 */
export function kstatus(object: KubeObject, now: number): Health {
  const general = generalHealth(object);
  if (general) return general;
  const group = groupOf(object.apiVersion);
  const rule = rules[group === '' ? object.kind : `${group}/${object.kind}`];
  return rule ? rule(object, now) : (readyHealth(object) ?? current('Resource is current'));
}

function generalHealth(object: KubeObject): Health | undefined {
  if (object.metadata.deletionTimestamp) return { status: 'Terminating', message: 'Resource scheduled for deletion' };
  const { generation } = object.metadata;
  const observed = object.status?.observedGeneration;
  if (generation !== undefined && observed !== undefined && observed !== generation)
    return progress(`${object.kind} generation is ${generation}, but latest observed generation is ${observed}`);
  for (const condition of conditionsOf(object)) {
    if (condition.type === 'Reconciling' && condition.status === 'True') return progress(condition.message ?? '');
    if (condition.type === 'Stalled' && condition.status === 'True') return failed(condition.message ?? '');
  }
  return undefined;
}

function readyHealth(object: KubeObject): Health | undefined {
  const ready = conditionsOf(object).find(condition => condition.type === 'Ready');
  if (!ready) return undefined;
  return ready.status === 'True' ? current('Resource is Ready') : progress(ready.message ?? '');
}

type Rule = (object: KubeObject, now: number) => Health;

const alwaysReady: Rule = () => current('Resource is always ready');

const rules: Record<string, Rule> = {
  ConfigMap: alwaysReady,
  Secret: alwaysReady,
  'batch/CronJob': alwaysReady,
  Service: serviceHealth,
  Pod: podHealth,
  PersistentVolumeClaim: claimHealth,
  'apps/Deployment': deploymentHealth,
  'apps/StatefulSet': statefulSetHealth,
  'apps/DaemonSet': daemonSetHealth,
  'apps/ReplicaSet': replicaSetHealth,
  'policy/PodDisruptionBudget': () => current('AllowedDisruptions has been computed.'),
  'batch/Job': jobHealth,
  'apiextensions.k8s.io/CustomResourceDefinition': definitionHealth,
};

function serviceHealth({ spec }: KubeObject): Health {
  return spec?.type === 'LoadBalancer' && !spec.clusterIP
    ? progress('ClusterIP not set. Service type: LoadBalancer')
    : current('Service is ready');
}

function podHealth(pod: KubeObject, now: number): Health {
  const phase = pod.status?.phase ?? '';
  if (phase === '') return progress('Pod phase not available');
  if (phase === 'Succeeded') return current('Pod has completed successfully');
  if (phase === 'Failed') return current('Pod has completed, but not successfully');
  if (phase === 'Running') {
    if (isTrue(pod, 'Ready')) return current('Pod is Ready');
    const looping = (pod.status.containerStatuses ?? [])
      .filter((c: { state?: { waiting?: { reason?: string } } }) => c.state?.waiting?.reason === 'CrashLoopBackOff')
      .map((c: { name: string }) => c.name);
    return looping.length > 0
      ? failed(`Containers in CrashLoop state: ${looping.join(',')}`)
      : progress('Pod is running but is not Ready');
  }
  if (phase !== 'Pending') return { status: 'Unknown', message: `unknown phase ${phase}` };
  const scheduled = conditionsOf(pod).find(c => c.type === 'PodScheduled' && c.status === 'False');
  if (scheduled?.reason !== 'Unschedulable') return progress('Pod is in the Pending phase');
  return now - Date.parse(pod.metadata.creationTimestamp ?? '') < scheduleWindowMs
    ? progress('Pod has not been scheduled')
    : failed('Pod could not be scheduled');
}

function claimHealth({ status }: KubeObject): Health {
  return status?.phase === 'Bound'
    ? current('PVC is Bound')
    : progress(`PVC is not Bound. phase: ${status?.phase ?? 'unknown'}`);
}

function deploymentHealth(object: KubeObject): Health {
  const { spec = {}, status = {} } = object;
  // Without a deadline the controller sets no Progressing condition.
  let progressing = spec.progressDeadlineSeconds === undefined || spec.progressDeadlineSeconds === 2147483647;
  for (const condition of conditionsOf(object).filter(each => each.type === 'Progressing')) {
    if (condition.reason === 'ProgressDeadlineExceeded') return failed('Progress deadline exceeded');
    if (condition.status === 'True' && condition.reason === 'NewReplicaSetAvailable') progressing = true;
  }
  const wanted = spec.replicas ?? 1;
  const { replicas = 0, updatedReplicas = 0, readyReplicas = 0, availableReplicas = 0 } = status;
  if (wanted > replicas) return progress(`Replicas: ${replicas}/${wanted}`);
  if (wanted > updatedReplicas) return progress(`Updated: ${updatedReplicas}/${wanted}`);
  if (replicas > wanted) return progress(`Pending termination: ${replicas - wanted}`);
  if (updatedReplicas > availableReplicas) return progress(`Available: ${availableReplicas}/${updatedReplicas}`);
  if (wanted > readyReplicas) return progress(`Ready: ${readyReplicas}/${wanted}`);
  if (!progressing) return progress('ReplicaSet not Available');
  if (!isTrue(object, 'Available')) return progress('Deployment not Available');
  return current(`Deployment is available. Replicas: ${replicas}`);
}

function statefulSetHealth({ spec = {}, status = {} }: KubeObject): Health {
  if (spec.updateStrategy?.type === 'OnDelete') return current('StatefulSet is using the ondelete update strategy');
  const wanted = spec.replicas ?? 1;
  const { replicas = 0, readyReplicas = 0, currentReplicas = 0, updatedReplicas = 0 } = status;
  const partition = spec.updateStrategy?.rollingUpdate?.partition;
  if (wanted > replicas) return progress(`Replicas: ${replicas}/${wanted}`);
  if (wanted > readyReplicas) return progress(`Ready: ${readyReplicas}/${wanted}`);
  if (replicas > wanted) return progress(`Pending termination: ${replicas - wanted}`);
  if (partition !== undefined) {
    if (updatedReplicas < wanted - partition) return progress(`updated: ${updatedReplicas}/${wanted - partition}`);
    return current(`Partition rollout complete. updated: ${updatedReplicas}`);
  }
  if (wanted > currentReplicas) return progress(`current: ${currentReplicas}/${wanted}`);
  if ((status.currentRevision ?? '') !== (status.updateRevision ?? ''))
    return progress('Waiting for updated revision to match current');
  return current(`All replicas scheduled as expected. Replicas: ${replicas}`);
}

function daemonSetHealth({ kind, metadata, status = {} }: KubeObject): Health {
  if (metadata.generation === undefined) return progress(`${kind} metadata.generation not found`);
  if (status.observedGeneration === undefined) return progress(`${kind} status.observedGeneration not found`);
  const wanted = status.desiredNumberScheduled;
  if (wanted === undefined) return progress('Missing .status.desiredNumberScheduled');
  const { currentNumberScheduled = 0, updatedNumberScheduled = 0, numberAvailable = 0, numberReady = 0 } = status;
  if (wanted > currentNumberScheduled) return progress(`Current: ${currentNumberScheduled}/${wanted}`);
  if (wanted > updatedNumberScheduled) return progress(`Updated: ${updatedNumberScheduled}/${wanted}`);
  if (wanted > numberAvailable) return progress(`Available: ${numberAvailable}/${wanted}`);
  if (wanted > numberReady) return progress(`Ready: ${numberReady}/${wanted}`);
  return current(`All replicas scheduled as expected. Replicas: ${wanted}`);
}

function replicaSetHealth(object: KubeObject): Health {
  if (isTrue(object, 'ReplicaFailure')) return progress('Replica Failure condition. Check Pods');
  const { spec = {}, status = {} } = object;
  const wanted = spec.replicas ?? 1;
  const { replicas = 0, readyReplicas = 0, availableReplicas = 0, fullyLabeledReplicas = 0 } = status;
  if (wanted > fullyLabeledReplicas) return progress(`Labelled: ${fullyLabeledReplicas}/${wanted}`);
  if (wanted > availableReplicas) return progress(`Available: ${availableReplicas}/${wanted}`);
  if (wanted > readyReplicas) return progress(`Ready: ${readyReplicas}/${wanted}`);
  if (replicas > wanted) return progress(`Pending termination: ${replicas - wanted}`);
  return current(`ReplicaSet is available. Replicas: ${replicas}`);
}

/** As Flux has it: a Job is healthy when it has completed, not while it runs. */
function jobHealth(object: KubeObject): Health {
  const { spec = {}, status = {} } = object;
  if (spec.suspend === true) return current('Job is suspended');
  const parallelism = spec.parallelism ?? 1;
  const completions = spec.completions ?? parallelism;
  const { succeeded = 0, active = 0, failed: failures = 0 } = status;
  if (isTrue(object, 'Complete')) return current(`Job Completed. succeeded: ${succeeded}/${completions}`);
  if (isTrue(object, 'Failed')) return failed(`Job Failed. failed: ${failures}/${completions}`);
  if (!status.startTime) return progress(`Job not started. active: 0/${parallelism}`);
  return progress(`Job in progress. success:${succeeded}, active: ${active}, failed: ${failures}`);
}

function definitionHealth(object: KubeObject): Health {
  for (const { type, status, reason, message = '' } of conditionsOf(object)) {
    if (type === 'NamesAccepted' && status === 'False') return failed(message);
    if (type === 'Established' && status === 'False' && reason !== 'Installing') return failed(message);
    if (type === 'Established' && status === 'True') return current('CRD is established');
  }
  return progress('Install in progress');
}

function conditionsOf(object: KubeObject): AnyCondition[] {
  const conditions = object.status?.conditions;
  return Array.isArray(conditions) ? conditions : [];
}

function isTrue(object: KubeObject, type: string): boolean {
  return conditionsOf(object).some(condition => condition.type === type && condition.status === 'True');
}

const current = (message: string): Health => ({ status: 'Current', message });
const progress = (message: string): Health => ({ status: 'InProgress', message });
const failed = (message: string): Health => ({ status: 'Failed', message });
