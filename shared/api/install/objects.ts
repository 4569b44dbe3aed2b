import { crdOf, installLabels } from '../crd.ts';
import { kinds } from '../kinds.ts';
import type { KubeObject } from '../object.ts';

/** The groups of the toolkit, also those whose kinds Sluice does not reconcile yet: roles are for people, too. */
const toolkitGroups = [
  'notification.toolkit.fluxcd.io',
  'source.toolkit.fluxcd.io',
  'source.extensions.fluxcd.io',
  'helm.toolkit.fluxcd.io',
  'image.toolkit.fluxcd.io',
  'kustomize.toolkit.fluxcd.io',
];

/** The service account in whose name Sluice talks to the cluster. */
export const serviceAccountName = 'sluice';

/** Everything `sluice install` applies to a cluster, in the order of applying. */
export function installObjects(options: { namespace: string }): KubeObject[] {
  return [
    namespaceObject(options.namespace),
    ...kinds.map(crdOf),
    ...aggregatedRoles(),
    ...identity(options.namespace),
  ];
}

function object(apiVersion: string, kind: string, name: string, rest: Record<string, unknown> = {}): KubeObject {
  const { labels, namespace, ...fields } = rest as { labels?: Record<string, string>; namespace?: string };
  const metadata = { name, ...(namespace ? { namespace } : {}), labels: { ...installLabels, ...labels } };
  return { apiVersion, kind, metadata, ...fields };
}

function namespaceObject(name: string): KubeObject {
  // No workload of ours runs here; the warning is for those that others put beside the toolkit objects.
  const labels = {
    'pod-security.kubernetes.io/warn': 'restricted',
    'pod-security.kubernetes.io/warn-version': 'latest',
  };
  return object('v1', 'Namespace', name, { labels });
}

const rbac = 'rbac.authorization.k8s.io/v1';

/** Lets the built-in roles view, edit and admin reach the toolkit kinds of a namespace. */
function aggregatedRoles(): KubeObject[] {
  const aggregate = (...roles: string[]) =>
    Object.fromEntries(roles.map(role => [`rbac.authorization.k8s.io/aggregate-to-${role}`, 'true']));
  const rules = (verbs: string[]) => [{ apiGroups: toolkitGroups, resources: ['*'], verbs }];
  return [
    object(rbac, 'ClusterRole', 'flux-edit', {
      labels: aggregate('edit', 'admin'),
      rules: rules(['create', 'delete', 'deletecollection', 'patch', 'update']),
    }),
    object(rbac, 'ClusterRole', 'flux-view', {
      labels: aggregate('view', 'edit', 'admin'),
      rules: rules(['get', 'list', 'watch']),
    }),
  ];
}

/** What the controllers may do on their own, apart from applying. */
const controllerRules = [
  // The toolkit's objects: reading, finalizers, status.
  {
    apiGroups: ['source.toolkit.fluxcd.io', 'kustomize.toolkit.fluxcd.io', 'notification.toolkit.fluxcd.io'],
    resources: ['*'],
    verbs: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'],
  },
  // Credentials, tokens and variables that toolkit objects refer to.
  { apiGroups: [''], resources: ['secrets', 'configmaps', 'serviceaccounts'], verbs: ['get', 'list', 'watch'] },
  // Signing in at clouds as the ServiceAccounts that sources name.
  { apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'] },
  { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'watch'] },
  // What was done is told as Events.
  { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: ['create', 'patch', 'update'] },
  // Which kinds are known.
  {
    apiGroups: ['apiextensions.k8s.io'],
    resources: ['customresourcedefinitions'],
    verbs: ['get', 'list', 'watch'],
  },
];

/**
 * The identity of Sluice in the cluster. As with Flux's kustomize-controller, applying needs the rights of a cluster
 * administrator, since a Kustomization may hold any object; with spec.serviceAccountName it applies in that account's
 * name, so that tenants keep to what they may do.
 */
function identity(namespace: string): KubeObject[] {
  const subjects = [{ kind: 'ServiceAccount', name: serviceAccountName, namespace }];
  const bind = (name: string, role: string) =>
    object(rbac, 'ClusterRoleBinding', name, {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects,
    });
  return [
    object('v1', 'ServiceAccount', serviceAccountName, { namespace }),
    object(rbac, 'ClusterRole', 'sluice-controller', { rules: controllerRules }),
    bind('sluice-controller', 'sluice-controller'),
    bind('sluice-reconciler', 'cluster-admin'),
  ];
}
