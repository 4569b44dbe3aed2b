import type { KubeObject } from '../../api/object.ts';
import { forbidden } from '../faults.ts';
import type { Kernel, Target } from './kernel.ts';
import { podQualityOfService } from './pod-quality.ts';
import { allocateService, releaseOnTypeChange } from './service-addresses.ts';
import { settleDefinition } from './settle-definition.ts';

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

/** Both for new and for changed objects. */
const onWrite: Record<string, Prepare> = {
  'apiextensions.k8s.io/customresourcedefinitions': settleDefinition,
  '/secrets': mergeStringData,
  '/namespaces': namespace => {
    const { metadata } = namespace;
    metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name };
  },
  '/services': (service, kernel, live) => {
    if (live) releaseOnTypeChange(service, live, kernel);
  },
};

/** Kinds whose status a client may write along with the object. */
const ownStatus = new Set(['/nodes', '/events']);

export function prepareCreate(target: Target, object: KubeObject, kernel: Kernel): void {
  const { definition, version } = target;
  if (version.status && !ownStatus.has(definition.storageKey)) {
    delete object.status;
    if (definition.builtin) object.status = {};
  }
  if (!definition.builtin) return;
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
  pod.status = { phase: 'Pending', qosClass: podQualityOfService(spec) };
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
}
