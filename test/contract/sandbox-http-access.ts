import type { Ask } from './sandbox-http.ts';

const rbac = '/apis/rbac.authorization.k8s.io/v1';
const here = `${rbac}/namespaces/access`;
const roleRef = (kind: string, name: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name });
const user = (name: string) => ({ kind: 'User', name, apiGroup: 'rbac.authorization.k8s.io' });
const role = (name: string, ...rules: object[]) => ({ metadata: { name }, rules });
const rule = (resources: string[], verbs: string[], apiGroups = ['']) => ({ apiGroups, resources, verbs });
const binding = (name: string, ref: object, ...subjects: object[]) => ({ metadata: { name }, roleRef: ref, subjects });
const post = (path: string, body: object): Ask => ({ name: '', method: 'POST', path, body });

/** Neither escalate nor bind. */
const writing = ['get', 'list', 'create', 'update', 'patch', 'delete'];

/** Ann may write roles and bindings in the namespace, and otherwise only what `edit` allows on config maps. */
export const accessPreparation: Ask[] = [
  post(
    `${here}/roles`,
    role(
      'ann',
      rule(['roles', 'rolebindings'], writing, ['rbac.authorization.k8s.io']),
      rule(['configmaps'], ['get', 'list', 'create', 'patch']),
      { ...rule(['secrets'], ['get']), resourceNames: ['one'] },
    ),
  ),
  post(`${here}/rolebindings`, binding('ann', roleRef('Role', 'ann'), user('ann'))),
  post(`${here}/roles`, role('strong', rule(['secrets'], ['*']))),
  post(`${here}/roles`, role('weak', rule(['configmaps'], ['get']))),
  post(
    `${here}/roles`,
    role(
      'bob',
      rule(['roles'], ['create', 'update', 'patch', 'get', 'escalate'], ['rbac.authorization.k8s.io']),
      rule(['rolebindings'], ['create', 'get'], ['rbac.authorization.k8s.io']),
      { ...rule(['roles'], ['bind'], ['rbac.authorization.k8s.io']), resourceNames: ['strong'] },
    ),
  ),
  post(`${here}/rolebindings`, binding('bob', roleRef('Role', 'bob'), user('bob'))),
  post(
    `${rbac}/clusterroles`,
    role(
      'carol',
      rule(['clusterroles', 'clusterrolebindings'], writing, ['rbac.authorization.k8s.io']),
      rule(['pods', 'pods/log'], ['get']),
      { nonResourceURLs: ['/metrics*'], verbs: ['get'] },
    ),
  ),
  post(`${rbac}/clusterrolebindings`, binding('carol', roleRef('ClusterRole', 'carol'), user('carol'))),
];

const as = (
  who: string,
  name: string,
  method: Ask['method'],
  path: string,
  body?: unknown,
  more: Partial<Ask> = {},
): Ask => ({
  name: `${who}: ${name}`,
  method,
  path,
  ...(body === undefined ? {} : { body }),
  ...more,
  headers: { 'impersonate-user': who, ...more.headers },
});
const applyType = 'application/apply-patch+yaml';
const mergeType = 'application/merge-patch+json';
const kinded = (kind: string, body: object) => ({ apiVersion: 'rbac.authorization.k8s.io/v1', kind, ...body });

const escalation: Ask[] = [
  as('ann', 'a role that she may grant', 'POST', `${here}/roles`, role('mine', rule(['configmaps'], ['get', 'list']))),
  as(
    'ann',
    'a role that she may not grant',
    'POST',
    `${here}/roles`,
    role('more', rule(['configmaps', 'pods'], ['get', 'delete']), rule(['deployments'], ['*'], ['apps', 'extensions'])),
  ),
  as(
    'ann',
    'a role with names',
    'POST',
    `${here}/roles`,
    role('named', { ...rule(['secrets'], ['get']), resourceNames: ['one', 'two'] }),
  ),
  as(
    'ann',
    'a role with a name of hers',
    'POST',
    `${here}/roles`,
    role('named-one', { ...rule(['secrets'], ['get']), resourceNames: ['one'] }),
  ),
  as(
    'ann',
    'an update that adds',
    'PUT',
    `${here}/roles/mine`,
    role('mine', rule(['configmaps'], ['get', 'list', 'delete'])),
  ),
  as('ann', 'an update that takes', 'PUT', `${here}/roles/mine`, role('mine', rule(['configmaps'], ['get']))),
  as(
    'ann',
    'a patch that adds',
    'PATCH',
    `${here}/roles/mine`,
    { rules: [rule(['*'], ['*'], ['*'])] },
    { type: mergeType },
  ),
  as(
    'ann',
    'labels of a role that she could not grant',
    'PATCH',
    `${here}/roles/strong`,
    { metadata: { labels: { a: 'b' } } },
    { type: mergeType },
  ),
  as(
    'ann',
    'an apply that creates',
    'PATCH',
    `${here}/roles/applied?fieldManager=flux`,
    kinded('Role', role('applied', rule(['pods'], ['get']))),
    { type: applyType },
  ),
  as('ann', 'a dry run that creates', 'POST', `${here}/roles?dryRun=All`, role('dry', rule(['pods'], ['get']))),
  as(
    'ann',
    'a binding to what she has',
    'POST',
    `${here}/rolebindings`,
    binding('weak', roleRef('Role', 'weak'), user('dave')),
  ),
  as(
    'ann',
    'a binding to more',
    'POST',
    `${here}/rolebindings`,
    binding('strong', roleRef('Role', 'strong'), user('dave')),
  ),
  as(
    'ann',
    'a binding to a cluster role',
    'POST',
    `${here}/rolebindings`,
    binding('admin', roleRef('ClusterRole', 'cluster-admin'), user('dave')),
  ),
  as(
    'ann',
    'a binding to nothing',
    'POST',
    `${here}/rolebindings`,
    binding('nothing', roleRef('Role', 'none'), user('dave')),
  ),
  as(
    'ann',
    'an apply of a binding to more',
    'PATCH',
    `${here}/rolebindings/applied?fieldManager=flux`,
    kinded('RoleBinding', binding('applied', roleRef('Role', 'strong'), user('dave'))),
    { type: applyType },
  ),
  as(
    'ann',
    'more subjects for less',
    'PATCH',
    `${here}/rolebindings/weak`,
    { subjects: [user('erin')] },
    { type: mergeType },
  ),
  as('ann', 'a cluster role', 'POST', `${rbac}/clusterroles`, role('x')),
  as('bob', 'may escalate', 'POST', `${here}/roles`, role('escalated', rule(['pods'], ['get']))),
  as(
    'bob',
    'may bind that one',
    'POST',
    `${here}/rolebindings`,
    binding('bound', roleRef('Role', 'strong'), user('dave')),
  ),
  as(
    'bob',
    'may bind no other',
    'POST',
    `${here}/rolebindings`,
    binding('unbound', roleRef('Role', 'weak'), user('dave')),
  ),
  as(
    'carol',
    'a cluster role that she may grant',
    'POST',
    `${rbac}/clusterroles`,
    role('carols', rule(['pods/log'], ['get']), { nonResourceURLs: ['/metrics/x'], verbs: ['get'] }),
  ),
  as(
    'carol',
    'a cluster role that she may not grant',
    'POST',
    `${rbac}/clusterroles`,
    role('more', rule(['pods/exec'], ['create']), { nonResourceURLs: ['/healthz', '/logs'], verbs: ['get'] }),
  ),
  as('carol', 'aggregation', 'POST', `${rbac}/clusterroles`, {
    ...role('gathered'),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] },
  }),
  as(
    'carol',
    'a cluster role binding',
    'POST',
    `${rbac}/clusterrolebindings`,
    binding('more', roleRef('ClusterRole', 'cluster-admin'), user('carol')),
  ),
  as(
    'carol',
    'a cluster role binding to what she has',
    'POST',
    `${rbac}/clusterrolebindings`,
    binding('carols', roleRef('ClusterRole', 'carols'), user('dave')),
  ),
  as('system:serviceaccount:access:bot', 'is refused', 'GET', '/api/v1/namespaces/access/secrets'),
  { name: 'groups without a user', method: 'GET', path: '/api/v1/pods', headers: { 'impersonate-group': 'x' } },
  {
    name: 'the master by group',
    method: 'GET',
    path: '/api/v1/namespaces/access/secrets',
    headers: { 'impersonate-user': 'x', 'impersonate-group': 'system:masters' },
  },
  as('ann', 'no path', 'GET', '/metrics'),
  as('ann', 'a list by name', 'GET', '/api/v1/namespaces/access/secrets?fieldSelector=metadata.name%3Done'),
  as('ann', 'get of an unknown kind', 'GET', '/apis/none.example.com/v1/namespaces/access/things'),
];

const review = (kind: string, name: string, spec: object, headers: Record<string, string> = {}): Ask => ({
  name: `${kind}: ${name}`,
  method: 'POST',
  path: `/apis/authorization.k8s.io/v1/${kind.includes('Local') ? 'namespaces/access/' : ''}${kind.toLowerCase()}s`,
  headers,
  body: { apiVersion: 'authorization.k8s.io/v1', kind, spec },
});
const attributes = (verb: string, resource: string, more: object = {}) => ({
  resourceAttributes: { namespace: 'access', verb, resource, ...more },
});
const ann = { 'impersonate-user': 'ann' };

const reviews: Ask[] = [
  review('SelfSubjectAccessReview', 'yes', attributes('get', 'configmaps'), ann),
  review('SelfSubjectAccessReview', 'no', attributes('delete', 'configmaps'), ann),
  review('SelfSubjectAccessReview', 'path', { nonResourceAttributes: { path: '/openapi/v2', verb: 'get' } }, ann),
  review('SelfSubjectAccessReview', 'nothing', {}, ann),
  review('SelfSubjectAccessReview', 'master', attributes('delete', 'nodes')),
  review('SubjectAccessReview', 'of a user', { ...attributes('get', 'configmaps'), user: 'ann' }),
  review('SubjectAccessReview', 'of a group', { ...attributes('get', 'configmaps'), groups: ['system:masters'] }),
  review('SubjectAccessReview', 'of nobody', attributes('get', 'configmaps')),
  review('SubjectAccessReview', 'is not for all', { ...attributes('get', 'configmaps'), user: 'ann' }, ann),
  review('LocalSubjectAccessReview', 'here', { ...attributes('get', 'configmaps'), user: 'ann' }),
  review('LocalSubjectAccessReview', 'elsewhere', {
    ...attributes('get', 'configmaps', { namespace: 'other' }),
    user: 'ann',
  }),
  {
    name: 'SelfSubjectReview',
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    body: {},
    headers: ann,
  },
  {
    name: 'TokenReview of nothing known',
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/tokenreviews',
    body: { spec: { token: 'x' } },
  },
  { name: 'reviews are not listed', method: 'GET', path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews' },
];

const objects: Ask[] = [
  {
    name: 'a role reference that changes',
    method: 'PATCH',
    path: `${here}/rolebindings/ann`,
    type: mergeType,
    body: { roleRef: { name: 'weak' } },
  },
  {
    name: 'a role without verbs',
    method: 'POST',
    path: `${here}/roles`,
    body: role('x', { apiGroups: [''], resources: ['pods'] }),
  },
  {
    name: 'a role with paths',
    method: 'POST',
    path: `${here}/roles`,
    body: role('x', { nonResourceURLs: ['/x'], verbs: ['get'] }),
  },
  {
    name: 'a binding without subjects',
    method: 'POST',
    path: `${here}/rolebindings`,
    body: { metadata: { name: 'alone' }, roleRef: roleRef('Role', 'weak') },
  },
  {
    name: 'a binding with wrong subjects',
    method: 'POST',
    path: `${here}/rolebindings`,
    body: binding('x', roleRef('Role', ''), { kind: 'Robot', name: '' }, { kind: 'ServiceAccount', name: 'a' }),
  },
];

export const accessAsks: Ask[] = [...escalation, ...reviews, ...objects];
