import type { Ask } from './sandbox-http.ts';

const root = '/apis/apps/v1/namespaces/patches/deployments';
const configs = '/api/v1/namespaces/patches/configmaps';
const container = (more: object = {}) => ({ name: 'app', image: 'app:1', ...more });
const deployment = (name: string, containers: object[] = [container()], spec: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers } },
    ...spec,
  },
});

export const patchPreparation: Ask[] = [
  { name: '', method: 'POST', path: root, body: deployment('web') },
  { name: '', method: 'POST', path: `${configs}`, body: { metadata: { name: 'c' }, data: { a: '1', b: '2' } } },
];

const types = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

const patch = (type: keyof typeof types, name: string, body: unknown, path = `${root}/web`): Ask => ({
  name: `${type}: ${name}`,
  method: 'PATCH',
  path,
  type: types[type],
  body,
});

const image = '/spec/template/spec/containers/0/image';

const patches: Ask[] = [
  patch('json', 'replace', [{ op: 'replace', path: image, value: 'app:2' }]),
  patch('json', 'no path', [{ op: 'remove', path: '/spec/none' }]),
  patch('json', 'failed test', [{ op: 'test', path: image, value: 'x' }]),
  patch('json', 'unknown operation', [{ op: 'shuffle', path: image }]),
  patch('json', 'no list', { op: 'replace' }),
  patch('json', 'broken', '[{'),
  patch('json', 'a result that is no deployment', [{ op: 'replace', path: '/spec/replicas', value: 'many' }]),
  patch(
    'json',
    'unknown field, Strict',
    [{ op: 'add', path: '/spec/nope', value: 1 }],
    `${root}/web?fieldValidation=Strict`,
  ),
  patch(
    'json',
    'unknown field, Warn',
    [{ op: 'add', path: '/spec/nope', value: 1 }],
    `${root}/web?fieldValidation=Warn`,
  ),
  patch('json', 'another name', [{ op: 'replace', path: '/metadata/name', value: 'x' }]),
  patch('json', 'everything goes', [{ op: 'replace', path: '', value: {} }]),
  patch('json', 'another kind', [{ op: 'replace', path: '/kind', value: 'Pod' }]),
  patch('merge', 'image', { spec: { replicas: 2, template: { metadata: { annotations: { a: 'b' } } } } }),
  patch('merge', 'lists are replaced', {
    spec: { template: { spec: { containers: [container({ image: 'app:3' })] } } },
  }),
  patch('merge', 'nothing', {}),
  patch('merge', 'a list', []),
  patch('merge', 'broken', '{'),
  patch('merge', 'wrong type', { spec: { replicas: 'many' } }),
  patch('merge', 'wrong type of labels', { metadata: { labels: { a: 1 } } }),
  patch('merge', 'an invalid result', { spec: { replicas: -1 } }),
  patch('merge', 'the selector', { spec: { selector: { matchLabels: { app: 'x' } } } }),
  patch('merge', 'unknown field, Strict', { spec: { nope: 1 } }, `${root}/web?fieldValidation=Strict`),
  patch(
    'merge',
    'duplicate field, Strict',
    '{"spec":{"replicas":1,"replicas":1}}',
    `${root}/web?fieldValidation=Strict`,
  ),
  patch('merge', 'duplicate field, Warn', '{"spec":{"replicas":2,"replicas":2}}', `${root}/web?fieldValidation=Warn`),
  patch('merge', 'a stale version', { metadata: { resourceVersion: '1' } }),
  patch('merge', 'dry run', { spec: { replicas: 7 } }, `${root}/web?dryRun=All`),
  patch('merge', 'status', { status: { replicas: 2 }, spec: { replicas: 9 } }, `${root}/web/status`),
  patch('merge', 'what is not there', {}, `${root}/none`),
  patch('merge', 'the collection', {}, root),
  patch('strategic', 'a second container', {
    spec: { template: { spec: { containers: [{ name: 'side', image: 'side:1' }] } } },
  }),
  patch('strategic', 'a container goes', {
    spec: { template: { spec: { containers: [{ name: 'side', $patch: 'delete' }] } } },
  }),
  patch('strategic', 'order of containers', {
    spec: {
      template: {
        spec: {
          '$setElementOrder/containers': [{ name: 'app' }],
          containers: [{ name: 'app', env: [{ name: 'A', value: '1' }] }],
        },
      },
    },
  }),
  patch('strategic', 'no key', { spec: { template: { spec: { containers: [{ image: 'x' }] } } } }),
  patch('strategic', 'wrong type', { spec: { replicas: 'many' } }),
  patch('strategic', 'replace a map', {
    spec: { template: { metadata: { annotations: { $patch: 'replace', c: 'd' } } } },
  }),
  patch('strategic', 'unknown directive', { spec: { $patch: 'explode' } }),
  patch('strategic', 'unknown field', { spec: { nope: 1 } }, `${root}/web?fieldValidation=Strict`),
  { name: 'patch in an unknown format', method: 'PATCH', path: `${root}/web`, type: 'application/json', body: {} },
];

const apply = (name: string, body: unknown, query = 'fieldManager=flux', path = `${root}/applied`): Ask =>
  patch('apply', name, body, `${path}?${query}`);

const applies: Ask[] = [
  apply('creates', deployment('applied')),
  apply('again', deployment('applied')),
  apply('changes', deployment('applied', [container({ image: 'app:2' })])),
  apply('conflicts', deployment('applied', [container({ image: 'app:3' })], { replicas: 2 }), 'fieldManager=other'),
  apply(
    'forces',
    deployment('applied', [container({ image: 'app:3' })], { replicas: 2 }),
    'fieldManager=other&force=true',
  ),
  apply('gives up fields', { ...deployment('applied'), spec: { replicas: 2 } }, 'fieldManager=other'),
  apply('no manager', deployment('applied'), 'force=true'),
  apply('unknown field', { ...deployment('applied'), spec: { nope: 1 } }),
  apply('wrong type', deployment('applied', [container()], { replicas: 'many' })),
  apply('a key is missing', deployment('applied', [{ image: 'x' }])),
  apply('a key twice', deployment('applied', [container(), container()])),
  apply('another name', deployment('other')),
  apply('no apiVersion', { metadata: { name: 'applied' } }),
  apply('another kind', { ...deployment('applied'), kind: 'StatefulSet' }),
  apply('managedFields in it', { ...deployment('applied'), metadata: { name: 'applied', managedFields: [] } }),
  apply(
    'YAML',
    'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yam\ndata:\n  a: b\n',
    'fieldManager=flux',
    `${configs}/yam`,
  ),
  apply('broken YAML', 'a: [b', 'fieldManager=flux', `${configs}/yam`),
  apply(
    'a duplicate field',
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yam}\ndata:\n  a: b\n  a: c\n',
    'fieldManager=flux&fieldValidation=Strict',
    `${configs}/yam`,
  ),
  apply(
    'dry run that creates',
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'dry' } },
    'fieldManager=flux&dryRun=All',
    `${configs}/dry`,
  ),
  apply(
    'a stale version',
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'yam', resourceVersion: '1' } },
    'fieldManager=flux',
    `${configs}/yam`,
  ),
  apply(
    'a uid that nobody has',
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'z', uid: 'x' } },
    'fieldManager=flux',
    `${configs}/z`,
  ),
  apply(
    'status',
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'applied' }, status: { replicas: 2 } },
    'fieldManager=controller',
    `${root}/applied/status`,
  ),
  apply(
    'status of nothing',
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'none' } },
    'fieldManager=controller',
    `${root}/none/status`,
  ),
  apply(
    'without a namespace, by kubectl, after kubectl',
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'k', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' } },
      data: { a: 'b' },
    },
    'fieldManager=kubectl',
    `${configs}/k`,
  ),
  apply(
    'and once more',
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'k' }, data: { a: 'c' } },
    'fieldManager=kubectl&force=true',
    `${configs}/k`,
  ),
  apply(
    'a manager with a long name',
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'k' } },
    `fieldManager=${'x'.repeat(129)}`,
    `${configs}/k`,
  ),
  apply(
    'replicas of others',
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { replicas: 5 } },
    'fieldManager=flux',
    `${root}/web`,
  ),
  { name: 'what became of it', method: 'GET', path: `${root}/applied` },
];

export const patchAsks: Ask[] = [...patches, ...applies];
