import type { KubeObject } from '../api/object.ts';
import { bootstrapRoles } from './access/bootstrap-roles.ts';
import type { Kernel } from './crud/kernel.ts';
import { createObject } from './crud/write.ts';

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

const kubernetesService: KubeObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    name: 'kubernetes',
    namespace: 'default',
    labels: { component: 'apiserver', provider: 'kubernetes' },
  },
  spec: {
    clusterIP: '10.96.0.1',
    ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }],
    type: 'ClusterIP',
  },
};

/** Classes of pods that nothing else may push aside. */
const priorityClasses: KubeObject[] = [
  ['system-cluster-critical', 2_000_000_000, 'For pods of the cluster itself; they may move to other nodes.'],
  ['system-node-critical', 2_000_001_000, 'For pods of a node itself; they must stay on it.'],
].map(([name, value, description]) => ({
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  metadata: { name: String(name) },
  value,
  description,
  preemptionPolicy: 'PreemptLowerPriority',
}));

/** Creates what every cluster has, as far as it is missing. */
export function seed(kernel: Kernel): void {
  for (const name of namespaces) ensure(kernel, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  for (const role of bootstrapRoles) ensure(kernel, role);
  for (const priority of priorityClasses) ensure(kernel, priority);
  ensure(kernel, kubernetesService);
}

function ensure(kernel: Kernel, object: KubeObject): void {
  const { definition, version } = kernel.registry.byKind(object.apiVersion, object.kind)!;
  const namespace = object.metadata.namespace ?? '';
  if (kernel.store.get(definition.storageKey, namespace, object.metadata.name)) return;
  const target = { definition, version, namespace, name: '', subresource: '' };
  const options = { manager: 'kube-apiserver', dryRun: false, fieldValidation: 'Ignore' as const, warnings: [] };
  createObject(kernel, target, structuredClone(object), options);
}
