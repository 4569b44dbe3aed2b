import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { KubeObject } from '../../shared/api/object.ts';
import { createRepository } from '../../shared/local/git-server.ts';
import { helm } from '../programs/helm.ts';
import { startHelmRepository } from '../programs/helm-repository.ts';
import { selfSigned } from '../scenario/certificate.ts';
import { gitRepository, secret, yaml } from '../scenario/manifests.ts';
import { conditionOf, startWorld } from '../scenario/world.ts';
import { reader, startRegistry } from './registry.ts';

const world = await startWorld();
const ns = 'helm-sources';
await world.namespace(ns);
const dir = await mkdtemp(join(tmpdir(), 'sluice-helm-'));
after(() => rm(dir, { recursive: true, force: true }));

const api = 'source.toolkit.fluxcd.io/v1';
const object = (kind: string, name: string, spec: object) => ({
  apiVersion: api,
  kind,
  metadata: { namespace: ns, name },
  spec: { interval: '10m', ...spec },
});
const helmRepository = (name: string, url: string, spec: object = {}) =>
  object('HelmRepository', name, { url, ...spec });
const helmChart = (name: string, source: string, spec: object = {}) =>
  object('HelmChart', name, { chart: 'app', sourceRef: { kind: 'HelmRepository', name: source }, ...spec });

/** Downloads the artifact of an object's status. */
async function download(found: KubeObject): Promise<string> {
  const file = join(dir, `${found.metadata.name}.tgz`);
  const answer = await fetch(found.status.artifact.url);
  assert.equal(answer.status, 200);
  await writeFile(file, Buffer.from(await answer.arrayBuffer()));
  return file;
}

async function packaged(name: string, versions: string[], files: Record<string, string> = {}): Promise<string[]> {
  await helm(dir, 'create', name);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name, path)), { recursive: true });
    await writeFile(join(dir, name, path), text);
  }
  for (const version of versions) await helm(dir, 'package', name, '--version', version);
  return versions.map(version => join(dir, `${name}-${version}.tgz`));
}

describe('a registry', () => {
  let registry: Awaited<ReturnType<typeof startRegistry>>;
  before(async () => {
    registry = await startRegistry({ auth: 'basic' });
    const files = await packaged('app', ['1.0.0', '1.1.0', '1.2.0+build.5', '2.0.0-rc.1'], {
      'values-x.yaml': 'x: 1\n',
    });
    const login = ['--username', reader.username, '--password', reader.password, '--plain-http'];
    for (const file of files) await helm(dir, 'push', file, `oci://${registry.host}/charts`, ...login);
    const auths = { auths: { [registry.host]: reader } };
    await world.apply(
      yaml(
        secret(ns, 'reader', reader),
        {
          ...secret(ns, 'pull', { '.dockerconfigjson': JSON.stringify(auths) }),
          type: 'kubernetes.io/dockerconfigjson',
        },
        helmRepository('oci', `oci://${registry.host}/charts`, {
          type: 'oci',
          insecure: true,
          secretRef: { name: 'reader' },
        }),
        helmRepository('oci-pull', `oci://${registry.host}/charts`, {
          type: 'oci',
          insecure: true,
          secretRef: { name: 'pull' },
        }),
        helmRepository('oci-nobody', `oci://${registry.host}/charts`, { type: 'oci', insecure: true }),
      ),
    );
  });
  after(() => registry.stop());

  test('charts that helm pushed are pulled by range, by version and with build metadata', async () => {
    await world.apply(
      yaml(
        helmChart('range', 'oci', { version: '<1.2.0' }),
        helmChart('latest', 'oci-pull'),
        helmChart('exact', 'oci', { version: '2.0.0-rc.1' }),
      ),
    );
    const range = await world.condition('HelmChart', ns, 'range', 'Ready', 'True', 'ChartPullSucceeded');
    assert.equal(range.status.artifact.revision, '1.1.0');
    assert.deepEqual(await readFile(await download(range)), await readFile(join(dir, 'app-1.1.0.tgz')));
    const latest = await world.condition('HelmChart', ns, 'latest', 'Ready', 'True');
    assert.equal(latest.status.artifact.revision, '1.2.0+build.5');
    const exact = await world.condition('HelmChart', ns, 'exact', 'Ready', 'True');
    assert.equal(exact.status.artifact.revision, '2.0.0-rc.1');
    assert.match(await helm(dir, 'show', 'chart', await download(exact)), /^version: 2\.0\.0-rc\.1$/m);
  });

  test('values files are merged into a chart of a registry', async () => {
    await world.apply(yaml(helmChart('oci-values', 'oci', { version: '1.0.0', valuesFiles: ['values-x.yaml'] })));
    const chart = await world.condition('HelmChart', ns, 'oci-values', 'Ready', 'True', 'ChartPackageSucceeded');
    assert.equal((await helm(dir, 'show', 'values', await download(chart))).trim(), 'x: 1');
  });

  test('a registry that wants to know who asks, a version that it does not have, and a chart that it does not have', async () => {
    await world.apply(
      yaml(
        helmChart('nobody', 'oci-nobody', { version: '1.0.0' }),
        helmChart('no-version', 'oci', { version: '9.x' }),
        helmChart('no-chart', 'oci', { chart: 'absent', version: '1.0.0' }),
      ),
    );
    const nobody = await world.condition('HelmChart', ns, 'nobody', 'Ready', 'False', 'AuthenticationFailed');
    assert.match(
      conditionOf(nobody, 'FetchFailed')!.message,
      /^failed to authenticate with the Helm repository: chart pull error/,
    );
    const version = await world.condition('HelmChart', ns, 'no-version', 'Ready', 'False', 'ChartPullError');
    assert.match(
      conditionOf(version, 'Ready')!.message,
      /chart pull error: failed to get chart version for remote reference: could not locate a version matching provided version string 9\.x/,
    );
    const absent = await world.condition('HelmChart', ns, 'no-chart', 'Ready', 'False', 'ChartPullError');
    assert.match(conditionOf(absent, 'Ready')!.message, /failed to download chart for remote reference/);
    assert.equal(conditionOf(absent, 'Stalled'), undefined);
  });
});

test('a repository with a private certificate authority and credentials, which its charts are fetched with, too', async () => {
  const { key, cert } = await selfSigned();
  const root = await mkdtemp(join(dir, 'private-'));
  await packaged('app', ['3.0.0']);
  await helm(dir, 'package', 'app', '--version', '3.0.0', '--destination', root);
  await helm(dir, 'repo', 'index', root);
  const server = await startHelmRepository(root, { user: reader, tls: { key, cert, clientCa: cert } });
  try {
    const spec = { secretRef: { name: 'user' }, certSecretRef: { name: 'tls' } };
    await world.apply(
      yaml(
        secret(ns, 'user', reader),
        secret(ns, 'tls', { 'ca.crt': cert, 'tls.crt': cert, 'tls.key': key }),
        helmRepository('private', server.url, spec),
        helmRepository('private-nobody', server.url, { certSecretRef: { name: 'tls' } }),
        helmRepository('private-nocert', server.url, { secretRef: { name: 'user' } }),
        helmRepository('private-absent', server.url, { ...spec, secretRef: { name: 'absent' } }),
        helmChart('private', 'private'),
      ),
    );
    const chart = await world.condition('HelmChart', ns, 'private', 'Ready', 'True', 'ChartPullSucceeded');
    assert.equal(chart.status.artifact.revision, '3.0.0');
    const nobody = await world.condition('HelmRepository', ns, 'private-nobody', 'Ready', 'False', 'Failed');
    assert.match(
      conditionOf(nobody, 'Ready')!.message,
      /^failed to fetch Helm repository index: failed to fetch https:\/\/127\.0\.0\.1:\d+\/index\.yaml : 401 Unauthorized/,
    );
    await world.condition('HelmRepository', ns, 'private-nocert', 'Ready', 'False', 'Failed');
    const absent = await world.condition(
      'HelmRepository',
      ns,
      'private-absent',
      'Ready',
      'False',
      'AuthenticationFailed',
    );
    assert.match(
      conditionOf(absent, 'Ready')!.message,
      /failed to get secret 'helm-sources\/absent': secrets "absent" not found/,
    );
  } finally {
    await server.close();
  }
});

test('dependencies are built: of the source, of a repository with its credentials, and of a registry', async () => {
  const registry = await startRegistry();
  const root = await mkdtemp(join(dir, 'dependencies-'));
  const server = await startHelmRepository(root, { user: reader });
  const template = (name: string) => ({
    [`templates/${name}.yaml`]: `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "{{ .Chart.Name }}-${name}"}\n`,
  });
  const chart = (name: string, more = '') => `apiVersion: v2\nname: ${name}\nversion: 1.2.3\n${more}`;
  try {
    for (const name of ['remote', 'pushed']) {
      await mkdir(join(dir, name, 'templates'), { recursive: true });
      await writeFile(join(dir, name, 'Chart.yaml'), chart(name));
      await writeFile(join(dir, name, 'values.yaml'), '');
      for (const [path, text] of Object.entries(template(name))) await writeFile(join(dir, name, path), text);
    }
    await helm(dir, 'package', 'remote', '--destination', root);
    await helm(dir, 'repo', 'index', root);
    await helm(dir, 'package', 'pushed');
    await helm(dir, 'push', 'pushed-1.2.3.tgz', `oci://${registry.host}/deps`, '--plain-http');
    const dependencies = [
      '{name: local, version: ">=1", repository: "file://../local", alias: other, condition: other.enabled}',
      `{name: remote, version: "1.x", repository: "${server.url}"}`,
      `{name: pushed, version: 1.2.3, repository: "oci://${registry.host}/deps"}`,
    ];
    const umbrella = chart('umbrella', `dependencies:\n${dependencies.map(text => `- ${text}\n`).join('')}`);
    const files = {
      'charts/umbrella/Chart.yaml': umbrella,
      'charts/umbrella/values.yaml': 'other: {enabled: true}\n',
      'charts/local/Chart.yaml': chart('local'),
      'charts/local/templates/a.yaml': template('a')['templates/a.yaml']!,
      'charts/broken/Chart.yaml': chart(
        'broken',
        'dependencies:\n- {name: x, version: 1.x, repository: "file://../../../x"}\n',
      ),
    };
    await createRepository(world.repositories, 'umbrella.git', files, { branch: 'main' });
    const sourceRef = { kind: 'GitRepository', name: 'umbrella' };
    await world.apply(
      yaml(
        secret(ns, 'dependency-user', reader),
        helmRepository('dependency', `${server.url}/`, { secretRef: { name: 'dependency-user' } }),
        helmRepository('dependency-oci', `oci://${registry.host}/deps`, { type: 'oci', insecure: true }),
        gitRepository(ns, 'umbrella', `${world.git.url}/umbrella.git`),
        helmChart('umbrella', '', { sourceRef, chart: 'charts/umbrella' }),
        helmChart('broken', '', { sourceRef, chart: 'charts/broken' }),
      ),
    );
    const made = await world.condition('HelmChart', ns, 'umbrella', 'Ready', 'True', 'ChartPackageSucceeded');
    const file = await download(made);
    const rendered = await helm(dir, 'template', 'x', file);
    for (const name of ['other-a', 'remote-remote', 'pushed-pushed'])
      assert.match(rendered, new RegExp(`name: "?${name}"?`));
    assert.doesNotMatch(await helm(dir, 'template', 'x', file, '--set', 'other.enabled=false'), /other-a/);
    const broken = await world.condition('HelmChart', ns, 'broken', 'Ready', 'False', 'DependencyBuildError');
    assert.equal(
      conditionOf(broken, 'BuildFailed')!.message,
      "dependency build error: failed to add local dependency 'x': no chart found at '/x' (reference 'file://../../../x')",
    );
  } finally {
    await Promise.all([server.close(), registry.stop()]);
  }
});
