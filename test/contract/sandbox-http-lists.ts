import type { Ask } from './sandbox-http.ts';

const at = '/api/v1/namespaces/lists/configmaps';
const names = ['a', 'b', 'c', 'd', 'e'];
const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
const pod = {
  metadata: { name: 'p', labels: { app: 'p' } },
  spec: { containers: [{ name: 'app', image: 'app:1' }], nodeSelector: { none: 'such' } },
};

export const listPreparation: Ask[] = [
  ...names.map(
    (name, i): Ask => ({
      name: '',
      method: 'POST',
      path: at,
      body: { metadata: { name, labels: { app: i % 2 ? 'odd' : 'even', name } }, data: { i: String(i) } },
    }),
  ),
  { name: '', method: 'POST', path: '/api/v1/namespaces/lists/pods', body: pod },
  {
    name: '',
    method: 'POST',
    path: '/api/v1/namespaces/lists/secrets',
    body: { metadata: { name: 's' }, type: 'x/y' },
  },
];

const list = (name: string, query: string, more: Partial<Ask> = {}): Ask => ({
  name: `list: ${name}`,
  method: 'GET',
  path: `${at}${query && '?'}${query}`,
  ...more,
});

const lists: Ask[] = [
  list('all', '', { keep: { listed: 'metadata.resourceVersion' } }),
  list('by label', 'labelSelector=app%3Dodd'),
  list('by set', 'labelSelector=name+in+(a,b),app!%3Dodd'),
  list('by absence', 'labelSelector=!none'),
  list('by a broken selector', 'labelSelector=a+in+b'),
  list('by a wrong label', 'labelSelector=a%3Db+c'),
  list('by name', 'fieldSelector=metadata.name%3Dc'),
  list('by all but a name', 'fieldSelector=metadata.name!%3Dc'),
  list('by an unknown field', 'fieldSelector=data.i%3D1'),
  list('by a broken field selector', 'fieldSelector=metadata.name'),
  list('first page', 'limit=2', { keep: { token: 'metadata.continue' } }),
  list('second page', 'limit=2&continue=$token$', { keep: { token: 'metadata.continue' } }),
  list('last page', 'limit=2&continue=$token$'),
  list('a page by label', 'limit=1&labelSelector=app%3Dodd'),
  list('a broken token', 'continue=x'),
  list('a negative limit', 'limit=-1'),
  list('a limit in words', 'limit=few'),
  list('any version', 'resourceVersion=0'),
  list('that version', 'resourceVersion=$listed$&resourceVersionMatch=Exact'),
  list('no older', 'resourceVersion=$listed$&resourceVersionMatch=NotOlderThan'),
  list('a match without a version', 'resourceVersionMatch=Exact'),
  list('an exact match of any', 'resourceVersion=0&resourceVersionMatch=Exact'),
  list('an unknown match', 'resourceVersion=1&resourceVersionMatch=Nearly'),
  list('a version in words', 'resourceVersion=new'),
  list('a version of the future', 'resourceVersion=99999999', { events: 1 }),
  list('metadata only', '', {
    headers: { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' },
  }),
  list('a page of a table', 'limit=1', { headers: table }),
  { name: 'list: secrets by type', method: 'GET', path: '/api/v1/secrets?fieldSelector=type%3Dx/y' },
  {
    name: 'list: pods by phase',
    method: 'GET',
    path: '/api/v1/namespaces/lists/pods?fieldSelector=status.phase%3DRunning',
  },
  { name: 'list: in a namespace that is not', method: 'GET', path: '/api/v1/namespaces/none/pods' },
  {
    name: 'metadata of one',
    method: 'GET',
    path: `${at}/a`,
    headers: { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' },
  },
];

const shapes: Ask[] = [
  { name: 'table: pods', method: 'GET', path: '/api/v1/namespaces/lists/pods', headers: table },
  { name: 'table: one', method: 'GET', path: `${at}/a`, headers: table },
  { name: 'table: whole objects', method: 'GET', path: `${at}/a?includeObject=Object`, headers: table },
  { name: 'table: no objects', method: 'GET', path: `${at}?includeObject=None`, headers: table },
  { name: 'table: wrong objects', method: 'GET', path: `${at}?includeObject=Half`, headers: table },
  { name: 'table: nothing there', method: 'GET', path: `${at}/none`, headers: table },
  ...[
    '/api/v1/services',
    '/api/v1/namespaces/lists/secrets',
    '/api/v1/namespaces/lists/serviceaccounts',
    '/api/v1/namespaces/lists',
    '/api/v1/persistentvolumeclaims',
    '/api/v1/nodes',
    '/api/v1/events',
    '/apis/apps/v1/deployments',
    '/apis/apps/v1/replicasets',
    '/apis/apps/v1/statefulsets',
    '/apis/apps/v1/daemonsets',
    '/apis/batch/v1/jobs',
    '/apis/batch/v1/cronjobs',
    '/apis/networking.k8s.io/v1/ingresses',
    '/apis/networking.k8s.io/v1/networkpolicies',
    '/apis/autoscaling/v2/horizontalpodautoscalers',
    '/apis/policy/v1/poddisruptionbudgets',
    '/apis/rbac.authorization.k8s.io/v1/roles',
    '/apis/rbac.authorization.k8s.io/v1/rolebindings',
    '/apis/storage.k8s.io/v1/storageclasses',
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
  ].map(
    (path): Ask => ({
      name: `table: ${path}`,
      method: 'GET',
      path: `${path}${path.includes('?') ? '' : '?labelSelector=none'}`,
      headers: table,
    }),
  ),
];

const watch = (name: string, query: string, more: Partial<Ask> = {}): Ask => ({
  name: `watch: ${name}`,
  method: 'GET',
  path: `${at}?watch=1&${query}`,
  events: 1,
  ...more,
});

const watches: Ask[] = [
  watch('from nothing', '', { events: 5 }),
  {
    name: 'a change',
    method: 'PATCH',
    path: `${at}/a`,
    type: 'application/merge-patch+json',
    body: { metadata: { labels: { app: 'odd' } } },
  },
  { name: 'a deletion', method: 'DELETE', path: `${at}/e` },
  watch('from a version', 'resourceVersion=$listed$', { events: 2 }),
  watch('into sight', 'resourceVersion=$listed$&labelSelector=app%3Dodd'),
  watch('out of sight', 'resourceVersion=$listed$&labelSelector=app%3Deven', { events: 2 }),
  watch('one by name', 'fieldSelector=metadata.name%3Da'),
  watch(
    'initial events and their bookmark',
    'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true',
    { events: 5 },
  ),
  watch('initial events without a match', 'sendInitialEvents=true&allowWatchBookmarks=true'),
  watch('initial events without bookmarks', 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan', { events: 4 }),
  watch('a match alone', 'resourceVersionMatch=NotOlderThan'),
  watch('a version in words', 'resourceVersion=new'),
  watch('a broken selector', 'labelSelector=a+in+b'),
  watch('a table', 'fieldSelector=metadata.name%3Da', { headers: table }),
  watch('metadata', 'fieldSelector=metadata.name%3Da', {
    headers: { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' },
  }),
  watch('time is up', 'resourceVersion=$listed$&timeoutSeconds=1&labelSelector=none', { events: 9 }),
  { name: 'watch: the old path', method: 'GET', path: '/api/v1/watch/namespaces/lists/configmaps/b', events: 1 },
];

export const listAsks: Ask[] = [...lists, ...shapes, ...watches];
