import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { helm } from '../programs/helm.ts';
import { installOras } from '../programs/oras.ts';
import { conditionOf } from '../scenario/world.ts';
import { fluxContent } from './oci-tar.ts';
import { dockerConfig, dockerConfigType, type OciWorld, startOciWorld } from './oci-world.ts';
import { digestOf, type RegistryServer, reader, startRegistry } from './registry.ts';

const run = promisify(execFile);
let registry: RegistryServer;
let world: OciWorld;
let dir: string;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-pushed-'));
  mkdirSync(join(dir, 'deploy'));
  writeFileSync(join(dir, 'deploy/app.yaml'), 'kind: ConfigMap\n');
  writeFileSync(join(dir, 'deploy/logo.png'), 'not for the cluster');
  [registry, world] = await Promise.all([startRegistry({ auth: 'basic' }), startOciWorld()]);
  await world.secret('pull', dockerConfig(registry.host, reader), dockerConfigType);
});
after(async () => {
  await world?.close();
  await registry?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const spec = (repository: string, tag: string, more: Record<string, unknown> = {}) => ({
  url: `oci://${registry.host}/${repository}`,
  ref: { tag },
  secretRef: { name: 'pull' },
  ...more,
});
const revisionOf = (text: string) => /sha256:[0-9a-f]{64}/.exec(text)?.[0];

test('what `oras push` made is pulled: an archive unpacked, a file as it is', async () => {
  const oras = await installOras(line => console.error(line));
  const login = ['--username', reader.username, '--password', reader.password, '--plain-http'];
  const push = (...args: string[]) => oras(dir, 'push', ...login, ...args);
  await run('tar', ['-C', join(dir, 'deploy'), '-czf', join(dir, 'layer.tar.gz'), '.']);
  const annotations = ['--annotation', 'org.opencontainers.image.revision=v1@sha1:abc', '--annotation', 'team=a'];
  const said = await push(
    ...annotations,
    `${registry.host}/oras/tree:v1`,
    'layer.tar.gz:application/vnd.acme.tar+gzip',
  );
  const tree = await world.reconcile('oras', spec('oras/tree', 'v1'));
  assert.equal(conditionOf(tree, 'Ready')?.status, 'True', conditionOf(tree, 'Ready')?.message);
  assert.equal(tree.status.artifact.revision, `v1@${revisionOf(said)}`);
  assert.deepEqual(await world.files(tree), { 'app.yaml': 'kind: ConfigMap\n' });
  assert.equal(tree.status.artifact.metadata['org.opencontainers.image.revision'], 'v1@sha1:abc');
  assert.equal(tree.status.artifact.metadata.team, 'a');

  // A directory is packed by oras itself.
  await push(`${registry.host}/oras/folder:v1`, 'deploy:application/vnd.acme.tar+gzip');
  const folder = await world.reconcile('oras', spec('oras/folder', 'v1', { ignore: '*.png\n' }));
  assert.deepEqual(await world.files(folder), { 'deploy/app.yaml': 'kind: ConfigMap\n' });

  await push(`${registry.host}/oras/file:v1`, 'deploy/app.yaml:application/yaml', 'deploy/logo.png:image/png');
  const layerSelector = { mediaType: 'application/yaml', operation: 'copy' };
  const file = await world.reconcile('oras', spec('oras/file', 'v1', { layerSelector }));
  assert.equal(file.status.artifact.digest, digestOf(Buffer.from('kind: ConfigMap\n')));
});

test('what `helm push` made is pulled: the chart as it is, or its files', async () => {
  await helm(dir, 'create', 'app');
  await helm(dir, 'package', 'app', '--version', '1.2.3+build.7');
  const login = ['--username', reader.username, '--password', reader.password, '--plain-http'];
  await helm(dir, 'push', 'app-1.2.3+build.7.tgz', `oci://${registry.host}/charts`, ...login);
  const mediaType = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';
  const range = { ref: { semver: '1.x' } };
  const copy = { ...range, layerSelector: { mediaType, operation: 'copy' } };
  const chart = await world.reconcile('helm', spec('charts/app', '', copy));
  assert.equal(conditionOf(chart, 'Ready')?.status, 'True', conditionOf(chart, 'Ready')?.message);
  assert.match(chart.status.artifact.revision, /^1\.2\.3_build\.7@sha256:/);
  const { stdout: sum } = await run('sha256sum', [join(dir, 'app-1.2.3+build.7.tgz')]);
  assert.equal(chart.status.artifact.digest, `sha256:${sum.slice(0, 64)}`, 'byte for byte');
  assert.equal(chart.status.artifact.metadata['org.opencontainers.image.title'], 'app');
  const files = await world.reconcile('helm', spec('charts/app', '', { ...range, layerSelector: { mediaType } }));
  assert.match((await world.files(files))['app/Chart.yaml'] ?? '', /^version: 1\.2\.3\+build\.7$/m);
});

function fluxMissing(): string | false {
  try {
    execFileSync('flux', ['version', '--client'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'there is no `flux` on the PATH';
  }
}

test('what `flux push artifact` made is pulled, with what it tells of its origin', {
  skip: fluxMissing(),
}, async () => {
  const source = 'https://example.com/app.git';
  const revision = 'main@sha1:b3b00fe35424a45d373bf4c7214178bc36fd7872';
  const flux = async (...args: string[]) => (await run('flux', args, { cwd: dir })).stdout;
  const to = `oci://${registry.host}/flux/app:main`;
  const creds = `${reader.username}:${reader.password}`;
  const origin = ['--path', 'deploy', '--source', source, '--revision', revision, '--reproducible'];
  const said = await flux('push', 'artifact', to, ...origin, '--creds', creds, '--output', 'json');
  const { digest } = JSON.parse(said) as { digest: string };
  const layerSelector = { mediaType: fluxContent, operation: 'extract' };
  const object = await world.reconcile('flux', spec('flux/app', 'main', { layerSelector }));
  assert.equal(conditionOf(object, 'Ready')?.status, 'True', conditionOf(object, 'Ready')?.message);
  assert.equal(object.status.artifact.revision, `main@${digest}`);
  assert.deepEqual(await world.files(object), { 'app.yaml': 'kind: ConfigMap\n' });
  assert.equal(object.status.artifact.metadata['org.opencontainers.image.source'], source);
  assert.equal(object.status.artifact.metadata['org.opencontainers.image.revision'], revision);
  await flux('tag', 'artifact', to, '--tag', 'stable', '--creds', creds);
  const tagged = await world.reconcile('flux', spec('flux/app', 'stable', { layerSelector }));
  assert.equal(tagged.status.artifact.revision, `stable@${digest}`);
  assert.equal(tagged.status.artifact.digest, object.status.artifact.digest);
});
