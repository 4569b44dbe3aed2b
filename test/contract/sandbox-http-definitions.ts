import type { Ask } from './sandbox-http.ts';

const group = 'gadgets.example.com';
const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const at = (version: string, name = '') => `/apis/${group}/${version}/namespaces/custom/gadgets${name && '/'}${name}`;

const spec = {
  type: 'object',
  required: ['size'],
  properties: {
    size: { type: 'integer', minimum: 1, maximum: 10 },
    color: { type: 'string', enum: ['red', 'green'], default: 'red' },
    name: { type: 'string', pattern: '^[a-z]+$', maxLength: 5 },
    parts: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['id'],
      items: {
        type: 'object',
        required: ['id'],
        properties: { id: { type: 'string' }, count: { type: 'integer', default: 1 } },
      },
    },
    any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    port: { 'x-kubernetes-int-or-string': true },
  },
  'x-kubernetes-validations': [
    { rule: 'self.size < 9', message: 'too large' },
    { rule: 'self.size >= oldSelf.size', message: 'may not shrink', reason: 'FieldValueForbidden', fieldPath: '.size' },
  ],
};
const schema = {
  openAPIV3Schema: {
    type: 'object',
    properties: {
      spec,
      status: { type: 'object', properties: { ready: { type: 'boolean' }, replicas: { type: 'integer' } } },
    },
  },
};
const version = (name: string, more: object = {}) => ({
  name,
  served: true,
  storage: false,
  schema,
  subresources: { status: {}, scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.replicas' } },
  additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
  selectableFields: [{ jsonPath: '.spec.color' }],
  ...more,
});
const definition = (more: object = {}) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `gadgets.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { plural: 'gadgets', kind: 'Gadget', shortNames: ['gd'], categories: ['all'] },
    versions: [
      version('v1', { storage: true }),
      version('v1beta1', { deprecated: true }),
      version('v1alpha1', { served: false }),
    ],
    ...more,
  },
});
const gadget = (name: string, fields: object = { size: 3 }, more: object = {}) => ({
  apiVersion: `${group}/v1`,
  kind: 'Gadget',
  metadata: { name },
  spec: fields,
  ...more,
});
const create = (name: string, body: unknown, query = ''): Ask => ({
  name: `custom: ${name}`,
  method: 'POST',
  path: at('v1') + query,
  body,
});
const patch = (name: string, type: string, body: unknown, path: string): Ask => ({
  name: `custom: ${name}`,
  method: 'PATCH',
  path,
  type: `application/${type}`,
  body,
});
const merge = 'merge-patch+json';

const definitions: Ask[] = [
  { name: 'definition: with nothing', method: 'POST', path: crds, body: { ...definition(), spec: {} } },
  {
    name: 'definition: with a wrong name',
    method: 'POST',
    path: crds,
    body: { ...definition(), metadata: { name: 'x' } },
  },
  { name: 'definition: no storage', method: 'POST', path: crds, body: definition({ versions: [version('v1')] }) },
  {
    name: 'definition: schema without types',
    method: 'POST',
    path: crds,
    body: definition({
      versions: [
        version('v1', {
          storage: true,
          schema: { openAPIV3Schema: { properties: { spec: { properties: { a: {} } } } } },
        }),
      ],
    }),
  },
  {
    name: 'definition: no schema',
    method: 'POST',
    path: crds,
    body: definition({ versions: [{ name: 'v1', served: true, storage: true }] }),
  },
  {
    name: 'definition: a broken rule',
    method: 'POST',
    path: crds,
    body: definition({
      versions: [
        version('v1', {
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-validations': [{ rule: 'self.' }] } },
        }),
      ],
    }),
  },
  {
    name: 'definition: scale paths that lead elsewhere',
    method: 'POST',
    path: crds,
    body: definition({
      versions: [
        version('v1', {
          storage: true,
          subresources: {
            scale: { specReplicasPath: '.metadata.size', statusReplicasPath: '.status', labelSelectorPath: '.a.b' },
          },
        }),
      ],
    }),
  },
  {
    name: 'definition: no scale paths',
    method: 'POST',
    path: crds,
    body: definition({ versions: [version('v1', { storage: true, subresources: { scale: {} } })] }),
  },
  {
    name: 'definition: wrong default',
    method: 'POST',
    path: crds,
    body: definition({
      versions: [
        version('v1', {
          storage: true,
          selectableFields: [],
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: { spec: { type: 'object', properties: { a: { type: 'string', default: 1 } } } },
            },
          },
        }),
      ],
    }),
  },
  { name: 'definition: dry run', method: 'POST', path: `${crds}?dryRun=All`, body: definition() },
  { name: 'custom: not served yet', method: 'GET', path: at('v1') },
  { name: 'definition: created', method: 'POST', path: crds, body: definition() },
  { name: 'custom: served', method: 'GET', path: at('v1'), until: 200 },
  { name: 'definition: established', method: 'GET', path: `${crds}/gadgets.${group}` },
  { name: 'custom: discovery', method: 'GET', path: `/apis/${group}/v1`, until: 200 },
  { name: 'custom: discovery of the group', method: 'GET', path: `/apis/${group}` },
  { name: 'custom: a version not served', method: 'GET', path: at('v1alpha1') },
];

const objects: Ask[] = [
  create('created', gadget('one', { size: 3, parts: [{ id: 'a' }], unknown: 1, any: { a: { b: null } } })),
  create(
    'created, Strict',
    gadget('two', { size: 3, unknown: 1, parts: [{ id: 'a', more: 2 }] }),
    '?fieldValidation=Strict',
  ),
  create(
    'duplicate fields, Strict',
    `{"apiVersion":"${group}/v1","kind":"Gadget","metadata":{"name":"x"},"spec":{"size":1,"size":2}}`,
    '?fieldValidation=Strict',
  ),
  create(
    'all wrong',
    gadget('two', { size: 30, color: 'blue', name: 'Capital', parts: [{ count: 'x' }, {}], port: 1.5 }),
  ),
  create('required', gadget('two', {})),
  create('a rule', gadget('two', { size: 9 })),
  create('no spec', gadget('two', undefined as never), '?dryRun=All'),
  create('spec of another type', gadget('two', 'text' as never)),
  create('keys twice', gadget('two', { size: 1, parts: [{ id: 'a' }, { id: 'a' }] })),
  create('no kind', { metadata: { name: 'x' } }),
  create('another kind', gadget('x', {}, { kind: 'Gizmo' })),
  create('another API version', gadget('x', { size: 1 }, { apiVersion: `${group}/v1beta1` })),
  create('another group', gadget('x', { size: 1 }, { apiVersion: 'apps/v1' })),
  create(
    'labels that no label may have',
    gadget('x', { size: 1 }, { metadata: { name: 'x', labels: { '/a': '', '': 'b', 'A_/b': 'c' } } }),
  ),
  create('a long name', gadget('x'.repeat(254), { size: 1 })),
  create('finalizers', gadget('x', { size: 1 }, { metadata: { name: 'x', finalizers: ['a', 'b/c', '?'] } })),
  create(
    'owners',
    gadget(
      'x',
      { size: 1 },
      { metadata: { name: 'x', ownerReferences: [{ apiVersion: '', kind: '', name: '', uid: '' }] } },
    ),
  ),
  create('status is not written', gadget('three', { size: 2 }, { status: { ready: true } })),
  create('wrong labels', gadget('x', { size: 1 }, { metadata: { name: 'X Y', labels: { 'a/b/c': '?' } } })),
  create('metadata of a wrong type', gadget('x', { size: 1 }, { metadata: { name: 'x', labels: { a: 1 } } })),
  patch('shrinks', merge, { spec: { size: 1 } }, at('v1', 'one')),
  patch('grows', merge, { spec: { size: 4 } }, at('v1', 'one')),
  patch('no strategic merge', 'strategic-merge-patch+json', {}, at('v1', 'one')),
  patch('json patch', 'json-patch+json', [{ op: 'add', path: '/spec/parts/-', value: { id: 'b' } }], at('v1', 'one')),
  patch(
    'json patch to another type',
    'json-patch+json',
    [{ op: 'replace', path: '/spec/size', value: 'x' }],
    at('v1', 'one'),
  ),
  patch('status', merge, { status: { ready: true, replicas: 1 }, spec: { size: 8 } }, at('v1', 'one/status')),
  patch('status of a wrong type', merge, { status: { ready: 'yes' } }, at('v1', 'one/status')),
  patch('scale', merge, { spec: { replicas: 5 } }, at('v1', 'one/scale')),
  patch(
    'applied',
    'apply-patch+yaml',
    gadget('applied', { size: 2, parts: [{ id: 'a' }] }),
    `${at('v1', 'applied')}?fieldManager=flux`,
  ),
  patch(
    'applied again',
    'apply-patch+yaml',
    gadget('applied', { size: 2, parts: [{ id: 'a' }] }),
    `${at('v1', 'applied')}?fieldManager=flux`,
  ),
  patch(
    'applied by another',
    'apply-patch+yaml',
    gadget('applied', { size: 3, parts: [{ id: 'b', count: 2 }] }),
    `${at('v1', 'applied')}?fieldManager=other`,
  ),
  patch(
    'applied unknown',
    'apply-patch+yaml',
    gadget('applied', { size: 2, unknown: 1 }),
    `${at('v1', 'applied')}?fieldManager=flux`,
  ),
  patch(
    'applied unknown, Strict',
    'apply-patch+yaml',
    gadget('applied', { size: 2, unknown: 1 }),
    `${at('v1', 'applied')}?fieldManager=flux&fieldValidation=Strict`,
  ),
  patch(
    'applied of a wrong type',
    'apply-patch+yaml',
    gadget('applied', { size: 'x' }),
    `${at('v1', 'applied')}?fieldManager=flux`,
  ),
  patch(
    'applied invalid',
    'apply-patch+yaml',
    gadget('applied', { size: 100 }),
    `${at('v1', 'applied')}?fieldManager=flux`,
  ),
  { name: 'custom: another version', method: 'GET', path: at('v1beta1', 'one') },
  { name: 'custom: update without a version', method: 'PUT', path: at('v1', 'one'), body: gadget('one', { size: 8 }) },
  { name: 'custom: by field', method: 'GET', path: `${at('v1')}?fieldSelector=spec.color%3Dred` },
  { name: 'custom: by an unknown field', method: 'GET', path: `${at('v1')}?fieldSelector=spec.size%3D3` },
  {
    name: 'custom: table',
    method: 'GET',
    path: at('v1'),
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
  },
  { name: 'custom: watch', method: 'GET', path: `${at('v1')}?watch=1&fieldSelector=metadata.name%3Done`, events: 1 },
  { name: 'custom: delete', method: 'DELETE', path: at('v1', 'three') },
  { name: 'custom: delete all', method: 'DELETE', path: at('v1') },
  {
    name: 'definition: scope does not change',
    method: 'PATCH',
    path: `${crds}/gadgets.${group}`,
    type: `application/${merge}`,
    body: { spec: { scope: 'Cluster' } },
  },
  { name: 'definition: deleted', method: 'DELETE', path: `${crds}/gadgets.${group}` },
];

export const definitionAsks: Ask[] = [...definitions, ...objects];
