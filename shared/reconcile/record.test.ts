import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject, ObjectKey } from '../api/object.ts';
import { recordOf, refsOf } from './record.ts';

const key: ObjectKey = { cluster: 'c', kind: 'Kustomization', namespace: 'ns', name: 'app' };
const object = (kind: string, spec: object, status = {}): KubeObject => ({
  apiVersion: 'x/v1',
  kind,
  metadata: { name: 'app', namespace: 'ns', uid: 'u', generation: 3, resourceVersion: '7' },
  spec,
  status,
});

const refs: [string, KubeObject, string[]][] = [
  [
    'a Kustomization waits for its source and its dependencies',
    object('Kustomization', {
      sourceRef: { kind: 'GitRepository', name: 'repo', namespace: 'flux-system' },
      dependsOn: [{ name: 'base' }, { name: 'crds', namespace: 'infra' }],
    }),
    ['c/GitRepository/flux-system/repo', 'c/Kustomization/ns/base', 'c/Kustomization/infra/crds'],
  ],
  [
    'a Kustomization uses what its variables come from',
    object('Kustomization', { postBuild: { substituteFrom: [{ kind: 'Secret', name: 's', optional: true }] } }),
    ['c/Secret/ns/s'],
  ],
  [
    'a Receiver names sources, one by one or all',
    object('Receiver', {
      resources: [
        { kind: 'GitRepository', name: 'repo' },
        { kind: 'Kustomization', name: '*' },
      ],
    }),
    ['c/GitRepository/ns/repo'],
  ],
  ['an Alert has its provider', object('Alert', { providerRef: { name: 'slack' } }), ['c/Provider/ns/slack']],
  ['what is no reference is passed over', object('Kustomization', { sourceRef: { kind: 3 }, dependsOn: 'x' }), []],
];
for (const [name, of, expected] of refs)
  test(name, () => assert.deepEqual(refsOf({ ...key, kind: of.kind }, of), expected));

const urls: [string, object, string[]][] = [
  [
    'GitRepository',
    { url: 'ssh://key@git-codecommit.eu-west-1.amazonaws.com/v1/repos/Shop' },
    ['git-codecommit.eu-west-1.amazonaws.com/v1/repos/shop'],
  ],
  ['OCIRepository', { url: 'oci://registry.example.com:5000/team/app' }, ['registry.example.com:5000/team/app']],
  ['HelmRepository', { url: 'oci://registry.example.com/charts' }, ['registry.example.com/charts']],
  ['Bucket', { endpoint: 's3.eu-west-1.amazonaws.com', bucketName: 'config' }, ['s3://config']],
  ['Bucket', { endpoint: 'minio.apps:9000', bucketName: 'config' }, ['s3://minio.apps:9000/config']],
  ['Kustomization', { url: 'https://example.com/x' }, []],
];
for (const [kind, spec, expected] of urls)
  test(`the index knows a ${kind} by ${expected[0] ?? 'no address'}`, () =>
    assert.deepEqual(recordOf({ ...key, kind }, object(kind, spec), 5).urls, expected));

test('the record says what the lists show', () => {
  const status = {
    lastAppliedRevision: 'main@sha1:1',
    conditions: [
      {
        type: 'Ready',
        status: 'False',
        reason: 'BuildFailed',
        message: 'no',
        lastTransitionTime: '1970-01-01T00:00:01Z',
      },
    ],
  };
  const record = recordOf(key, object('Kustomization', { suspend: true }, status), 5);
  assert.deepEqual(record.summary, {
    ready: 'False',
    reason: 'BuildFailed',
    message: 'no',
    revision: 'main@sha1:1',
    suspended: true,
    createdAt: 0,
    since: 1000,
  });
  assert.deepEqual([record.uid, record.generation, record.resourceVersion, record.dueAt], ['u', 3, '7', 5]);
});

test('a GitRepository is found by its address, a Receiver by its path', () => {
  const source = recordOf(key, object('GitRepository', { url: 'https://GitHub.com/o/r.git' }), 0);
  assert.deepEqual(source.urls, ['github.com/o/r']);
  const receiver = recordOf({ ...key, kind: 'Receiver' }, object('Receiver', {}, { webhookPath: '/hook/abc' }), 0);
  assert.equal(receiver.hookPath, '/hook/abc');
});
