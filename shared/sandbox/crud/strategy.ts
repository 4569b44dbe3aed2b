import type { KubeObject } from '../../api/object.ts';
import { sameValue } from '../objects/same-value.ts';
import { type Kernel, type Target, timestamp } from './kernel.ts';
import { admitPod } from './pod-admission.ts';
import { allocateService, releaseOnTypeChange } from './service-addresses.ts';
import { completeNames, settleDefinition } from './settle-definition.ts';

type Prepare = (object: KubeObject, kernel: Kernel, live: KubeObject | undefined) => void;

/** Finalizers that keep storage while it is used. */
export const claimProtection = 'kubernetes.io/pvc-protection';
export const volumeProtection = 'kubernetes.io/pv-protection';

function protect({ metadata }: KubeObject, finalizer: string): void {
  if (!metadata.finalizers?.includes(finalizer)) metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
}

/** What the API server itself writes into new objects of some built-in kinds, before they are validated. By storage key. */
const onCreate: Record<string, Prepare> = {
  '/namespaces': namespace => {
    namespace.spec = { ...namespace.spec, finalizers: ['kubernetes'] };
    namespace.status = { phase: 'Active' };
  },
  '/pods': admitPod,
  '/services': (service, kernel) => {
    allocateService(service, kernel);
    service.status = { loadBalancer: {} };
  },
  '/persistentvolumeclaims': claim => {
    claim.status = { phase: 'Pending' };
    protect(claim, claimProtection);
  },
  '/persistentvolumes': (volume, kernel) => {
    volume.status = { phase: 'Pending', lastPhaseTransitionTime: timestamp(kernel.now()) };
    protect(volume, volumeProtection);
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
  'apps/daemonsets': (set, _, live) => {
    if (live) countTemplates(set, live);
  },
};

const templateGeneration = 'deprecated.daemonset.template.generation';

/** Counts the changes of a daemon set's template, as very old clients expect it. */
function countTemplates(set: KubeObject, live: KubeObject): void {
  const before = Number(live.metadata.annotations?.[templateGeneration] ?? 0);
  const count = sameValue(set.spec?.template, live.spec?.template) ? before : before + 1;
  if (count > 0) set.metadata.annotations = { ...set.metadata.annotations, [templateGeneration]: String(count) };
}

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
