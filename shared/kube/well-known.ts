/** What must be known of a kind to build its URL. */
export interface Resource {
  plural: string;
  namespaced: boolean;
}

/**
 * Kinds that need no discovery: `plural!` is cluster-scoped. Only kinds whose plural and scope have never changed in a
 * served version. An API server that does not serve one of them answers 404, which is what an unknown kind means too.
 */
const table: Record<string, string> = {
  v1: `ConfigMap configmaps, Endpoints endpoints, Event events, LimitRange limitranges, Namespace namespaces!, Node nodes!,
    PersistentVolume persistentvolumes!, PersistentVolumeClaim persistentvolumeclaims, Pod pods, PodTemplate podtemplates,
    ReplicationController replicationcontrollers, ResourceQuota resourcequotas, Secret secrets, Service services,
    ServiceAccount serviceaccounts`,
  'apps/v1': `ControllerRevision controllerrevisions, DaemonSet daemonsets, Deployment deployments, ReplicaSet replicasets,
    StatefulSet statefulsets`,
  'batch/v1': 'CronJob cronjobs, Job jobs',
  'autoscaling/v1': 'HorizontalPodAutoscaler horizontalpodautoscalers',
  'autoscaling/v2': 'HorizontalPodAutoscaler horizontalpodautoscalers',
  'policy/v1': 'PodDisruptionBudget poddisruptionbudgets',
  'networking.k8s.io/v1': 'Ingress ingresses, IngressClass ingressclasses!, NetworkPolicy networkpolicies',
  'rbac.authorization.k8s.io/v1': `ClusterRole clusterroles!, ClusterRoleBinding clusterrolebindings!, Role roles,
    RoleBinding rolebindings`,
  'storage.k8s.io/v1': `StorageClass storageclasses!, CSIDriver csidrivers!, CSINode csinodes!,
    VolumeAttachment volumeattachments!`,
  'scheduling.k8s.io/v1': 'PriorityClass priorityclasses!',
  'node.k8s.io/v1': 'RuntimeClass runtimeclasses!',
  'coordination.k8s.io/v1': 'Lease leases',
  'discovery.k8s.io/v1': 'EndpointSlice endpointslices',
  'events.k8s.io/v1': 'Event events',
  'apiextensions.k8s.io/v1': 'CustomResourceDefinition customresourcedefinitions!',
  'apiregistration.k8s.io/v1': 'APIService apiservices!',
  'admissionregistration.k8s.io/v1': `MutatingWebhookConfiguration mutatingwebhookconfigurations!,
    ValidatingWebhookConfiguration validatingwebhookconfigurations!,
    ValidatingAdmissionPolicy validatingadmissionpolicies!,
    ValidatingAdmissionPolicyBinding validatingadmissionpolicybindings!`,
  'source.toolkit.fluxcd.io/v1': `GitRepository gitrepositories, OCIRepository ocirepositories, Bucket buckets,
    HelmRepository helmrepositories, HelmChart helmcharts, ExternalArtifact externalartifacts`,
  'source.extensions.fluxcd.io/v1beta1': 'ArtifactGenerator artifactgenerators',
  'kustomize.toolkit.fluxcd.io/v1': 'Kustomization kustomizations',
  'helm.toolkit.fluxcd.io/v2': 'HelmRelease helmreleases',
  'notification.toolkit.fluxcd.io/v1': 'Receiver receivers',
  'notification.toolkit.fluxcd.io/v1beta3': 'Alert alerts, Provider providers',
};

const known = new Map<string, Resource>();
for (const [apiVersion, kinds] of Object.entries(table))
  for (const entry of kinds.split(',')) {
    const [kind, plural] = entry.trim().split(/\s+/) as [string, string];
    known.set(`${apiVersion}/${kind}`, { plural: plural.replace('!', ''), namespaced: !plural.endsWith('!') });
  }

export function wellKnown(apiVersion: string, kind: string): Resource | undefined {
  return known.get(`${apiVersion}/${kind}`);
}

const builtInGroups = new Set(
  Object.keys(table)
    .map(apiVersion => apiVersion.slice(0, Math.max(0, apiVersion.indexOf('/'))))
    .filter(group => !group.endsWith('.fluxcd.io')),
);

/** Groups that Kubernetes itself serves, with fixed types. */
export function isBuiltInGroup(group: string): boolean {
  return builtInGroups.has(group);
}
