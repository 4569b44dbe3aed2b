import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kustomization } from '../../api/kustomize/kustomization.ts';
import type { Cluster } from '../../ports/cluster.ts';
import type { Settings } from './settings.ts';
import { findSource } from './source.ts';
import {
  originRevision,
  retryAfter,
  revisionMetadata,
  type Subject,
  targetOf,
  timeoutOf,
  type Work,
} from './subject.ts';

const kustomization = (spec: Partial<Kustomization['spec']> = {}): Kustomization =>
  ({
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name: 'app', namespace: 'team' },
    spec: { interval: '10m', prune: true, sourceRef: { kind: 'GitRepository', name: 'repo' }, ...spec },
    status: {},
  }) as Kustomization;

const times: [string, Partial<Kustomization['spec']>, number, number][] = [
  ['the interval decides', {}, 570_000, 600_000],
  ['timeout and retryInterval go before it', { timeout: '1m', retryInterval: '2m' }, 60_000, 120_000],
  ['no timeout is shorter than half a minute', { timeout: '5s', interval: '20s' }, 30_000, 20_000],
];
for (const [name, spec, timeout, retry] of times)
  test(`times: ${name}`, () => {
    const object = kustomization(spec);
    assert.deepEqual([timeoutOf(object), retryAfter(object)], [timeout, retry]);
  });

const users: [string, string | undefined, Settings, string | undefined][] = [
  ['nobody else', undefined, {}, undefined],
  ['the service account of the spec', 'deployer', {}, 'system:serviceaccount:team:deployer'],
  [
    'the default of the installation',
    undefined,
    { defaultServiceAccount: 'tenant' },
    'system:serviceaccount:team:tenant',
  ],
  ['the spec before the default', 'deployer', { defaultServiceAccount: 'x' }, 'system:serviceaccount:team:deployer'],
];
for (const [name, serviceAccountName, settings, expected] of users)
  test(`objects are applied in the name of ${name}`, () => {
    const asked: string[] = [];
    const cluster = { as: (user: string) => asked.push(user) } as unknown as Cluster;
    const object = kustomization(serviceAccountName ? { serviceAccountName } : {});
    targetOf({ object, settings, cluster } as Subject);
    assert.deepEqual(asked, expected ? [expected] : []);
  });

test('sources of other namespaces are refused where the installation says so, without a look at them', async () => {
  const find = (sourceRef: Kustomization['spec']['sourceRef'], settings: Settings) => {
    const get = async (_: unknown, namespace: string) => ({ metadata: { namespace } });
    return findSource({ object: kustomization({ sourceRef }), settings, cluster: { get } } as unknown as Work);
  };
  const other = { kind: 'GitRepository', name: 'repo', namespace: 'other' } as const;
  await assert.rejects(find(other, { noCrossNamespaceRefs: true }), {
    code: 'AccessDenied',
    message: "can't access 'GitRepository/other/repo', cross-namespace references have been blocked",
  });
  // Not refused: the source has no artifact yet.
  assert.deepEqual((await find(other, {}))?.type, 'waiting');
  assert.deepEqual((await find({ ...other, namespace: 'team' }, { noCrossNamespaceRefs: true }))?.type, 'waiting');
});

test('the revision in the origin is that which the artifact tells, and Events carry it', () => {
  const artifact = { digest: 'd', path: 'p', url: 'u', revision: 'v1@sha256:1', lastUpdateTime: 't' };
  const metadata = { 'org.opencontainers.image.revision': 'main@sha1:2' };
  assert.equal(originRevision({ ...artifact, metadata }), 'main@sha1:2');
  assert.equal(originRevision(artifact), undefined);
  assert.deepEqual(revisionMetadata({ ...artifact, metadata }), {
    revision: 'v1@sha256:1',
    originRevision: 'main@sha1:2',
  });
  assert.deepEqual(revisionMetadata(artifact), { revision: 'v1@sha256:1' });
});
