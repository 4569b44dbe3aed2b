import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { stringify } from 'yaml';
import { startInstalled, unreachableKubeconfig } from '../../test/fixtures/installed.ts';
import { connect } from '../kube/client.ts';
import { accessFromKubeconfig } from '../kube/kubeconfig.ts';
import { startHost } from '../local/host.ts';
import { startSandbox } from '../sandbox/server.ts';
import { CommandError, explain } from './command.ts';
import { installAtStart } from './start-install.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-start-'));
after(() => rmSync(dir, { recursive: true, force: true }));
const stop = new AbortController();
after(() => stop.abort());
const unreachable = connect('local', await accessFromKubeconfig(unreachableKubeconfig), { maxRetries: 0 });

test('a cluster that was never reached is told at once; one that was known may come back', async () => {
  const warnings: string[] = [];
  const options = { stop: stop.signal, warn: (text: string) => warnings.push(text), pauseMs: 10 };
  await assert.rejects(installAtStart(unreachable, { ...options, known: false }), /cannot be reached/);
  await installAtStart(unreachable, { ...options, known: true });
  assert.match(warnings.join(), /cannot be reached.*trying again until it answers/);
});

test('without the right to install, the kinds that are there have to do', async () => {
  const installed = await startInstalled();
  const user = installed.cluster.as('somebody');
  try {
    await installed.apply({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'reader' },
      rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['get', 'list', 'watch'] }],
    });
    await installed.apply({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'reader' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'reader' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'somebody' }],
    });
    const warnings: string[] = [];
    await installAtStart(user, { known: false, stop: stop.signal, warn: text => warnings.push(text) });
    assert.match(warnings.join(), /may not install Flux's kinds; going on/);
  } finally {
    await installed.close();
  }
});

test('a cluster without the kinds, and without the right to install them, is refused with what to do', async () => {
  const sandbox = await startSandbox({ dir: join(dir, 'bare') });
  const cluster = connect('bare', await accessFromKubeconfig(sandbox.kubeconfig)).as('somebody');
  try {
    await assert.rejects(
      installAtStart(cluster, { known: false, stop: stop.signal, warn: assert.fail }),
      /does not have .*Kustomization.*sluice install --export/,
    );
  } finally {
    await sandbox.close();
  }
});

test('the command line tells the reason behind what could not be done', () => {
  const error = new CommandError('Role x could not be applied', { cause: new Error('roles is forbidden') });
  assert.equal(explain(error), 'Role x could not be applied: roles is forbidden');
});

test('a damaged database and a state directory that is none are told by name, with what to do', async () => {
  const damaged = join(dir, 'damaged');
  const first = await startHost({ dir: damaged, threads: 1 });
  await first.close();
  writeFileSync(join(damaged, 'queue.db'), stringify({ not: 'a database'.repeat(1000) }));
  await assert.rejects(startHost({ dir: damaged, threads: 1 }), /queue\.db is damaged .*move the file/);
  writeFileSync(join(dir, 'file'), '');
  await assert.rejects(
    startHost({ dir: join(dir, 'file'), threads: 1 }),
    /state directory .*file cannot be made.*--dir/,
  );
});
