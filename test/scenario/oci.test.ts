import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { startLoopbackRegistry } from '../../shared/oci/testing/loopback-registry.ts';
import { tarGz } from '../sources/oci-tar.ts';
import { alert, configMap, kustomization, provider, receiver, secret, yaml } from './manifests.ts';
import { conditionOf, startWorld, until } from './world.ts';

const world = await startWorld();
const registry = await startLoopbackRegistry();
after(() => registry.close());
const run = promisify(execFile);

const ociRepository = (namespace: string, name: string, spec: Record<string, unknown> = {}) => ({
  apiVersion: 'source.toolkit.fluxcd.io/v1',
  kind: 'OCIRepository',
  metadata: { namespace, name },
  spec: { interval: '10m', url: `oci://${registry.host}/org/${namespace}`, ref: { tag: 'main' }, ...spec },
});
const origin = (revision: string) => ({
  'org.opencontainers.image.source': 'https://example.com/app.git',
  'org.opencontainers.image.revision': revision,
});
const publish = async (namespace: string, color: string, revision: string) =>
  registry.artifact(
    `org/${namespace}`,
    'main',
    await tarGz({ 'deploy/settings.yaml': yaml(configMap('settings', { color })) }),
    origin(revision),
  );
const color = async (namespace: string) => (await world.get('ConfigMap', namespace, 'settings'))?.data?.color;

test('what a registry holds is applied, a hook of the registry brings the next, and all of it tells its origin', async () => {
  const ns = 'oci';
  await world.namespace(ns);
  const first = await publish(ns, 'blue', 'main@sha1:aaaa');
  await world.apply(
    yaml(
      secret(ns, 'webhook-token', { token: 'hush' }),
      provider(ns, 'chat', { type: 'generic', address: world.sinks.url('generic', 'oci') }),
      alert(ns, 'all', {
        eventSources: [
          { kind: 'OCIRepository', name: '*' },
          { kind: 'Kustomization', name: '*' },
        ],
      }),
      ociRepository(ns, 'app'),
      kustomization(ns, 'app', { path: './deploy', sourceRef: { kind: 'OCIRepository', name: 'app' } }),
      receiver(ns, 'hook', { type: 'generic', events: [], resources: [{ kind: 'OCIRepository', name: 'app' }] }),
    ),
  );
  const applied = await world.condition('Kustomization', ns, 'app', 'Ready', 'True', 'ReconciliationSucceeded');
  const source = await world.condition('OCIRepository', ns, 'app', 'Ready', 'True', 'Succeeded');
  assert.equal(source.status.artifact.revision, `main@${first.digest}`);
  assert.deepEqual(source.status.artifact.metadata, origin('main@sha1:aaaa'));
  assert.equal(applied.status.lastAppliedRevision, `main@${first.digest}`);
  assert.equal(applied.status.lastAppliedOriginRevision, 'main@sha1:aaaa');
  assert.equal(await color(ns), 'blue');

  const second = await publish(ns, 'green', 'main@sha1:bbbb');
  const hook = await world.condition('Receiver', ns, 'hook', 'Ready', 'True');
  const answer = await fetch(`${world.runtime.gateway}${hook.status.webhookPath}`, { method: 'POST', body: '{}' });
  assert.equal(answer.status, 200);
  await until('the next is applied', async () => (await color(ns)) === 'green');
  const after = await until('the status tells of it', async () => {
    const object = await world.get('Kustomization', ns, 'app');
    return object?.status.lastAppliedRevision === `main@${second.digest}` ? object : undefined;
  });
  assert.equal(after.status.lastAppliedOriginRevision, 'main@sha1:bbbb');
  const told = await until('the news is out', () => {
    const bodies = world.sinks.received
      .filter(({ path }) => path.includes('oci'))
      .map(({ body }) => JSON.stringify(body));
    const isApplied = bodies.some(body => body.includes('Kustomization') && body.includes('main@sha1:bbbb'));
    // Of each object in a line of its own, which may be the slower one.
    return isApplied ? bodies.find(body => body.includes('NewArtifact') && body.includes(second.digest)) : undefined;
  });
  assert.match(told, /origin source 'https:\/\/example\.com\/app\.git', origin revision 'main@sha1:bbbb'/);
});

test('a suspended OCIRepository does nothing until it is resumed, and an interval finds what nobody told of', async () => {
  const ns = 'oci-suspended';
  await world.namespace(ns);
  const first = await publish(ns, 'blue', 'a');
  await world.apply(yaml(ociRepository(ns, 'app', { interval: '2s' })));
  await world.condition('OCIRepository', ns, 'app', 'Ready', 'True');
  const second = await publish(ns, 'green', 'b');
  const revision = async () => (await world.get('OCIRepository', ns, 'app'))?.status.artifact.revision;
  await until('the interval finds it', async () => (await revision()) === `main@${second.digest}`);
  await world.apply(yaml(ociRepository(ns, 'app', { suspend: true })));
  // What the interval had begun before that has come to its end.
  await world.condition('OCIRepository', ns, 'app', 'Ready', 'True');
  const third = await publish(ns, 'red', 'c');
  assert.notEqual(first.digest, third.digest);
  await world.cluster.patch({ apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'OCIRepository' }, ns, 'app', {
    type: 'merge',
    body: { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': 'now' } } },
  });
  // Another object, looked at after it, shows that this one had its chance.
  await world.apply(yaml(ociRepository(ns, 'other')));
  await world.condition('OCIRepository', ns, 'other', 'Ready', 'True');
  assert.equal(await revision(), `main@${second.digest}`);
  await world.apply(yaml(ociRepository(ns, 'app', { suspend: false })));
  await until('it is resumed', async () => (await revision()) === `main@${third.digest}`);
});

function fluxMissing(): string | false {
  try {
    execFileSync('flux', ['version', '--client'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'there is no `flux` on the PATH';
  }
}

test('the flux CLI creates, gets, reconciles, suspends, resumes and deletes OCIRepositories', {
  skip: fluxMissing(),
}, async () => {
  const ns = 'oci-cli';
  await world.namespace(ns);
  const flux = async (...args: string[]) =>
    (await run('flux', ['--kubeconfig', world.target.kubeconfigFile, '-n', ns, '--timeout', '60s', ...args])).stdout;
  const first = await publish(ns, 'blue', 'a');
  const url = `oci://${registry.host}/org/${ns}`;
  await flux('create', 'source', 'oci', 'app', '--url', url, '--tag', 'main', '--interval', '10m');
  const shown = (digest: string) =>
    new RegExp(`app\\s+main@${digest.slice(0, 15)}\\w*\\s+False\\s+True\\s+stored artifact`);
  assert.match(await flux('get', 'sources', 'oci'), shown(first.digest));
  const second = await publish(ns, 'green', 'b');
  await flux('reconcile', 'source', 'oci', 'app');
  assert.match(await flux('get', 'sources', 'oci'), shown(second.digest));
  await flux('suspend', 'source', 'oci', 'app');
  assert.equal((await world.get('OCIRepository', ns, 'app'))?.spec.suspend, true);
  await flux('resume', 'source', 'oci', 'app');
  assert.equal(conditionOf(await world.get('OCIRepository', ns, 'app'), 'Ready')?.status, 'True');
  assert.match(await flux('events', '--for', 'OCIRepository/app'), /NewArtifact.*stored artifact with revision/);
  await flux('delete', 'source', 'oci', 'app', '--silent');
  await until('it is gone', async () => !(await world.get('OCIRepository', ns, 'app')));
});
