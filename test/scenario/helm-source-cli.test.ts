import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { helm } from '../programs/helm.ts';
import { startHelmRepository } from '../programs/helm-repository.ts';
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

test('the flux CLI creates, gets, reconciles, suspends and deletes Helm sources', { skip: fluxMissing() }, async () => {
  const world = await startWorld();
  const ns = 'helm-cli';
  await world.namespace(ns);
  const flux = async (...args: string[]) =>
    (await run('flux', ['--kubeconfig', world.target.kubeconfigFile, '-n', ns, '--timeout', '60s', ...args])).stdout;
  const dir = await mkdtemp(join(tmpdir(), 'sluice-helm-cli-'));
  const server = await startHelmRepository(dir);
  const release = async (version: string) => {
    await helm(dir, 'package', 'app', '--version', version);
    await helm(dir, 'repo', 'index', '.', '--url', server.url);
  };
  try {
    await helm(dir, 'create', 'app');
    await release('1.0.0');
    await flux('create', 'source', 'helm', 'repo', '--url', server.url, '--interval', '10m');
    assert.match(
      await flux('get', 'sources', 'helm'),
      /repo\s+sha256:[0-9a-f]+\s+False\s+True\s+stored artifact: revision/,
    );
    const create = ['create', 'source', 'chart', 'app', '--source', 'HelmRepository/repo', '--chart', 'app'];
    await flux(...create, '--chart-version', '*', '--interval', '10m');
    assert.match(
      await flux('get', 'sources', 'chart'),
      /app\s+1\.0\.0\s+False\s+True\s+pulled 'app' chart with version '1\.0\.0'/,
    );

    await release('1.1.0');
    await flux('reconcile', 'source', 'chart', 'app', '--with-source');
    await until('the chart is the new one', async () => {
      const chart = await world.get('HelmChart', ns, 'app');
      return chart?.status.artifact.revision === '1.1.0';
    });
    await flux('reconcile', 'source', 'helm', 'repo');
    await flux('suspend', 'source', 'chart', 'app');
    assert.match(await flux('get', 'sources', 'chart'), /app\s+1\.1\.0\s+True\s+True/);
    await flux('resume', 'source', 'chart', 'app');
    assert.match(await flux('events', '--for', 'HelmChart/app'), /ChartPullSucceeded/);

    await flux('create', 'source', 'helm', 'registry', '--url', 'oci://127.0.0.1:1/charts', '--interval', '10m');
    assert.match(await flux('get', 'sources', 'helm'), /registry\s+.*Helm repository is Ready|registry\s+False/);
    await flux('delete', 'source', 'chart', 'app', '--silent');
    await flux('delete', 'source', 'helm', 'repo', '--silent');
    await flux('delete', 'source', 'helm', 'registry', '--silent');
    await until('all of them are gone', async () => !(await world.get('HelmRepository', ns, 'registry')));
    assert.equal(await world.get('HelmChart', ns, 'app'), undefined);
  } finally {
    await server.close();
    await rm(dir, { recursive: true, force: true });
  }
});
