import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { commitFiles, createRepository } from '../../shared/local/git-server.ts';
import { configMap, gitRepository, kustomization, yaml } from './manifests.ts';
import { startWorld, until } from './world.ts';

const run = promisify(execFile);

function fluxMissing(): string | false {
  try {
    execFileSync('flux', ['version', '--client'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'there is no `flux` on the PATH';
  }
}

const skip = fluxMissing();

test('the flux CLI gets, reconciles, suspends, resumes, traces and lists events', { skip }, async () => {
  const world = await startWorld();
  const ns = 'cli';
  const flux = async (...args: string[]) =>
    (await run('flux', ['--kubeconfig', world.target.kubeconfigFile, '-n', ns, '--timeout', '60s', ...args])).stdout;
  await world.namespace(ns);
  const repo = await createRepository(
    world.repositories,
    'cli.git',
    { 'a.yaml': yaml(configMap('a', { x: '1' })) },
    { branch: 'main' },
  );
  await world.apply(yaml(gitRepository(ns, 'app', `${world.git.url}/cli.git`), kustomization(ns, 'app')));
  await world.condition('Kustomization', ns, 'app', 'Ready', 'True');

  assert.match(await flux('get', 'sources', 'git'), /app\s+main@sha1:[0-9a-f]+\s+False\s+True\s+stored artifact/);
  assert.match(await flux('get', 'kustomizations'), /app\s+main@sha1:[0-9a-f]+\s+False\s+True\s+Applied revision/);

  const sha = await commitFiles(
    repo,
    { 'a.yaml': yaml(configMap('a', { x: '2' })) },
    { message: 'Two', branch: 'main' },
  );
  await flux('reconcile', 'kustomization', 'app', '--with-source');
  assert.equal((await world.get('ConfigMap', ns, 'a'))?.data.x, '2');
  assert.match((await world.get('Kustomization', ns, 'app'))?.status.lastAppliedRevision, new RegExp(sha));

  await flux('suspend', 'kustomization', 'app');
  assert.equal((await world.get('Kustomization', ns, 'app'))?.spec.suspend, true);
  await flux('resume', 'kustomization', 'app');
  await until('it is resumed', async () => (await world.get('Kustomization', ns, 'app'))?.spec.suspend !== true);

  assert.match(await flux('tree', 'kustomization', 'app'), /ConfigMap\/cli\/a/);
  assert.match(
    await flux('trace', 'a', '--kind', 'ConfigMap', '--api-version', 'v1'),
    /Kustomization:\s+app[\s\S]*GitRepository:\s+app/,
  );
  assert.match(await flux('events', '--for', 'Kustomization/app'), /ReconciliationSucceeded/);
});
