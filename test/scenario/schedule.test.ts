import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { commitFiles, createRepository } from '../../shared/local/git-server.ts';
import { kubectlPath } from '../../shared/manifests/layer.ts';
import { configMap, gitRepository, kustomization, yaml } from './manifests.ts';
import { startWorld, until } from './world.ts';

const world = await startWorld();
const { git } = world;
const run = promisify(execFile);

test('an interval finds a commit that no webhook told of', async () => {
  const ns = 'interval';
  await world.namespace(ns);
  const repo = await createRepository(
    world.repositories,
    'interval.git',
    { 'a.yaml': yaml(configMap('a', { x: '1' })) },
    { branch: 'main' },
  );
  await world.apply(
    yaml(gitRepository(ns, 'app', `${git.url}/interval.git`, { interval: '2s' }), kustomization(ns, 'app')),
  );
  await world.condition('Kustomization', ns, 'app', 'Ready', 'True');
  await commitFiles(repo, { 'a.yaml': yaml(configMap('a', { x: '2' })) }, { message: 'Two', branch: 'main' });
  await until('it is applied', async () => (await world.get('ConfigMap', ns, 'a'))?.data.x === '2');
});

test('kubectl annotate with requestedAt is handled at once, and said so', async () => {
  const ns = 'requested';
  await world.namespace(ns);
  await createRepository(
    world.repositories,
    'requested.git',
    { 'a.yaml': yaml(configMap('a', {})) },
    { branch: 'main' },
  );
  await world.apply(yaml(gitRepository(ns, 'app', `${git.url}/requested.git`), kustomization(ns, 'app')));
  await world.condition('Kustomization', ns, 'app', 'Ready', 'True');
  const kubectl = await kubectlPath();
  for (const [resource, kind] of [
    ['gitrepository', 'GitRepository'],
    ['kustomization', 'Kustomization'],
  ] as const) {
    const args = [
      'annotate',
      '--overwrite',
      resource,
      'app',
      '-n',
      ns,
      'reconcile.fluxcd.io/requestedAt=2026-01-01T00:00:00Z',
    ];
    await run(kubectl, ['--kubeconfig', world.target.kubeconfigFile, ...args]);
    await until(
      `the ${resource} is reconciled`,
      async () => (await world.get(kind, ns, 'app'))?.status.lastHandledReconcileAt === '2026-01-01T00:00:00Z',
    );
  }
});

test('a change of spec is noticed, and a deleted source leaves its dependents telling', async () => {
  const ns = 'changes';
  await world.namespace(ns);
  const repo = await createRepository(
    world.repositories,
    'changes.git',
    { 'a.yaml': yaml(configMap('a', { x: '1' })) },
    { branch: 'main' },
  );
  await commitFiles(repo, { 'a.yaml': yaml(configMap('a', { x: 'next' })) }, { message: 'Next', branch: 'next' });
  const url = `${git.url}/changes.git`;
  await world.apply(yaml(gitRepository(ns, 'app', url), kustomization(ns, 'app', { retryInterval: '1s' })));
  await world.condition('Kustomization', ns, 'app', 'Ready', 'True');
  await world.apply(yaml(gitRepository(ns, 'app', url, { ref: { branch: 'next' } })));
  await until('the other branch is applied', async () => (await world.get('ConfigMap', ns, 'a'))?.data.x === 'next');
  await world.apply(yaml(kustomization(ns, 'app', { sourceRef: { kind: 'GitRepository', name: 'absent' } })));
  const lost = await world.condition('Kustomization', ns, 'app', 'Ready', 'False', 'ArtifactFailed');
  assert.match(JSON.stringify(lost.status.conditions), /absent/);
  assert.ok(await world.get('ConfigMap', ns, 'a'), 'what was applied stays');
});
