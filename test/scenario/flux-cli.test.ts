import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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

const started = skip ? undefined : startWorld();

/** The world that the tests share, and `flux` in one of its namespaces. */
async function open(ns: string) {
  const world = await started!;
  await world.namespace(ns);
  const flux = async (...args: string[]) =>
    (await run('flux', ['--kubeconfig', world.target.kubeconfigFile, '-n', ns, '--timeout', '60s', ...args])).stdout;
  return { world, flux };
}

test('the flux CLI gets, reconciles, suspends, resumes, traces and lists events', { skip }, async () => {
  const ns = 'cli';
  const { world, flux } = await open(ns);
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

test('the flux CLI creates, exports, compares, counts and deletes', { skip }, async () => {
  const ns = 'cli-create';
  const { world, flux } = await open(ns);
  const files = { 'app/a.yaml': yaml(configMap('a', { x: '1' })) };
  await createRepository(world.repositories, 'create.git', files, { branch: 'main' });
  await flux('create', 'source', 'git', 'app', '--url', `${world.git.url}/create.git`, '--branch', 'main');
  const source = ['--source', 'GitRepository/app', '--path', './app', '--prune', '--target-namespace', ns];
  await flux('create', 'kustomization', 'app', ...source, '--wait');
  assert.equal((await world.get('ConfigMap', ns, 'a'))?.data.x, '1');
  assert.match(await flux('export', 'kustomization', 'app'), /kind: Kustomization[\s\S]*path: \.\/app/);
  assert.match(await flux('export', 'source', 'git', '--all'), /kind: GitRepository[\s\S]*create\.git/);
  assert.match(await flux('stats'), /Kustomization\s+1\s+0\s+0/);
  assert.match(await flux('get', 'all'), /gitrepository\/app[\s\S]*kustomization\/app/);

  const path = join(world.target.kubeconfigFile, '..', 'changed');
  await mkdir(path);
  await writeFile(join(path, 'a.yaml'), yaml(configMap('a', { x: '2' })));
  const drift = flux('diff', 'kustomization', 'app', '--path', path);
  await assert.rejects(drift, error => {
    assert.match((error as { stdout: string }).stdout, /ConfigMap\/cli-create\/a drifted[\s\S]*- 1[\s\S]*\+ 2/);
    return true;
  });
  await flux('delete', 'kustomization', 'app', '--silent');
  await until('what it applied is gone', async () => !(await world.get('ConfigMap', ns, 'a')));
  await flux('delete', 'source', 'git', 'app', '--silent');
  await until('the source is gone', async () => !(await world.get('GitRepository', ns, 'app')));
});
