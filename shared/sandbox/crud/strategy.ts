import type { KubeObject } from '../../api/object.ts';
import { forbidden } from '../faults.ts';
import type { Kernel, Target } from './kernel.ts';
import { podQualityOfService } from './pod-quality.ts';
import { allocateService, releaseOnTypeChange } from './service-addresses.ts';
import { completeNames, settleDefinition } from './settle-definition.ts';

type Prepare = (object: KubeObject, kernel: Kernel, live: KubeObject | undefined) => void;

/** What the API server itself writes into new objects of some built-in kinds, before they are validated. By storage key. */
const onCreate: Record<string, Prepare> = {
  '/namespaces': namespace => {
    namespace.spec = { ...namespace.spec, finalizers: ['kubernetes'] };
    namespace.status = { phase: 'Active' };
  },
  '/pods': preparePod,
  '/services': (service, kernel) => {
    allocateService(service, kernel);
    service.status = { loadBalancer: {} };
  },
  '/persistentvolumeclaims': claim => {
    claim.status = { phase: 'Pending' };
  },
  '/persistentvolumes': volume => {
    volume.status = { phase: 'Pending' };
  },
  'batch/jobs': prepareJob,
  'apps/replicasets': object => {
    object.status = { replicas: 0 };
  },
  '/replicationcontrollers': object => {
    object.status = { replicas: 0 };
  },
  'apps/statefulsets': object => {
    object.status = { replicas: 0, availableReplicas: 0 };
  },
  'apps/daemonsets': object => {
    object.status = {
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    };
  },
  'networking.k8s.io/ingresses': object => {
    object.status = { loadBalancer: {} };
  },
  'policy/poddisruptionbudgets': object => {
    object.status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  },
  'autoscaling/horizontalpodautoscalers': object => {
    object.status = { desiredReplicas: 0, currentMetrics: null };
  },
};

/** What belongs to reading an object, so that its author counts as the author of this too. New and changed objects alike. */
const onRead: Record<string, (object: KubeObject) => void> = {
  'apiextensions.k8s.io/customresourcedefinitions': completeNames,
  '/secrets': mergeStringData,
  '/namespaces': ({ metadata }) => {
    metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name };
  },
};

/** What the server adds to new and changed objects of its own accord. */
const onWrite: Record<string, Prepare> = {
  'apiextensions.k8s.io/customresourcedefinitions': settleDefinition,
  '/services': (service, kernel, live) => {
    if (live) releaseOnTypeChange(service, live, kernel);
  },
};

/** Kinds whose status a client may write along with the object. */
const ownStatus = new Set(['/nodes', '/events']);

/** Completes an object before it is decided whose fields are whose. */
export function completeRead(target: Target, object: KubeObject): void {
  const { definition } = target;
  if (definition.builtin) onRead[definition.storageKey]?.(object);
}

/** A new object's status is not the client's to write. */
export function resetStatus(target: Target, object: KubeObject): void {
  if (target.version.status && !ownStatus.has(target.definition.storageKey)) delete object.status;
}

export function prepareCreate(target: Target, object: KubeObject, kernel: Kernel): void {
  const { definition, version } = target;
  if (!definition.builtin) return;
  if (version.status) object.status ??= {};
  onCreate[definition.storageKey]?.(object, kernel, undefined);
  onWrite[definition.storageKey]?.(object, kernel, undefined);
}

export function prepareUpdate(target: Target, object: KubeObject, live: KubeObject, kernel: Kernel): void {
  if (target.definition.builtin) onWrite[target.definition.storageKey]?.(object, kernel, live);
}

function mergeStringData(secret: KubeObject): void {
  const { stringData } = secret;
  if (!stringData) return;
  const encoded = Object.entries(stringData as Record<string, string>).map(([key, value]) => [
    key,
    Buffer.from(value).toString('base64'),
  ]);
  secret.data = { ...secret.data, ...Object.fromEntries(encoded) };
  delete secret.stringData;
}

function preparePod(pod: KubeObject, kernel: Kernel): void {
  pod.spec ??= {};
  const { spec } = pod;
  const namespace = pod.metadata.namespace ?? '';
  const account: string = spec.serviceAccountName || spec.serviceAccount || 'default';
  spec.serviceAccountName = account;
  spec.serviceAccount = account;
  if (!kernel.store.get('/serviceaccounts', namespace, account))
    throw forbidden(
      { group: '', plural: 'pods' },
      pod.metadata.name,
      `error looking up service account ${namespace}/${account}: serviceaccount "${account}" not found`,
    );
  spec.priority ??= 0;
  spec.preemptionPolicy ??= 'PreemptLowerPriority';
  spec.tolerations = [...(spec.tolerations ?? []), ...missingTolerations(spec.tolerations ?? [])];
  pod.status = { phase: 'Pending', qosClass: podQualityOfService(spec) };
}

interface Toleration {
  key?: string;
  effect?: string;
}

/** A pod stays on a node in trouble for five minutes, unless it says otherwise. */
function missingTolerations(given: Toleration[]): object[] {
  const keys = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];
  return keys
    .filter(key => !given.some(one => (!one.key || one.key === key) && (!one.effect || one.effect === 'NoExecute')))
    .map(key => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }));
}

/** A job's pods are told apart by the job's uid, unless `manualSelector` says that the author sees to it. */
function prepareJob(job: KubeObject): void {
  job.status = {};
  job.spec ??= {};
  const { spec } = job;
  if (spec.manualSelector) return;
  const uid = job.metadata.uid!;
  spec.template ??= {};
  const { template } = spec;
  template.metadata = {
    ...template.metadata,
    labels: {
      ...template.metadata?.labels,
      'batch.kubernetes.io/controller-uid': uid,
      'batch.kubernetes.io/job-name': job.metadata.name,
      'controller-uid': uid,
      'job-name': job.metadata.name,
    },
  };
  spec.selector ??= { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } };
  job.metadata.labels ??= { ...template.metadata.labels };
}
