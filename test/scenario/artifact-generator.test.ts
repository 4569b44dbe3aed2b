import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import tar from 'tar-stream';
import type { KubeObject } from '../../shared/api/object.ts';
import { commitFiles, createRepository } from '../../shared/local/git-server.ts';
import { configMap, gitRepository, kustomization, yaml } from './manifests.ts';
import { conditionOf, startWorld, until } from './world.ts';

const world = await startWorld();
const ns = 'generators';
await world.namespace(ns);

function generator(name: string, spec: Record<string, unknown>, annotations: Record<string, string> = {}) {
  return {
    apiVersion: 'source.extensions.fluxcd.io/v1beta1',
    kind: 'ArtifactGenerator',
    metadata: { namespace: ns, name, annotations },
    spec: { sources: [{ alias: 'repo', kind: 'GitRepository', name: 'mono' }], ...spec },
  };
}

const from = (kind: string, name: string) => ({ sourceRef: { kind, name } });
const artifactOf = async (name: string) => (await world.get('ExternalArtifact', ns, name))?.status?.artifact;
const ready = (name: string) => world.condition('ArtifactGenerator', ns, name, 'Ready', 'True', 'Succeeded');
const failed = (name: string, reason: string) =>
  world.condition('ArtifactGenerator', ns, name, 'Ready', 'False', reason);

/** The files of an artifact, as whoever downloads it finds them. */
async function filesOf(url: string): Promise<Record<string, string>> {
  const answer = await fetch(url);
  assert.equal(answer.status, 200);
  const files: Record<string, string> = {};
  const unpack = tar.extract();
  unpack.end(gunzipSync(Buffer.from(await answer.arrayBuffer())));
  for await (const entry of unpack) {
    const parts: Buffer[] = [];
    for await (const part of entry) parts.push(part as Buffer);
    if (entry.header.type === 'file') files[entry.header.name] = Buffer.concat(parts).toString();
  }
  return files;
}

const app = (name: string, value: string) => yaml(configMap(name, { value }));
const repo = await createRepository(
  world.repositories,
  'mono.git',
  {
    'apps/front/cm.yaml': app('front', '1'),
    'apps/back/cm.yaml': app('back', '1'),
    'charts/values.yaml': 'a: 1\nb: {c: 2}\n',
    'charts/prod.yaml': 'b: {d: 3}\n',
  },
  { branch: 'main' },
);
await world.apply(yaml(gitRepository(ns, 'mono', `${world.git.url}/mono.git`)));

test('a monorepo fans out into artifacts that change only with their own files', async () => {
  const artifacts = [
    { name: '{app}', originRevision: '@repo', copy: [{ from: '@repo/apps/{app}/**', to: '@artifact/' }] },
  ];
  await world.apply(
    yaml(
      generator('apps', { pathPattern: '@repo/apps/{app}', artifacts, commonMetadata: { labels: { team: 'a' } } }),
      kustomization(ns, 'front', from('ExternalArtifact', 'front')),
      kustomization(ns, 'back', from('ExternalArtifact', 'back')),
    ),
  );
  const made = await ready('apps');
  assert.equal(conditionOf(made, 'Ready')?.message, 'reconciliation succeeded, generated 2 artifact(s)');
  assert.deepEqual(
    made.status.inventory.map((entry: { name: string }) => entry.name),
    ['back', 'front'],
  );
  const applied = await world.condition('Kustomization', ns, 'front', 'Ready', 'True');
  await world.condition('Kustomization', ns, 'back', 'Ready', 'True');
  const [front, back] = [await artifactOf('front'), await artifactOf('back')];
  assert.equal(applied.status.lastAppliedRevision, front.revision);
  assert.equal(front.revision, `latest@${front.digest}`);
  assert.match(applied.status.lastAppliedOriginRevision, /^main@sha1:/);
  assert.deepEqual(Object.keys(await filesOf(front.url)), ['cm.yaml']);
  const object = (await world.get('ExternalArtifact', ns, 'front')) as KubeObject;
  assert.equal(conditionOf(object, 'Ready')?.message, 'Artifact is ready');
  assert.deepEqual(object.metadata.labels, {
    app: 'front',
    team: 'a',
    'app.kubernetes.io/managed-by': 'source-watcher',
    'source.extensions.fluxcd.io/generator': made.metadata.uid,
  });
  assert.equal(object.spec.sourceRef.kind, 'ArtifactGenerator');

  const before = await world.get('Kustomization', ns, 'back');
  const sha = await commitFiles(repo, { 'apps/front/cm.yaml': app('front', '2') }, { branch: 'main' });
  await request('GitRepository', 'mono');
  await until('the change is applied', async () => (await world.get('ConfigMap', ns, 'front'))?.data.value === '2');
  await until('the generator has seen it', async () => {
    const metadata = (await artifactOf('front'))?.metadata;
    return metadata?.['org.opencontainers.image.revision'] === `main@sha1:${sha}`;
  });
  const [newFront, newBack] = [await artifactOf('front'), await artifactOf('back')];
  assert.notEqual(newFront.digest, front.digest);
  assert.equal(newBack.digest, back.digest);
  assert.equal(newBack.revision, back.revision, 'what uses it has nothing to do');
  const after = await world.get('Kustomization', ns, 'back');
  assert.equal(after?.status.lastAppliedRevision, before?.status.lastAppliedRevision);
  assert.deepEqual(after?.status.history.length, before?.status.history.length);

  await commitFiles(repo, { 'apps/third/cm.yaml': app('third', '1') }, { branch: 'main' });
  await request('GitRepository', 'mono');
  await until('a new directory has an artifact', () => artifactOf('third'));
});

async function request(kind: string, name: string): Promise<void> {
  const object = (await world.get(kind, ns, name)) as KubeObject;
  await world.cluster.patch({ apiVersion: object.apiVersion, kind }, ns, name, {
    type: 'merge',
    body: { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': new Date().toISOString() } } },
  });
}

test('merges, takes the revision of a source, and what the spec no longer asks for goes', async () => {
  const merged = {
    name: 'merged',
    revision: '@repo',
    copy: [
      { from: '@repo/charts/values.yaml', to: '@artifact/values.yaml' },
      { from: '@repo/charts/prod.yaml', to: '@artifact/values.yaml', strategy: 'Merge' },
    ],
  };
  const extra = { name: 'extra', copy: [{ from: '@repo/charts/', to: '@artifact/', exclude: ['prod.yaml'] }] };
  await world.apply(yaml(generator('two', { artifacts: [merged, extra] })));
  await ready('two');
  const artifact = await artifactOf('merged');
  assert.match(artifact.revision, /^main@sha1:/);
  assert.deepEqual(await filesOf(artifact.url), { 'values.yaml': 'a: 1\nb:\n  c: 2\n  d: 3\n' });
  assert.deepEqual(Object.keys(await filesOf((await artifactOf('extra')).url)), ['charts/values.yaml']);

  await world.cluster.delete({ apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'ExternalArtifact' }, ns, 'merged');
  await request('ArtifactGenerator', 'two');
  await until('drift is mended', () => artifactOf('merged'));

  await world.apply(yaml(generator('two', { artifacts: [merged] })));
  await until('the other is gone', async () => !(await world.get('ExternalArtifact', ns, 'extra')));
  const type = { apiVersion: 'source.extensions.fluxcd.io/v1beta1', kind: 'ArtifactGenerator' };
  await world.cluster.delete(type, ns, 'two');
  await until('the generator takes its artifacts with it', async () => {
    const [left, own] = [
      await world.get('ArtifactGenerator', ns, 'two'),
      await world.get('ExternalArtifact', ns, 'merged'),
    ];
    return !left && !own;
  });
});

test('bad input says what is wrong, and the last artifacts stay', async () => {
  const artifacts = [{ name: 'kept', copy: [{ from: '@repo/charts/values.yaml', to: '@artifact/' }] }];
  await world.apply(yaml(generator('bad', { artifacts })));
  await ready('bad');
  const kept = await artifactOf('kept');
  const attempt = async (spec: Record<string, unknown>, reason: string, message: RegExp, stalled: boolean) => {
    await world.apply(yaml(generator('bad', { artifacts, ...spec })));
    const object = await failed('bad', reason);
    assert.match(conditionOf(object, 'Ready')?.message ?? '', message);
    assert.equal(conditionOf(object, 'Stalled')?.status === 'True', stalled);
    assert.deepEqual(await artifactOf('kept'), kept);
  };
  const copying = (path: string) => [{ name: 'kept', copy: [{ from: path, to: '@artifact/' }] }];
  const source = { alias: 'repo', kind: 'GitRepository', name: 'mono' };
  await attempt(
    { artifacts: copying('@repo/absent') },
    'BuildFailed',
    /kept build failed.*'absent' does not exist/,
    false,
  );
  await attempt({ artifacts: copying('@nobody/x') }, 'BuildFailed', /source alias 'nobody' not found/, false);
  await attempt({ sources: [source, source] }, 'ValidationFailed', /duplicate source alias 'repo' found/, true);
  await attempt({ sources: [{ ...source, name: 'absent' }] }, 'SourceFetchFailed', /"absent" not found/, false);
  const escaping = [{ name: '{app}', copy: [{ from: '@repo/{other}', to: '@artifact/' }] }];
  await attempt(
    { artifacts: escaping, pathPattern: '@repo/apps/{app}' },
    'BuildFailed',
    /"other" is not defined by pathPattern/,
    true,
  );
  await world.apply(yaml(generator('bad', { artifacts })));
  await ready('bad');
});

test('the annotation suspends a generator', async () => {
  const artifacts = [{ name: 'paused', copy: [{ from: '@repo/charts/values.yaml', to: '@artifact/' }] }];
  const disabled = { 'source.extensions.fluxcd.io/reconcile': 'Disabled' };
  await world.apply(yaml(generator('paused', { artifacts }, disabled)));
  const object = await world.condition('ArtifactGenerator', ns, 'paused', 'Ready', 'True', 'ReconciliationDisabled');
  assert.equal(conditionOf(object, 'Ready')?.message, 'Initialized with reconciliation suspended');
  assert.equal(await artifactOf('paused'), undefined);
  await world.apply(yaml(generator('paused', { artifacts }, { 'source.extensions.fluxcd.io/reconcile': 'Enabled' })));
  await until('it goes on', () => artifactOf('paused'));
});

test('an ExternalArtifact that others make and keep is applied', async () => {
  const pack = tar.pack();
  pack.entry({ name: 'cm.yaml' }, app('foreign', '1'));
  pack.finalize();
  const parts: Buffer[] = [];
  for await (const part of pack) parts.push(part as Buffer);
  const bytes = gzipSync(Buffer.concat(parts));
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/a.tar.gz' ? 200 : 404;
    response.end(request.url === '/a.tar.gz' ? bytes : undefined);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const type = { apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'ExternalArtifact' };
  const write = async (path: string, of: string, revision: string) => {
    const artifact = { path: 'a', url: `${url}${path}`, revision, digest: of, lastUpdateTime: '2026-01-01T00:00:00Z' };
    const object = { ...type, metadata: { namespace: ns, name: 'foreign' }, status: { artifact } };
    await world.cluster.apply(object as KubeObject, { fieldManager: 'others', force: true, subresource: 'status' });
  };
  await world.apply(
    yaml(
      { ...type, metadata: { namespace: ns, name: 'foreign' } },
      kustomization(ns, 'foreign', from('ExternalArtifact', 'foreign')),
    ),
  );
  await world.condition('Kustomization', ns, 'foreign', 'Ready', 'False', 'ArtifactFailed');
  // Nobody tells the Kustomization: the new revision in the status does.
  await write('/absent', digest, 'v1');
  await until('a missing file is told', async () => {
    const object = await world.get('Kustomization', ns, 'foreign');
    return conditionOf(object, 'Ready')?.message.includes('answers 404');
  });
  await write('/a.tar.gz', `sha256:${'0'.repeat(64)}`, 'v2');
  await until('a wrong digest is told', async () => {
    const object = await world.get('Kustomization', ns, 'foreign');
    return conditionOf(object, 'Ready')?.message.includes(digest);
  });
  await write('/a.tar.gz', digest, 'v3');
  const applied = await world.condition('Kustomization', ns, 'foreign', 'Ready', 'True');
  assert.equal(applied.status.lastAppliedRevision, 'v3');
  assert.equal((await world.get('ConfigMap', ns, 'foreign'))?.data.value, '1');
});
