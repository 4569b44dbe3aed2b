import type { KubeObject } from '../../../api/object.ts';
import { sameValue } from '../same-value.ts';
import type { Fields } from './fields.ts';
import { childOf, isFields, listOf } from './fields.ts';

/** What the API server gives out of its own stock. */
export interface Allocation {
  /** An address of the service network that nobody has. */
  clusterIP(): string;
  /** A port of the node port range (30000–32767) that nobody has. */
  nodePort(): number;
}

/** Kinds whose metadata.generation counts the changes of their spec. */
const withGeneration = new Set([
  'apps/Deployment',
  'apps/StatefulSet',
  'apps/DaemonSet',
  'apps/ReplicaSet',
  'batch/Job',
  'batch/CronJob',
  '/Pod',
  '/ReplicationController',
  '/PodTemplate',
  'networking.k8s.io/Ingress',
  'networking.k8s.io/IngressClass',
  'networking.k8s.io/NetworkPolicy',
  'policy/PodDisruptionBudget',
  'scheduling.k8s.io/PriorityClass',
  'discovery.k8s.io/EndpointSlice',
  'flowcontrol.apiserver.k8s.io/FlowSchema',
  'flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration',
  'apiextensions.k8s.io/CustomResourceDefinition',
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration',
  'admissionregistration.k8s.io/MutatingWebhookConfiguration',
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy',
  'admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding',
]);

function groupKind(object: KubeObject): string {
  const slash = object.apiVersion.indexOf('/');
  return `${slash < 0 ? '' : object.apiVersion.slice(0, slash)}/${object.kind}`;
}

/**
 * What the API server sets by itself after the books of managedFields are closed, when a built-in object is created:
 * generation, the status to begin with, addresses, selectors. Changes `object`.
 */
export function prepareForCreate(object: KubeObject, allocation: Allocation): void {
  const key = groupKind(object);
  const fields = object as Fields;
  if (withGeneration.has(key)) object.metadata.generation = 1;
  else delete object.metadata.generation;
  resetStatus(key, fields);
  if (key === '/Namespace') addNamespaceFinalizer(fields);
  if (key === '/Service') allocateService(fields, undefined, allocation);
  if (key === 'batch/Job' && fields.spec?.manualSelector !== true) generateSelector(fields);
  if (key === '/Pod') fields.status = { phase: 'Pending', qosClass: qosClass(fields.spec ?? {}) };
}

function resetStatus(key: string, object: Fields): void {
  if (key === '/Namespace') object.status = { phase: 'Active' };
  else if (key === '/PersistentVolumeClaim' || key === '/PersistentVolume') object.status = { phase: 'Pending' };
  else if (key === 'apiextensions.k8s.io/CustomResourceDefinition') object.status = emptyDefinitionStatus(object);
  else if (isFields(object.status) && key !== '/Node') object.status = emptyStatus(key);
}

function emptyDefinitionStatus(object: Fields): Fields {
  const storage = listOf(object.spec?.versions).find(version => version.storage === true);
  return { acceptedNames: { kind: '', plural: '' }, conditions: [], storedVersions: storage ? [storage.name] : [] };
}

/** What remains of a status without content: its fields that are always written. */
const empties: Record<string, Fields> = {
  '/Service': { loadBalancer: {} },
  'networking.k8s.io/Ingress': { loadBalancer: {} },
  'apps/ReplicaSet': { replicas: 0 },
  '/ReplicationController': { replicas: 0 },
  'apps/StatefulSet': { availableReplicas: 0, replicas: 0 },
  'apps/DaemonSet': { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 },
  'policy/PodDisruptionBudget': { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 },
  'autoscaling/HorizontalPodAutoscaler': { currentMetrics: null, desiredReplicas: 0 },
};

function emptyStatus(key: string): Fields {
  return structuredClone(empties[key] ?? {});
}

function addNamespaceFinalizer(object: Fields): void {
  const spec = childOf(object, 'spec');
  const finalizers: string[] = spec.finalizers ?? [];
  if (!finalizers.includes('kubernetes')) spec.finalizers = [...finalizers, 'kubernetes'];
}

/**
 * The same for an update of the object itself (not of its status): the status stays as it was, the generation counts a
 * change of the spec, what was allocated stays. Changes `object`.
 */
export function prepareForUpdate(object: KubeObject, old: KubeObject, allocation: Allocation): void {
  const key = groupKind(object);
  const fields = object as Fields;
  const before = old as Fields;
  if ('status' in before) fields.status = before.status;
  else if (isFields(fields.status)) delete fields.status;
  if (key === '/Service') allocateService(fields, before, allocation);
  if (key === '/PersistentVolumeClaim' && before.spec?.volumeName && !fields.spec?.volumeName)
    fields.spec.volumeName = before.spec.volumeName;
  if (key === '/Namespace') fields.spec = before.spec;
  if (withGeneration.has(key))
    object.metadata.generation = (old.metadata.generation ?? 0) + (changesGeneration(key, fields, before) ? 1 : 0);
  else if (old.metadata.generation === undefined) delete object.metadata.generation;
}

function changesGeneration(key: string, object: Fields, old: Fields): boolean {
  if (key === 'apps/Deployment' && !sameValue(object.metadata.annotations ?? {}, old.metadata.annotations ?? {}))
    return true;
  if (key.startsWith('admissionregistration.k8s.io/') && key.endsWith('WebhookConfiguration'))
    return !sameValue(object.webhooks, old.webhooks);
  if (key === 'discovery.k8s.io/EndpointSlice')
    return (
      !sameValue(withoutMetadata(object), withoutMetadata(old)) ||
      !sameValue(object.metadata.labels, old.metadata.labels)
    );
  if (key === 'scheduling.k8s.io/PriorityClass') return !sameValue(withoutMetadata(object), withoutMetadata(old));
  if (object.metadata.deletionTimestamp && !old.metadata.deletionTimestamp) return true;
  return !sameValue(object.spec, old.spec);
}

function withoutMetadata({ metadata: _, ...rest }: Fields): Fields {
  return rest;
}

/** Gives a service its address, families and node ports, or keeps those it has. */
function allocateService(object: Fields, old: Fields | undefined, allocation: Allocation): void {
  const spec: Fields = object.spec ?? {};
  const before: Fields = old?.spec ?? {};
  if (spec.type === 'ExternalName') {
    for (const name of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'])
      if (before.type !== 'ExternalName' || spec[name] === '') delete spec[name];
    return;
  }
  spec.clusterIP ||= before.clusterIP || undefined;
  const headless = spec.clusterIP === 'None';
  const open = headless && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= before.ipFamilyPolicy ?? (open ? 'RequireDualStack' : 'SingleStack');
  if (spec.ipFamilyPolicy === 'PreferDualStack') spec.ipFamilies ??= before.ipFamilies ?? ['IPv4'];
  spec.ipFamilies ??=
    before.ipFamilies ?? (open && spec.ipFamilyPolicy !== 'SingleStack' ? ['IPv4', 'IPv6'] : ['IPv4']);
  if (!spec.clusterIP) spec.clusterIP = spec.clusterIPs?.[0] ?? allocation.clusterIP();
  spec.clusterIPs ??= [spec.clusterIP];
  allocateNodePorts(spec, before, allocation);
}

function allocateNodePorts(spec: Fields, before: Fields, allocation: Allocation): void {
  const wanted =
    spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
  const same = (a: Fields, b: Fields) => a.port === b.port && a.protocol === b.protocol;
  for (const port of listOf(spec.ports)) {
    if (wanted) port.nodePort ||= listOf(before.ports).find(one => same(one, port))?.nodePort || allocation.nodePort();
    else if (
      before.type &&
      before.type !== spec.type &&
      listOf(before.ports).some(one => same(one, port) && one.nodePort === port.nodePort)
    )
      delete port.nodePort;
  }
}

/** A job selects its pods by its own uid, unless it was told how. */
function generateSelector(object: Fields): void {
  const { name, uid } = object.metadata;
  const labels = childOf(childOf(object.spec.template, 'metadata'), 'labels');
  for (const label of ['job-name', 'batch.kubernetes.io/job-name']) labels[label] ??= name;
  for (const label of ['controller-uid', 'batch.kubernetes.io/controller-uid']) labels[label] ??= uid;
  childOf(childOf(object.spec, 'selector'), 'matchLabels')['batch.kubernetes.io/controller-uid'] ??= uid;
}

/** A pod's quality of service by its requests and limits of cpu and memory. */
export function qosClass(spec: Fields): string {
  const containers = [...listOf(spec.containers), ...listOf(spec.initContainers)];
  let any = false;
  let guaranteed = true;
  for (const container of containers) {
    const { requests = {}, limits = {} } = container.resources ?? {};
    for (const name of ['cpu', 'memory']) {
      const limit = limits[name];
      const request = requests[name];
      if (limit !== undefined || request !== undefined) any = true;
      if (limit === undefined || (request !== undefined && request !== limit)) guaranteed = false;
    }
  }
  return !any ? 'BestEffort' : guaranteed ? 'Guaranteed' : 'Burstable';
}
