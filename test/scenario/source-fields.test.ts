import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { after, test } from 'node:test';
import type { KubeObject } from '../../shared/api/object.ts';
import { commitFiles, createRepository, startGitServer } from '../../shared/local/git-server.ts';
import { selfSigned } from './certificate.ts';
import { gitRepository, secret, yaml } from './manifests.ts';
import { conditionOf, startWorld, until } from './world.ts';

const world = await startWorld();
const { git } = world;
const ns = 'source-fields';
await world.namespace(ns);

const ready = (name: string) => world.condition('GitRepository', ns, name, 'Ready', 'True', 'Succeeded');

test('a client certificate of the Secret opens a server that asks for one', async () => {
  const { key, cert } = await selfSigned();
  const server = await startGitServer({ root: world.repositories, tls: { key, cert, ca: cert } });
  try {
    await createRepository(world.repositories, 'mutual.git', { 'a.txt': '1' }, { branch: 'main' });
    await world.apply(
      yaml(
        secret(ns, 'with', { 'ca.crt': cert, 'tls.crt': cert, 'tls.key': key }),
        secret(ns, 'without', { 'ca.crt': cert }),
        gitRepository(ns, 'with', `${server.url}/mutual.git`, { secretRef: { name: 'with' } }),
        gitRepository(ns, 'without', `${server.url}/mutual.git`, { secretRef: { name: 'without' } }),
      ),
    );
    await ready('with');
    const refused = await world.condition('GitRepository', ns, 'without', 'Ready', 'False', 'GitOperationFailed');
    assert.equal(conditionOf(refused, 'FetchFailed')?.status, 'True');
    assert.equal(refused.status.artifact, undefined);
  } finally {
    await server.close();
  }
});

test('spec.timeout ends a fetch from a server that never answers', async () => {
  const sockets: Socket[] = [];
  const silent = createServer(socket => sockets.push(socket)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  after(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/x.git`;
  await world.apply(yaml(gitRepository(ns, 'silent', url, { timeout: '1s' })));
  const failed = await world.condition('GitRepository', ns, 'silent', 'Ready', 'False', 'GitOperationFailed');
  assert.match(conditionOf(failed, 'Ready')!.message, /1s|timed? ?out|timeout/i);
});

test('sparseCheckout and ignore shape the artifact, and the status says by which it was made', async () => {
  const files = { 'apps/a.yaml': 'a', 'apps/b.yaml': 'b', 'infra/c.yaml': 'c', 'top.txt': 't' };
  await createRepository(world.repositories, 'shape.git', files, { branch: 'main' });
  const url = `${git.url}/shape.git`;
  const shape = async (
    name: string,
    spec: Record<string, unknown>,
    matches: (status: KubeObject['status']) => boolean,
  ) => {
    await world.apply(yaml(gitRepository(ns, name, url, spec)));
    const object = await until(`the status is that of ${JSON.stringify(spec)}`, async () => {
      const found = await world.get('GitRepository', ns, name);
      return found?.status?.observedGeneration === found?.metadata.generation && matches(found?.status)
        ? found
        : undefined;
    });
    return object.status.artifact.digest as string;
  };
  const whole = await shape('shape', {}, status => Boolean(status.artifact));
  const sparse = await shape('shape', { sparseCheckout: ['apps'] }, s => s.observedSparseCheckout?.[0] === 'apps');
  assert.notEqual(sparse, whole);
  const ignored = await shape(
    'shape',
    { sparseCheckout: ['apps'], ignore: 'b.yaml\n' },
    status => status.observedIgnore === 'b.yaml\n',
  );
  assert.notEqual(ignored, sparse);
  const again = await shape('shape', {}, s => s.observedIgnore === undefined && s.observedSparseCheckout === undefined);
  assert.equal(again, whole, 'the same rules make the same artifact');

  await world.apply(yaml(gitRepository(ns, 'absent', url, { sparseCheckout: ['nowhere'] })));
  const failed = await world.condition('GitRepository', ns, 'absent', 'Ready', 'False', 'GitOperationFailed');
  assert.match(conditionOf(failed, 'Ready')!.message, /nowhere/);
  assert.equal(conditionOf(failed, 'FetchFailed')?.reason, 'GitOperationFailed');
});

test('conditions and Events tell of what is stored, what is outdated, and how a failure ended', async () => {
  const repo = await createRepository(world.repositories, 'told.git', { 'a.txt': '1' }, { branch: 'main' });
  const url = `${git.url}/told.git`;
  await world.apply(yaml(gitRepository(ns, 'told', url)));
  const first = await ready('told');
  const { artifact } = first.status;
  assert.deepEqual(conditionOf(first, 'ArtifactInStorage')?.reason, 'Succeeded');
  assert.equal(conditionOf(first, 'Reconciling'), undefined);
  assert.match(artifact.path, /^gitrepository\/source-fields\/told\/[0-9a-f]{40}\.tar\.gz$/);
  assert.ok(artifact.size > 0 && artifact.lastUpdateTime && artifact.url.startsWith('http'));

  const sha = await commitFiles(repo, { 'a.txt': '2' }, { message: 'Two\n\nbody', branch: 'main' });
  await world.apply(yaml(gitRepository(ns, 'told', url, { ref: { branch: 'absent' } })));
  const failed = await world.condition('GitRepository', ns, 'told', 'Ready', 'False', 'GitOperationFailed');
  assert.equal(conditionOf(failed, 'FetchFailed')?.status, 'True');
  assert.equal(conditionOf(failed, 'Reconciling')?.reason, 'ProgressingWithRetry');
  assert.equal(failed.status.artifact.revision, artifact.revision, 'the last artifact stays');

  await world.apply(yaml(gitRepository(ns, 'told', url)));
  const mended = await ready('told');
  assert.equal(mended.status.artifact.revision, `main@sha1:${sha}`);
  assert.equal(conditionOf(mended, 'FetchFailed'), undefined);
  const told = await until('the Events are there', async () => {
    const { items } = await world.cluster.list({ apiVersion: 'v1', kind: 'Event' }, { namespace: ns });
    const ours = items.filter(event => event.involvedObject.name === 'told');
    const reasons = ours.map(event => `${event.type} ${event.reason}: ${event.message}`).join('\n');
    return /NewArtifact: stored artifact for commit 'Two'$/m.test(reasons) ? { ours, reasons } : undefined;
  });
  assert.match(told.reasons, /^Warning GitOperationFailed: /m);
  const news = told.ours.find(event => event.message.includes("'Two'"));
  assert.equal(news?.metadata.annotations?.['source.toolkit.fluxcd.io/revision'], `main@sha1:${sha}`);
  assert.equal(news?.metadata.annotations?.['source.toolkit.fluxcd.io/digest'], mended.status.artifact.digest);
  assert.equal(news?.source.component, 'source-controller');
});
