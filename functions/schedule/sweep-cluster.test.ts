import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { KubeObject } from '../../shared/api/object.ts';
import { connect } from '../../shared/kube/client.ts';
import { accessFromKubeconfig } from '../../shared/kube/kubeconfig.ts';
import { localPorts } from '../../shared/local/local-ports.ts';
import { recordOf } from '../../shared/reconcile/record.ts';
import { startSandbox } from '../../shared/sandbox/server.ts';
import { sweepCluster } from './sweep-cluster.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-sweep-'));
const sandbox = await startSandbox({ dir: join(dir, 'cluster') });
const local = localPorts({ dir: join(dir, 'state'), publicUrl: '' });
const client = connect('c', await accessFromKubeconfig(sandbox.kubeconfig));
after(async () => {
  client.close();
  local.close();
  await sandbox.close();
  rmSync(dir, { recursive: true, force: true });
});

const config = (name: string, value: string, labels: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', labels },
  data: { value },
});
const watched = { 'reconcile.fluxcd.io/watch': 'Enabled' };
const apply = (object: KubeObject) => client.apply(object, { fieldManager: 'test', force: true });

test('a sweep wakes those that use a labelled ConfigMap when it changed, and not when it is only listed again', async () => {
  await local.secrets.put('c', sandbox.kubeconfig);
  const access = { type: 'kubeconfig', secret: 'c' } as const;
  const key = { cluster: 'c', kind: 'Kustomization', namespace: 'default', name: 'app' };
  const substituteFrom = ['labelled', 'plain'].map(name => ({ kind: 'ConfigMap', name }));
  const app: KubeObject = {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name: 'app', namespace: 'default' },
    spec: { postBuild: { substituteFrom } },
  };
  const register = async () => {
    await local.index.addCluster({ name: 'c', access, changes: 'sweep', addedAt: 1 });
    await local.index.putObject(recordOf(key, app, 0));
  };
  await register();
  const woken = async () => {
    await sweepCluster('c', local);
    return local.queue.depth('kustomize');
  };
  await apply(config('labelled', 'one', watched));
  await apply(config('plain', 'one'));
  assert.equal(await woken(), 1, 'found by the first list');
  assert.equal(await woken(), 1, 'nothing happened');
  await apply(config('plain', 'two'));
  assert.equal(await woken(), 1, 'without the label');
  await apply(config('labelled', 'two', watched));
  assert.equal(await woken(), 2, 'changed');
  await local.index.removeCluster('c');
  await register();
  assert.equal(await woken(), 2, 'listed again, without a cursor');
  await client.delete({ apiVersion: 'v1', kind: 'ConfigMap' }, 'default', 'labelled');
  assert.equal(await woken(), 3, 'deleted');
});
