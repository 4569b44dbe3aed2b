import type { Ask } from './sandbox-http.ts';

const at = '/api/v1/namespaces/objects/configmaps';
const config = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { a: '1' },
  ...more,
});
const deployments = '/apis/apps/v1/namespaces/objects/deployments';
const deployment = (name: string, spec: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'app', image: 'app:1' }] } },
    ...spec,
  },
});

const create: Ask[] = [
  {
    name: 'create',
    method: 'POST',
    path: at,
    body: config('one'),
    keep: { rv: 'metadata.resourceVersion', uid: 'metadata.uid' },
  },
  { name: 'create what is there', method: 'POST', path: at, body: config('one') },
  { name: 'create with a manager', method: 'POST', path: `${at}?fieldManager=me`, body: config('two') },
  { name: 'create, dry run', method: 'POST', path: `${at}?dryRun=All`, body: config('dry') },
  { name: 'dry run leaves nothing', method: 'GET', path: `${at}/dry` },
  { name: 'dry run of something else', method: 'POST', path: `${at}?dryRun=Some`, body: config('dry') },
  { name: 'create without a name', method: 'POST', path: at, body: { ...config('x'), metadata: {} } },
  { name: 'create with a wrong name', method: 'POST', path: at, body: config('No Name') },
  {
    name: 'create with a name generated',
    method: 'POST',
    path: at,
    body: { ...config('x'), metadata: { generateName: 'A_' } },
  },
  {
    name: 'create in another namespace',
    method: 'POST',
    path: at,
    body: { ...config('x'), metadata: { name: 'x', namespace: 'y' } },
  },
  { name: 'create in no namespace', method: 'POST', path: '/api/v1/namespaces/nowhere/configmaps', body: config('x') },
  { name: 'create of another kind', method: 'POST', path: at, body: { ...config('x'), kind: 'Secret' } },
  { name: 'create in another version', method: 'POST', path: at, body: { ...config('x'), apiVersion: 'v2' } },
  {
    name: 'create with a resourceVersion',
    method: 'POST',
    path: at,
    body: { ...config('x'), metadata: { name: 'x', resourceVersion: '1' } },
  },
  { name: 'create without kind', method: 'POST', path: `${at}?dryRun=All`, body: { metadata: { name: 'bare' } } },
  { name: 'create at an object', method: 'POST', path: `${at}/one`, body: config('one') },
  { name: 'create everywhere', method: 'POST', path: '/api/v1/configmaps', body: config('one') },
  {
    name: 'create with YAML',
    method: 'POST',
    path: `${at}?dryRun=All`,
    type: 'application/yaml',
    body: 'metadata: {name: yaml}\ndata: {a: b}\n',
  },
  {
    name: 'create with wrong labels',
    method: 'POST',
    path: at,
    body: { ...config('x'), metadata: { name: 'x', labels: { 'a b': 'c d' }, annotations: { '/': 'x' } } },
  },
  {
    name: 'create with wrong owners',
    method: 'POST',
    path: at,
    body: {
      ...config('x'),
      metadata: { name: 'x', ownerReferences: [{ apiVersion: '', kind: '', name: '', uid: '' }] },
    },
  },
  {
    name: 'create with a wrong finalizer',
    method: 'POST',
    path: at,
    body: { ...config('x'), metadata: { name: 'x', finalizers: ['plain'] } },
  },
  { name: 'create an empty body', method: 'POST', path: at, body: '' },
  { name: 'create an empty object', method: 'POST', path: at, body: {} },
  { name: 'create a list', method: 'POST', path: at, body: [] },
  { name: 'create a string', method: 'POST', path: at, body: '"text"' },
  { name: 'create broken JSON', method: 'POST', path: at, body: '{"metadata": {"name": ' },
  { name: 'create no JSON', method: 'POST', path: at, body: 'no json at all' },
  { name: 'create broken YAML', method: 'POST', path: at, type: 'application/yaml', body: 'a: [b\nc: }' },
  { name: 'create with a wrong type', method: 'POST', path: at, body: { ...config('x'), data: { a: 1 } } },
  { name: 'create with a list where a map is', method: 'POST', path: at, body: { ...config('x'), data: [] } },
  { name: 'create in an unknown format', method: 'POST', path: at, type: 'text/plain', body: config('x') },
  {
    name: 'create in no format',
    method: 'POST',
    path: `${at}?dryRun=All`,
    headers: { 'content-type': '' },
    body: config('x'),
  },
];

const validation: Ask[] = ['Strict', 'Warn', 'Ignore', 'Sometimes'].flatMap(mode => [
  {
    name: `unknown fields, ${mode}`,
    method: 'POST',
    path: `${at}?dryRun=All&fieldValidation=${mode}`,
    body: { ...config('v'), more: 1, metadata: { name: 'v', nope: 2 } },
  } as Ask,
  {
    name: `duplicate fields, ${mode}`,
    method: 'POST',
    path: `${at}?dryRun=All&fieldValidation=${mode}`,
    body: '{"metadata":{"name":"v","name":"v"},"data":{"a":"1","a":"2"}}',
  } as Ask,
  {
    name: `duplicate fields in YAML, ${mode}`,
    method: 'POST',
    path: `${at}?dryRun=All&fieldValidation=${mode}`,
    type: 'application/yaml',
    body: 'metadata:\n  name: v\ndata:\n  a: "1"\n  a: "2"\n',
  } as Ask,
]);

const nested: Ask[] = [
  {
    name: 'unknown fields in lists, Strict',
    method: 'POST',
    path: `${deployments}?dryRun=All&fieldValidation=Strict`,
    body: deployment('u', {
      template: {
        metadata: { labels: { app: 'u' } },
        spec: { containers: [{ name: 'a', image: 'b', imagePullPolice: 'x' }], volumez: [] },
      },
    }),
  },
  {
    name: 'a quantity as a number, and a number as text',
    method: 'POST',
    path: `${deployments}?dryRun=All`,
    body: deployment('u', { replicas: '3' }),
  },
  {
    name: 'unknown enum and negative numbers',
    method: 'POST',
    path: deployments,
    body: deployment('u', { replicas: -1, strategy: { type: 'Slow' } }),
  },
  {
    name: 'selector that does not select',
    method: 'POST',
    path: deployments,
    body: deployment('u', { selector: { matchLabels: { app: 'other' } } }),
  },
  {
    name: 'nothing in it',
    method: 'POST',
    path: deployments,
    body: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'u' } },
  },
];

const update: Ask[] = [
  { name: 'get', method: 'GET', path: `${at}/one` },
  { name: 'get what is not there', method: 'GET', path: `${at}/none` },
  { name: 'get as YAML', method: 'GET', path: '/api/v1/namespaces/nowhere', headers: { accept: 'application/yaml' } },
  { name: 'update', method: 'PUT', path: `${at}/one`, body: { ...config('one'), data: { a: '2' } } },
  {
    name: 'update with a stale version',
    method: 'PUT',
    path: `${at}/one`,
    body: { ...config('one'), metadata: { name: 'one', resourceVersion: '$rv$' } },
  },
  {
    name: 'update with another uid',
    method: 'PUT',
    path: `${at}/one`,
    body: { ...config('one'), metadata: { name: 'one', uid: 'other' } },
  },
  { name: 'update with another name', method: 'PUT', path: `${at}/one`, body: config('two') },
  { name: 'update what is not there', method: 'PUT', path: `${at}/none`, body: config('none') },
  { name: 'update the collection', method: 'PUT', path: at, body: config('none') },
  {
    name: 'update, dry run',
    method: 'PUT',
    path: `${at}/one?dryRun=All`,
    body: { ...config('one'), data: { a: '9' } },
  },
  {
    name: 'update to immutable',
    method: 'PUT',
    path: `${at}/one`,
    body: { ...config('one'), data: { a: '2' }, immutable: true },
  },
  { name: 'update what is immutable', method: 'PUT', path: `${at}/one`, body: { ...config('one'), data: { a: '3' } } },
];

const remove: Ask[] = [
  { name: 'delete with another uid', method: 'DELETE', path: `${at}/one`, body: { preconditions: { uid: 'other' } } },
  {
    name: 'delete with a stale version',
    method: 'DELETE',
    path: `${at}/one`,
    body: { preconditions: { resourceVersion: '1' } },
  },
  { name: 'delete with a wrong policy', method: 'DELETE', path: `${at}/one`, body: { propagationPolicy: 'Sideways' } },
  {
    name: 'delete with two policies',
    method: 'DELETE',
    path: `${at}/one`,
    body: { propagationPolicy: 'Orphan', orphanDependents: true },
  },
  { name: 'delete, dry run', method: 'DELETE', path: `${at}/one?dryRun=All` },
  {
    name: 'delete with options of the kind',
    method: 'DELETE',
    path: `${at}/one`,
    body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: '$uid$' } },
  },
  { name: 'delete again', method: 'DELETE', path: `${at}/one` },
  {
    name: 'a finalizer',
    method: 'POST',
    path: at,
    body: { ...config('kept'), metadata: { name: 'kept', finalizers: ['example.com/hold'] } },
  },
  { name: 'delete what is held', method: 'DELETE', path: `${at}/kept` },
  { name: 'delete what is held, again', method: 'DELETE', path: `${at}/kept` },
  {
    name: 'a second finalizer comes too late',
    method: 'PATCH',
    path: `${at}/kept`,
    type: 'application/merge-patch+json',
    body: { metadata: { finalizers: ['example.com/hold', 'example.com/more'] } },
  },
  {
    name: 'the finalizer goes',
    method: 'PATCH',
    path: `${at}/kept`,
    type: 'application/merge-patch+json',
    body: { metadata: { finalizers: null } },
  },
  { name: 'and the object with it', method: 'GET', path: `${at}/kept` },
  { name: 'a deployment', method: 'POST', path: deployments, body: deployment('web') },
  { name: 'its status', method: 'GET', path: `${deployments}/web/status` },
  {
    name: 'its status is written',
    method: 'PUT',
    path: `${deployments}/web/status`,
    body: { ...deployment('web', { replicas: 9 }), status: { replicas: 1, observedGeneration: 1 } },
  },
  { name: 'its scale', method: 'GET', path: `${deployments}/web/scale` },
  {
    name: 'it is scaled',
    method: 'PUT',
    path: `${deployments}/web/scale`,
    body: {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'web', namespace: 'objects' },
      spec: { replicas: 3 },
    },
  },
  {
    name: 'it is scaled by a patch',
    method: 'PATCH',
    path: `${deployments}/web/scale`,
    type: 'application/merge-patch+json',
    body: { spec: { replicas: 2 } },
  },
  {
    name: 'scaled below nothing',
    method: 'PATCH',
    path: `${deployments}/web/scale`,
    type: 'application/merge-patch+json',
    body: { spec: { replicas: -2 } },
  },
  { name: 'no such subresource', method: 'GET', path: `${deployments}/web/nothing` },
  {
    name: 'delete in the foreground',
    method: 'DELETE',
    path: `${deployments}/web?propagationPolicy=Foreground&dryRun=All`,
  },
  { name: 'delete and orphan', method: 'DELETE', path: `${deployments}/web?propagationPolicy=Orphan&dryRun=All` },
  { name: 'delete by label', method: 'DELETE', path: `${at}?labelSelector=none%3Dsuch` },
  { name: 'a namespace is deleted', method: 'DELETE', path: '/api/v1/namespaces/default' },
];

export const objectAsks: Ask[] = [...create, ...validation, ...nested, ...update, ...remove];
