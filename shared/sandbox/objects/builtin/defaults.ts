import type { KubeObject } from '../../../api/object.ts';
import type { Fields } from './fields.ts';
import { childOf, isFields, listOf, podTemplateOf, setDefaults } from './fields.ts';
import { defaultPod, defaultPodSpec } from './pod-defaults.ts';

/** Defaults by `group/kind`; versions of one group share them. */
const defaults: Record<string, (object: Fields, spec: Fields) => void> = {
  'apps/Deployment': deployment,
  'apps/StatefulSet': statefulSet,
  'apps/DaemonSet': daemonSet,
  'apps/ReplicaSet': (_object, spec) => setDefaults(spec, { replicas: 1 }),
  'batch/Job': (object, spec) => job(object, spec),
  'batch/CronJob': cronJob,
  '/Pod': (_object, spec) => {
    defaultPodSpec(spec);
    defaultPod(spec);
  },
  '/ReplicationController': replicationController,
  '/Service': service,
  '/Secret': secret,
  '/Namespace': namespace,
  '/PersistentVolume': persistentVolume,
  '/PersistentVolumeClaim': (object, spec) => {
    setDefaults(childOf(object, 'status'), { phase: 'Pending' });
    setDefaults(spec, { volumeMode: 'Filesystem' });
  },
  '/Endpoints': object => {
    for (const subset of listOf(object.subsets))
      for (const port of listOf(subset.ports)) setDefaults(port, { protocol: 'TCP' });
  },
  '/LimitRange': (_object, spec) => listOf(spec.limits).forEach(limitRange),
  'networking.k8s.io/NetworkPolicy': networkPolicy,
  'networking.k8s.io/IngressClass': (_object, spec) => {
    if (isFields(spec.parameters)) setDefaults(spec.parameters, { scope: 'Cluster' });
  },
  'rbac.authorization.k8s.io/RoleBinding': binding,
  'rbac.authorization.k8s.io/ClusterRoleBinding': binding,
  'autoscaling/HorizontalPodAutoscaler': autoscaler,
  'storage.k8s.io/StorageClass': object =>
    setDefaults(object, { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' }),
  'storage.k8s.io/CSIDriver': (_object, spec) =>
    setDefaults(spec, {
      attachRequired: true,
      podInfoOnMount: false,
      storageCapacity: false,
      fsGroupPolicy: 'ReadWriteOnceWithFSType',
      volumeLifecycleModes: ['Persistent'],
      requiresRepublish: false,
      seLinuxMount: false,
    }),
  'discovery.k8s.io/EndpointSlice': object => {
    for (const port of listOf(object.ports)) setDefaults(port, { name: '', protocol: 'TCP' });
  },
  'apiextensions.k8s.io/CustomResourceDefinition': customResourceDefinition,
  'apiregistration.k8s.io/APIService': (_object, spec) => {
    if (isFields(spec.service)) setDefaults(spec.service, { port: 443 });
  },
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration': object => webhooks(object, {}),
  'admissionregistration.k8s.io/MutatingWebhookConfiguration': object =>
    webhooks(object, { reinvocationPolicy: 'Never' }),
  'scheduling.k8s.io/PriorityClass': object => setDefaults(object, { preemptionPolicy: 'PreemptLowerPriority' }),
  'coordination.k8s.io/Lease': () => undefined,
};

/** Whether the kind is one of those that this module knows the defaults of. */
export function applyBuiltinDefaults(object: KubeObject): void {
  const fields = object as Fields;
  const slash = object.apiVersion.indexOf('/');
  const group = slash < 0 ? '' : object.apiVersion.slice(0, slash);
  defaults[`${group}/${object.kind}`]?.(fields, isFields(fields.spec) ? fields.spec : {});
  const place = workloads.has(`${group}/${object.kind}`) ? podTemplateOf(fields) : undefined;
  if (place) defaultPodSpec(childOf(place.template, 'spec'));
}

const workloads = new Set([
  'apps/Deployment',
  'apps/StatefulSet',
  'apps/DaemonSet',
  'apps/ReplicaSet',
  'batch/Job',
  'batch/CronJob',
  '/ReplicationController',
  '/PodTemplate',
]);

function deployment(_object: Fields, spec: Fields): void {
  setDefaults(spec, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
  const strategy = childOf(spec, 'strategy');
  setDefaults(strategy, { type: 'RollingUpdate' });
  if (strategy.type === 'RollingUpdate')
    setDefaults(childOf(strategy, 'rollingUpdate'), { maxUnavailable: '25%', maxSurge: '25%' });
}

function statefulSet(object: Fields, spec: Fields): void {
  setDefaults(spec, { podManagementPolicy: 'OrderedReady', replicas: 1, revisionHistoryLimit: 10 });
  const strategy = childOf(spec, 'updateStrategy');
  if (!strategy.type) {
    strategy.type = 'RollingUpdate';
    childOf(strategy, 'rollingUpdate');
  }
  if (strategy.type === 'RollingUpdate' && isFields(strategy.rollingUpdate))
    setDefaults(strategy.rollingUpdate, { partition: 0 });
  setDefaults(childOf(spec, 'persistentVolumeClaimRetentionPolicy'), { whenDeleted: 'Retain', whenScaled: 'Retain' });
  for (const claim of listOf(spec.volumeClaimTemplates)) {
    setDefaults(claim, { apiVersion: 'v1', kind: 'PersistentVolumeClaim' });
    setDefaults(childOf(claim, 'spec'), { volumeMode: 'Filesystem' });
    setDefaults(childOf(claim, 'status'), { phase: 'Pending' });
  }
  if (isFields(object.status)) setDefaults(object.status, { availableReplicas: 0 });
}

function daemonSet(object: Fields, spec: Fields): void {
  // The generation of the template of former API versions lives on in an annotation.
  setDefaults(childOf(object.metadata, 'annotations'), { 'deprecated.daemonset.template.generation': '1' });
  setDefaults(spec, { revisionHistoryLimit: 10 });
  const strategy = childOf(spec, 'updateStrategy');
  setDefaults(strategy, { type: 'RollingUpdate' });
  if (strategy.type === 'RollingUpdate')
    setDefaults(childOf(strategy, 'rollingUpdate'), { maxUnavailable: 1, maxSurge: 0 });
}

function job(object: Fields, spec: Fields): void {
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  setDefaults(spec, {
    parallelism: 1,
    backoffLimit: spec.backoffLimitPerIndex === undefined ? 6 : 2147483647,
    completionMode: 'NonIndexed',
    suspend: false,
    podReplacementPolicy: spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed',
    manualSelector: false,
  });
  labelsOfTemplate(object, spec);
  for (const rule of listOf(spec.podFailurePolicy?.rules))
    for (const pattern of listOf(rule.onPodConditions)) setDefaults(pattern, { status: 'True' });
}

function labelsOfTemplate(object: Fields, spec: Fields): void {
  const labels = spec.template?.metadata?.labels;
  if (isFields(labels) && Object.keys(object.metadata?.labels ?? {}).length === 0)
    object.metadata.labels = { ...labels };
}

function cronJob(_object: Fields, spec: Fields): void {
  setDefaults(spec, {
    concurrencyPolicy: 'Allow',
    suspend: false,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
  });
}

function replicationController(object: Fields, spec: Fields): void {
  setDefaults(spec, { replicas: 1 });
  const labels = spec.template?.metadata?.labels;
  if (!isFields(labels)) return;
  if (!spec.selector || Object.keys(spec.selector).length === 0) spec.selector = { ...labels };
  labelsOfTemplate(object, spec);
}

function service(object: Fields, spec: Fields): void {
  setDefaults(spec, { sessionAffinity: 'None', type: 'ClusterIP' });
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP')
    setDefaults(childOf(childOf(spec, 'sessionAffinityConfig'), 'clientIP'), { timeoutSeconds: 10800 });
  for (const port of listOf(spec.ports)) {
    setDefaults(port, { protocol: 'TCP' });
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') port.targetPort = port.port;
  }
  const external =
    spec.type === 'LoadBalancer' ||
    spec.type === 'NodePort' ||
    (spec.type === 'ClusterIP' && spec.externalIPs?.length > 0);
  if (external) setDefaults(spec, { externalTrafficPolicy: 'Cluster' });
  if (spec.type !== 'ExternalName') setDefaults(spec, { internalTrafficPolicy: 'Cluster' });
  if (spec.type !== 'LoadBalancer') return;
  setDefaults(spec, { allocateLoadBalancerNodePorts: true });
  for (const ingress of listOf(object.status?.loadBalancer?.ingress))
    if (ingress.ip) setDefaults(ingress, { ipMode: 'VIP' });
}

function secret(object: Fields): void {
  setDefaults(object, { type: 'Opaque' });
  if (!isFields(object.stringData)) return;
  const data: Fields = { ...object.data };
  for (const [name, text] of Object.entries(object.stringData))
    data[name] = Buffer.from(String(text)).toString('base64');
  object.data = data;
  delete object.stringData;
}

function namespace(object: Fields): void {
  if (object.metadata.name) childOf(object.metadata, 'labels')['kubernetes.io/metadata.name'] = object.metadata.name;
  setDefaults(childOf(object, 'status'), { phase: 'Active' });
}

function persistentVolume(object: Fields, spec: Fields): void {
  setDefaults(childOf(object, 'status'), { phase: 'Pending' });
  setDefaults(spec, { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem' });
  if (isFields(spec.hostPath)) spec.hostPath.type ??= '';
}

function limitRange(item: Fields): void {
  if (item.type !== 'Container') return;
  item.default = { ...item.max, ...item.default };
  item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
  for (const name of ['default', 'defaultRequest']) if (Object.keys(item[name]).length === 0) delete item[name];
}

function networkPolicy(_object: Fields, spec: Fields): void {
  if (!spec.policyTypes?.length) spec.policyTypes = spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
  for (const rule of [...listOf(spec.ingress), ...listOf(spec.egress)])
    for (const port of listOf(rule.ports)) setDefaults(port, { protocol: 'TCP' });
}

const rbacGroup = 'rbac.authorization.k8s.io';

function binding(object: Fields): void {
  if (isFields(object.roleRef)) setDefaults(object.roleRef, { apiGroup: rbacGroup });
  for (const subject of listOf(object.subjects))
    if (subject.kind === 'User' || subject.kind === 'Group') setDefaults(subject, { apiGroup: rbacGroup });
}

function autoscaler(object: Fields, spec: Fields): void {
  setDefaults(spec, { minReplicas: 1 });
  if (!object.apiVersion.endsWith('/v2')) return;
  if (!spec.metrics?.length)
    spec.metrics = [
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
    ];
  if (!isFields(spec.behavior)) return;
  const percent = { type: 'Percent', value: 100, periodSeconds: 15 };
  setDefaults(childOf(spec.behavior, 'scaleUp'), {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }, percent],
  });
  setDefaults(childOf(spec.behavior, 'scaleDown'), { selectPolicy: 'Max', policies: [percent] });
}

function customResourceDefinition(object: Fields, spec: Fields): void {
  const names = childOf(spec, 'names');
  if (names.kind) setDefaults(names, { singular: names.kind.toLowerCase(), listKind: `${names.kind}List` });
  setDefaults(spec, { conversion: { strategy: 'None' } });
  const service = spec.conversion.webhook?.clientConfig?.service;
  if (isFields(service)) setDefaults(service, { port: 443 });
  const storage = listOf(spec.versions).find(version => version.storage === true);
  const status = childOf(object, 'status');
  if (!status.storedVersions?.length && storage) status.storedVersions = [storage.name];
}

function webhooks(object: Fields, more: Fields): void {
  for (const webhook of listOf(object.webhooks)) {
    setDefaults(webhook, {
      failurePolicy: 'Fail',
      matchPolicy: 'Equivalent',
      timeoutSeconds: 10,
      namespaceSelector: {},
      objectSelector: {},
      ...more,
    });
    if (isFields(webhook.clientConfig?.service)) setDefaults(webhook.clientConfig.service, { port: 443 });
    for (const rule of listOf(webhook.rules)) setDefaults(rule, { scope: '*' });
  }
}
