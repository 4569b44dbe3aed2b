import { allVerbs, type ScalePaths, type SubresourceDefinition } from './definition.ts';

/** A kind that Kubernetes itself has, as data; `registry.ts` adds the schemas. */
export interface BuiltinResource {
  group: string;
  versions: { name: string }[];
  plural: string;
  singular: string;
  kind: string;
  namespaced: boolean;
  shortNames: string[];
  categories: string[];
  verbs: string[];
  status: boolean;
  scale: ScalePaths | undefined;
  subresources: SubresourceDefinition[];
  hasGeneration: boolean;
  storageKey: string;
  selectableFields: string[];
}

interface Extras {
  short?: string[];
  all?: boolean;
  status?: boolean;
  scale?: boolean;
  cluster?: boolean;
  generation?: boolean;
  sub?: SubresourceDefinition[];
  verbs?: string[];
  storageKey?: string;
  fields?: string[];
  plural?: string;
}

const workloadScale: ScalePaths = {
  specReplicasPath: '.spec.replicas',
  statusReplicasPath: '.status.replicas',
  labelSelectorPath: undefined,
};

function resource(group: string, versions: string, kind: string, extras: Extras = {}): BuiltinResource {
  const singular = kind.toLowerCase();
  const plural = extras.plural ?? `${singular}s`;
  return {
    group,
    versions: versions.split(' ').map(name => ({ name })),
    plural,
    singular,
    kind,
    namespaced: !extras.cluster,
    shortNames: extras.short ?? [],
    categories: extras.all ? ['all'] : [],
    verbs: extras.verbs ?? allVerbs,
    status: extras.status ?? false,
    scale: extras.scale ? workloadScale : undefined,
    subresources: extras.sub ?? [],
    hasGeneration: extras.generation ?? false,
    storageKey: extras.storageKey ?? `${group}/${plural}`,
    selectableFields: extras.fields ?? [],
  };
}

const eventFields = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map(
  field => `involvedObject.${field}`,
);
const eviction = { name: 'eviction', kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] };
const tokenRequest = {
  name: 'token',
  kind: 'TokenRequest',
  group: 'authentication.k8s.io',
  version: 'v1',
  verbs: ['create'],
};
const workload = { all: true, status: true, scale: true, generation: true };
const withoutBulk = allVerbs.filter(verb => verb !== 'deletecollection');
const cluster = { cluster: true };

/** Every built-in kind that is stored, in the order in which discovery names them. */
export const builtinResources: BuiltinResource[] = [
  resource('', 'v1', 'ConfigMap', { short: ['cm'] }),
  resource('', 'v1', 'Endpoints', { plural: 'endpoints', short: ['ep'] }),
  resource('', 'v1', 'Event', {
    short: ['ev'],
    fields: [...eventFields, 'reason', 'reportingComponent', 'source', 'type'],
  }),
  resource('', 'v1', 'LimitRange', { short: ['limits'] }),
  resource('', 'v1', 'Namespace', {
    ...cluster,
    short: ['ns'],
    status: true,
    verbs: withoutBulk,
    sub: [{ name: 'finalize', kind: 'Namespace', verbs: ['update'] }],
    fields: ['status.phase'],
  }),
  resource('', 'v1', 'Node', { ...cluster, short: ['no'], status: true, fields: ['spec.unschedulable'] }),
  resource('', 'v1', 'PersistentVolumeClaim', { short: ['pvc'], status: true }),
  resource('', 'v1', 'PersistentVolume', { ...cluster, short: ['pv'], status: true }),
  resource('', 'v1', 'Pod', {
    short: ['po'],
    all: true,
    status: true,
    generation: true,
    sub: [eviction, { name: 'log', kind: 'Pod', verbs: ['get'] }],
    fields: [
      'spec.nodeName',
      'spec.restartPolicy',
      'spec.schedulerName',
      'spec.serviceAccountName',
      'spec.hostNetwork',
      'status.phase',
      'status.podIP',
      'status.podIPs',
      'status.nominatedNodeName',
    ],
  }),
  resource('', 'v1', 'PodTemplate'),
  resource('', 'v1', 'ReplicationController', { ...workload, short: ['rc'], fields: ['status.replicas'] }),
  resource('', 'v1', 'ResourceQuota', { short: ['quota'], status: true }),
  resource('', 'v1', 'Secret', { fields: ['type'] }),
  resource('', 'v1', 'ServiceAccount', { short: ['sa'], sub: [tokenRequest] }),
  resource('', 'v1', 'Service', { short: ['svc'], all: true, status: true, fields: ['spec.clusterIP', 'spec.type'] }),
  resource('apiregistration.k8s.io', 'v1', 'APIService', { ...cluster, status: true }),
  resource('apps', 'v1', 'ControllerRevision'),
  resource('apps', 'v1', 'DaemonSet', { ...workload, scale: false, short: ['ds'] }),
  resource('apps', 'v1', 'Deployment', { ...workload, short: ['deploy'] }),
  resource('apps', 'v1', 'ReplicaSet', { ...workload, short: ['rs'], fields: ['status.replicas'] }),
  resource('apps', 'v1', 'StatefulSet', { ...workload, short: ['sts'] }),
  resource('events.k8s.io', 'v1', 'Event', {
    short: ['ev'],
    storageKey: '/events',
    fields: [...eventFields.map(field => field.replace('involvedObject', 'regarding')), 'reason', 'type'],
  }),
  resource('autoscaling', 'v2 v1', 'HorizontalPodAutoscaler', { all: true, short: ['hpa'], status: true }),
  resource('batch', 'v1', 'CronJob', { all: true, short: ['cj'], status: true, generation: true }),
  resource('batch', 'v1', 'Job', { all: true, status: true, generation: true, fields: ['status.successful'] }),
  resource('networking.k8s.io', 'v1', 'IngressClass', { ...cluster, plural: 'ingressclasses', generation: true }),
  resource('networking.k8s.io', 'v1', 'Ingress', {
    plural: 'ingresses',
    short: ['ing'],
    status: true,
    generation: true,
  }),
  resource('networking.k8s.io', 'v1', 'NetworkPolicy', {
    plural: 'networkpolicies',
    short: ['netpol'],
    generation: true,
  }),
  resource('policy', 'v1', 'PodDisruptionBudget', { short: ['pdb'], status: true, generation: true }),
  resource('rbac.authorization.k8s.io', 'v1', 'ClusterRoleBinding', cluster),
  resource('rbac.authorization.k8s.io', 'v1', 'ClusterRole', cluster),
  resource('rbac.authorization.k8s.io', 'v1', 'RoleBinding'),
  resource('rbac.authorization.k8s.io', 'v1', 'Role'),
  resource('storage.k8s.io', 'v1', 'CSIDriver', cluster),
  resource('storage.k8s.io', 'v1', 'CSINode', cluster),
  resource('storage.k8s.io', 'v1', 'CSIStorageCapacity', { plural: 'csistoragecapacities' }),
  resource('storage.k8s.io', 'v1', 'StorageClass', { ...cluster, plural: 'storageclasses', short: ['sc'] }),
  resource('storage.k8s.io', 'v1', 'VolumeAttachment', { ...cluster, status: true }),
  resource('storage.k8s.io', 'v1', 'VolumeAttributesClass', {
    ...cluster,
    plural: 'volumeattributesclasses',
    short: ['vac'],
  }),
  resource('admissionregistration.k8s.io', 'v1', 'MutatingWebhookConfiguration', { ...cluster, generation: true }),
  resource('admissionregistration.k8s.io', 'v1', 'ValidatingAdmissionPolicy', {
    ...cluster,
    plural: 'validatingadmissionpolicies',
    status: true,
    generation: true,
  }),
  resource('admissionregistration.k8s.io', 'v1', 'ValidatingAdmissionPolicyBinding', { ...cluster, generation: true }),
  resource('admissionregistration.k8s.io', 'v1', 'ValidatingWebhookConfiguration', { ...cluster, generation: true }),
  resource('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition', {
    ...cluster,
    short: ['crd', 'crds'],
    status: true,
    generation: true,
  }),
  resource('scheduling.k8s.io', 'v1', 'PriorityClass', {
    ...cluster,
    plural: 'priorityclasses',
    short: ['pc'],
    generation: true,
  }),
  resource('coordination.k8s.io', 'v1', 'Lease'),
  resource('discovery.k8s.io', 'v1', 'EndpointSlice', { generation: true }),
].map(entry =>
  ['apiregistration.k8s.io', 'admissionregistration.k8s.io', 'apiextensions.k8s.io'].includes(entry.group)
    ? { ...entry, categories: ['api-extensions'] }
    : entry,
);

/** Kinds that are asked and answered, never stored: `create` only. */
export const reviewResources = [
  { group: 'authentication.k8s.io', kind: 'TokenReview', namespaced: false },
  { group: 'authentication.k8s.io', kind: 'SelfSubjectReview', namespaced: false },
  { group: 'authorization.k8s.io', kind: 'LocalSubjectAccessReview', namespaced: true },
  { group: 'authorization.k8s.io', kind: 'SelfSubjectAccessReview', namespaced: false },
  { group: 'authorization.k8s.io', kind: 'SelfSubjectRulesReview', namespaced: false },
  { group: 'authorization.k8s.io', kind: 'SubjectAccessReview', namespaced: false },
].map(review => ({
  ...review,
  singular: review.kind.toLowerCase(),
  plural: `${review.kind.toLowerCase()}s`,
  version: 'v1',
}));

/** What Kubernetes calls a group in the names of its types: `core`, `apps`, `rbac`. */
export function roomOf(group: string): string {
  return group === '' ? 'core' : group.replace(/\.k8s\.io$/, '').replace('rbac.authorization', 'rbac');
}

/** The component of the OpenAPI document that describes a built-in kind. */
export function componentOf(group: string, version: string, kind: string): string {
  if (group === 'apiextensions.k8s.io')
    return `io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.${version}.${kind}`;
  if (group === 'apiregistration.k8s.io') return `io.k8s.kube-aggregator.pkg.apis.apiregistration.${version}.${kind}`;
  return `io.k8s.api.${roomOf(group)}.${version}.${kind}`;
}
