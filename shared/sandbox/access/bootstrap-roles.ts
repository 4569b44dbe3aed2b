import type { KubeObject } from '../../api/object.ts';
import type { PolicyRule } from './rbac.ts';
import { authenticatedGroup, mastersGroup } from './user.ts';

const apiVersion = 'rbac.authorization.k8s.io/v1';
const bootstrapping = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
const autoupdate = { 'rbac.authorization.kubernetes.io/autoupdate': 'true' };

const read = ['get', 'list', 'watch'];
const write = ['create', 'delete', 'deletecollection', 'patch', 'update'];

function rule(verbs: string[], group: string, ...resources: string[]): PolicyRule {
  return { apiGroups: [group], resources, verbs };
}

function clusterRole(name: string, rules: PolicyRule[], labels: Record<string, string> = {}): KubeObject {
  return {
    apiVersion,
    kind: 'ClusterRole',
    metadata: { name, labels: { ...bootstrapping, ...labels }, annotations: autoupdate },
    rules,
  };
}

/** A role whose rules are those of the roles with the label, gathered by the aggregation. */
function aggregated(name: string, from: string, labels: Record<string, string> = {}): KubeObject {
  return {
    ...clusterRole(name, [], labels),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [from]: 'true' } }] },
  };
}

function bind(name: string, role: string, groups: string[]): KubeObject {
  return {
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata: { name, labels: bootstrapping, annotations: autoupdate },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: groups.map(group => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group })),
  };
}

const aggregate = (to: string): string => `rbac.authorization.k8s.io/aggregate-to-${to}`;

const workloads = [
  'daemonsets',
  'deployments',
  'deployments/rollback',
  'deployments/scale',
  'replicasets',
  'replicasets/scale',
  'statefulsets',
  'statefulsets/scale',
];

const editable: PolicyRule[] = [
  rule(
    write,
    '',
    'pods',
    'pods/attach',
    'pods/exec',
    'pods/portforward',
    'pods/proxy',
    'configmaps',
    'events',
    'persistentvolumeclaims',
    'replicationcontrollers',
    'replicationcontrollers/scale',
    'secrets',
    'serviceaccounts',
    'services',
    'services/proxy',
    'endpoints',
  ),
  rule(['create'], '', 'pods/eviction', 'serviceaccounts/token'),
  rule(['impersonate'], '', 'serviceaccounts'),
  rule(write, 'apps', ...workloads),
  rule(write, 'autoscaling', 'horizontalpodautoscalers'),
  rule(write, 'batch', 'cronjobs', 'jobs'),
  rule(write, 'networking.k8s.io', 'ingresses', 'networkpolicies'),
  rule(write, 'policy', 'poddisruptionbudgets'),
  rule([...write, ...read], 'coordination.k8s.io', 'leases'),
  rule(read, '', 'secrets', 'pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy', 'services/proxy'),
];

const viewable: PolicyRule[] = [
  rule(
    read,
    '',
    'configmaps',
    'endpoints',
    'persistentvolumeclaims',
    'persistentvolumeclaims/status',
    'pods',
    'replicationcontrollers',
    'replicationcontrollers/scale',
    'serviceaccounts',
    'services',
    'services/status',
    'bindings',
    'events',
    'limitranges',
    'namespaces/status',
    'pods/log',
    'pods/status',
    'replicationcontrollers/status',
    'resourcequotas',
    'resourcequotas/status',
    'namespaces',
  ),
  rule(read, 'discovery.k8s.io', 'endpointslices'),
  rule(
    read,
    'apps',
    'controllerrevisions',
    ...workloads.filter(name => name !== 'deployments/rollback'),
    'daemonsets/status',
    'deployments/status',
    'replicasets/status',
    'statefulsets/status',
  ),
  rule(read, 'autoscaling', 'horizontalpodautoscalers', 'horizontalpodautoscalers/status'),
  rule(read, 'batch', 'cronjobs', 'cronjobs/status', 'jobs', 'jobs/status'),
  rule(read, 'networking.k8s.io', 'ingresses', 'ingresses/status', 'networkpolicies'),
  rule(read, 'policy', 'poddisruptionbudgets', 'poddisruptionbudgets/status'),
];

const discoveryPaths = [
  '/api',
  '/api/*',
  '/apis',
  '/apis/*',
  '/healthz',
  '/livez',
  '/openapi',
  '/openapi/*',
  '/readyz',
  '/version',
  '/version/',
];
const publicPaths = ['/healthz', '/livez', '/readyz', '/version', '/version/'];

/** The roles and bindings that every cluster has. */
export const bootstrapRoles: KubeObject[] = [
  clusterRole('cluster-admin', [
    { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
    { nonResourceURLs: ['*'], verbs: ['*'] },
  ]),
  clusterRole('system:discovery', [{ nonResourceURLs: discoveryPaths, verbs: ['get'] }]),
  clusterRole('system:public-info-viewer', [{ nonResourceURLs: publicPaths, verbs: ['get'] }]),
  clusterRole('system:basic-user', [
    rule(['create'], 'authorization.k8s.io', 'selfsubjectaccessreviews', 'selfsubjectrulesreviews'),
    rule(['create'], 'authentication.k8s.io', 'selfsubjectreviews'),
  ]),
  clusterRole('system:auth-delegator', [
    rule(['create'], 'authentication.k8s.io', 'tokenreviews'),
    rule(['create'], 'authorization.k8s.io', 'subjectaccessreviews'),
  ]),
  aggregated('admin', aggregate('admin')),
  aggregated('edit', aggregate('edit'), { [aggregate('admin')]: 'true' }),
  aggregated('view', aggregate('view'), { [aggregate('edit')]: 'true' }),
  clusterRole(
    'system:aggregate-to-admin',
    [
      rule(['create'], 'authorization.k8s.io', 'localsubjectaccessreviews'),
      rule([...write, ...read], 'rbac.authorization.k8s.io', 'rolebindings', 'roles'),
    ],
    { [aggregate('admin')]: 'true' },
  ),
  clusterRole('system:aggregate-to-edit', editable, { [aggregate('edit')]: 'true' }),
  clusterRole('system:aggregate-to-view', viewable, { [aggregate('view')]: 'true' }),
  bind('cluster-admin', 'cluster-admin', [mastersGroup]),
  bind('system:discovery', 'system:discovery', [authenticatedGroup]),
  bind('system:basic-user', 'system:basic-user', [authenticatedGroup]),
  bind('system:public-info-viewer', 'system:public-info-viewer', [authenticatedGroup, 'system:unauthenticated']),
];
