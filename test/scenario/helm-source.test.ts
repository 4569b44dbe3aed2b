import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { KubeObject } from '../../shared/api/object.ts';
import { commitFiles, createRepository } from '../../shared/local/git-server.ts';
import { helm } from '../programs/helm.ts';
import { startHelmRepository } from '../programs/helm-repository.ts';
import { gitRepository, yaml } from './manifests.ts';
import { conditionOf, startWorld, until } from './world.ts';

const world = await startWorld();
const ns = 'helm-source';
await world.namespace(ns);

const dir = await mkdtemp(join(tmpdir(), 'sluice-helm-'));
const charts = join(dir, 'charts');
await mkdir(charts);
const repository = await startHelmRepository(charts);
after(async () => {
  await repository.close();
  await rm(dir, { recursive: true, force: true });
});

/** Packages a version of the chart `app` into the repository, by helm. */
async function release(...versions: string[]): Promise<void> {
  for (const version of versions) {
    await rm(join(dir, 'app'), { recursive: true, force: true });
    await helm(dir, 'create', 'app');
    await writeFile(join(dir, 'app', 'values-prod.yaml'), 'replicaCount: 7\nimage:\n  tag: prod\n');
    await helm(dir, 'package', 'app', '--version', version, '--destination', 'charts');
  }
  await helm(dir, 'repo', 'index', 'charts', '--url', repository.url);
}

const api = 'source.toolkit.fluxcd.io/v1';
const helmRepository = (name: string, spec: object = {}) => ({
  apiVersion: api,
  kind: 'HelmRepository',
  metadata: { namespace: ns, name },
  spec: { interval: '10m', url: repository.url, ...spec },
});
const helmChart = (name: string, spec: object = {}) => ({
  apiVersion: api,
  kind: 'HelmChart',
  metadata: { namespace: ns, name },
  spec: { interval: '10m', chart: 'app', sourceRef: { kind: 'HelmRepository', name: 'repo' }, ...spec },
});

/** Downloads the artifact of an object's status, and what helm reads out of it. */
async function chartOf(object: KubeObject): Promise<string> {
  const file = join(dir, 'artifact.tgz');
  const answer = await fetch(object.status.artifact.url);
  assert.equal(answer.status, 200);
  await writeFile(file, Buffer.from(await answer.arrayBuffer()));
  return helm(dir, 'show', 'all', file);
}

await release('1.0.0', '1.1.0', '2.0.0-rc.1');

test('the index of a repository becomes an artifact, and a chart of it another, as they are', async () => {
  await world.apply(yaml(helmRepository('repo'), helmChart('app', { version: '1.x' })));
  const repo = await world.condition('HelmRepository', ns, 'repo', 'Ready', 'True', 'Succeeded');
  const { artifact } = repo.status;
  assert.match(artifact.revision, /^sha256:[0-9a-f]{64}$/);
  assert.equal(artifact.path, `helmrepository/${ns}/repo/index-${artifact.revision.slice(7)}.yaml`);
  const index = await readFile(join(charts, 'index.yaml'), 'utf8');
  assert.equal(await (await fetch(artifact.url)).text(), index);
  assert.equal(conditionOf(repo, 'Ready')?.message, `stored artifact: revision '${artifact.revision}'`);

  const chart = await world.condition('HelmChart', ns, 'app', 'Ready', 'True', 'ChartPullSucceeded');
  assert.equal(conditionOf(chart, 'Ready')?.message, "pulled 'app' chart with version '1.1.0'");
  assert.equal(conditionOf(chart, 'ArtifactInStorage')?.reason, 'ChartPullSucceeded');
  assert.equal(chart.status.artifact.revision, '1.1.0');
  assert.equal(chart.status.artifact.path, `helmchart/${ns}/app/app-1.1.0.tgz`);
  assert.equal(chart.status.observedChartName, 'app');
  assert.equal(chart.status.observedSourceArtifactRevision, artifact.revision);
  const pulled = Buffer.from(await (await fetch(chart.status.artifact.url)).arrayBuffer());
  assert.deepEqual(pulled, await readFile(join(charts, 'app-1.1.0.tgz')));

  const told = await until('the Events are there', async () => {
    const { items } = await world.cluster.list({ apiVersion: 'v1', kind: 'Event' }, { namespace: ns });
    const lines = items.map(event => `${event.involvedObject.kind} ${event.reason}: ${event.message}`);
    return lines.some(line => /^HelmChart ChartPull/.test(line)) && lines.some(line => /^HelmRepository New/.test(line))
      ? lines.join('\n')
      : undefined;
  });
  assert.match(told, /^HelmChart ChartPullSucceeded: pulled 'app' chart with version '1.1.0'$/m);
  const size = /^HelmRepository NewArtifact: stored fetched index of size [\d.]+k?B from 'http:\/\/127.0.0.1:\d+'$/m;
  assert.match(told, size);
});

test('a new version in the index is taken when somebody asks for a look', async () => {
  await release('1.2.0');
  await world.cluster.patch({ apiVersion: api, kind: 'HelmRepository' }, ns, 'repo', {
    type: 'merge',
    body: { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': 'now' } } },
  });
  const chart = await until('the chart is the new one', async () => {
    const found = await world.get('HelmChart', ns, 'app');
    return found?.status.artifact.revision === '1.2.0' ? found : undefined;
  });
  assert.equal(conditionOf(chart, 'Ready')?.message, "pulled 'app' chart with version '1.2.0'");
  const repo = await world.get('HelmRepository', ns, 'repo');
  assert.equal(repo?.status.lastHandledReconcileAt, 'now');
});

test('values files are merged into a chart of a repository, whose version tells of it', async () => {
  const spec = { version: '1.0.0', valuesFiles: ['values.yaml', 'values-prod.yaml', 'missing.yaml'] };
  await world.apply(yaml(helmChart('values', spec)));
  const failed = await world.condition('HelmChart', ns, 'values', 'Ready', 'False', 'ValuesFilesError');
  assert.equal(
    conditionOf(failed, 'BuildFailed')?.message,
    "values files merge error: failed to merge chart values: no values file found at path 'missing.yaml'",
  );
  assert.equal(conditionOf(failed, 'Stalled')?.reason, 'ValuesFilesError');
  await world.apply(yaml(helmChart('values', { ...spec, ignoreMissingValuesFiles: true })));
  const chart = await world.condition('HelmChart', ns, 'values', 'Ready', 'True', 'ChartPackageSucceeded');
  assert.equal(chart.status.artifact.revision, '1.0.0+2');
  assert.deepEqual(chart.status.observedValuesFiles, ['values.yaml', 'values-prod.yaml']);
  assert.equal(
    conditionOf(chart, 'Ready')?.message,
    "packaged 'app' chart with version '1.0.0+2' and merged values files [values.yaml values-prod.yaml]",
  );
  const shown = await chartOf(chart);
  assert.match(shown, /^version: 1\.0\.0\+2$/m);
  assert.match(shown, /^replicaCount: 7$/m);
  assert.match(shown, /^ {2}tag: "?prod"?$/m);
  assert.match(shown, /^ {2}repository: "?nginx"?$/m);
});

test('a chart of a Git repository is packaged when its version changes, or with each revision', async () => {
  const files = {
    'charts/web/Chart.yaml': 'apiVersion: v2\nname: web\nversion: 0.1.0 # of ours\n',
    'charts/web/values.yaml': 'a: 1\n',
    'charts/web/templates/map.yaml':
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: "{{ .Values.a }}"}\n',
    'charts/web/.helmignore': 'notes/\n*.bak\n',
    'charts/web/notes/x.txt': 'x',
    'charts/web/old.bak': 'x',
    'env/prod.yaml': 'a: 2\n',
  };
  const bare = await createRepository(world.repositories, 'charts.git', files, { branch: 'main' });
  const sourceRef = { kind: 'GitRepository', name: 'charts' };
  const spec = { chart: './charts/web', sourceRef };
  await world.apply(
    yaml(
      gitRepository(ns, 'charts', `${world.git.url}/charts.git`),
      helmChart('web', spec),
      helmChart('web-revision', { ...spec, reconcileStrategy: 'Revision' }),
      helmChart('web-values', { ...spec, valuesFiles: ['env/prod.yaml'] }),
    ),
  );
  const web = await world.condition('HelmChart', ns, 'web', 'Ready', 'True', 'ChartPackageSucceeded');
  assert.equal(web.status.artifact.revision, '0.1.0');
  const source = await world.get('GitRepository', ns, 'charts');
  const sha: string = source!.status.artifact.revision.split(':')[1];
  const revised = await world.condition('HelmChart', ns, 'web-revision', 'Ready', 'True');
  assert.equal(revised.status.artifact.revision, `0.1.0+${sha.slice(0, 12)}`);
  assert.equal(revised.status.artifact.path, `helmchart/${ns}/web-revision/web-0.1.0+${sha.slice(0, 12)}.tgz`);
  const valued = await world.condition('HelmChart', ns, 'web-values', 'Ready', 'True');
  assert.equal(valued.status.artifact.revision, '0.1.0+1');
  assert.match(await chartOf(valued), /^a: 2$/m);

  await commitFiles(bare, { 'charts/web/values.yaml': 'a: 3\n' }, { branch: 'main' });
  await world.cluster.patch({ apiVersion: api, kind: 'GitRepository' }, ns, 'charts', {
    type: 'merge',
    body: { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': 'again' } } },
  });
  const next = await until('the revision is the new one', async () => {
    const found = await world.get('HelmChart', ns, 'web-revision');
    return found?.status.artifact.revision !== revised.status.artifact.revision ? found : undefined;
  });
  assert.match(await chartOf(next), /^a: 3$/m);
  const same = await until('the other saw the new revision, too', async () => {
    const found = await world.get('HelmChart', ns, 'web');
    return found?.status.observedSourceArtifactRevision !== web.status.observedSourceArtifactRevision
      ? found
      : undefined;
  });
  assert.equal(same.status.artifact.digest, web.status.artifact.digest, 'the version did not change');
});

test('the address of a registry has no status and no finalizer', async () => {
  await world.apply(yaml(helmRepository('registry')));
  await world.condition('HelmRepository', ns, 'registry', 'Ready', 'True');
  await world.apply(yaml(helmRepository('registry', { type: 'oci', url: 'oci://127.0.0.1:1/charts' })));
  const registry = await until('the status is gone', async () => {
    const found = await world.get('HelmRepository', ns, 'registry');
    return found?.status?.conditions ? undefined : found;
  });
  assert.equal(registry.metadata.finalizers, undefined);
  assert.equal(registry.status?.artifact, undefined);
});
