import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import tar, { type Header } from 'tar-stream';
import { createRepository } from '../../shared/local/git-server.ts';
import { startHelmRepository } from '../programs/helm-repository.ts';
import { gitRepository, yaml } from '../scenario/manifests.ts';
import { conditionOf, startWorld, until } from '../scenario/world.ts';

const world = await startWorld();
const ns = 'helm-bad';
await world.namespace(ns);
const dir = await mkdtemp(join(tmpdir(), 'sluice-helm-bad-'));
const server = await startHelmRepository(dir);
after(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

const api = 'source.toolkit.fluxcd.io/v1';
const object = (kind: string, name: string, spec: object) => ({
  apiVersion: api,
  kind,
  metadata: { namespace: ns, name },
  spec: { interval: '10m', ...spec },
});
const chartOf = (name: string, source: string, spec: object = {}) =>
  object('HelmChart', name, { chart: 'app', sourceRef: { kind: 'HelmRepository', name: source }, ...spec });
const look = (kind: string, name: string, at: string) =>
  world.cluster.patch({ apiVersion: api, kind }, ns, name, {
    type: 'merge',
    body: { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': at } } },
  });

async function tgz(...entries: (Partial<Header> & { text?: string })[]): Promise<Buffer> {
  const pack = tar.pack();
  for (const { text = '', ...header } of entries) pack.entry({ name: 'x', ...header }, text);
  pack.finalize();
  return gzipSync(await buffer(pack as unknown as NodeJS.ReadableStream));
}
const chartFile = (version: string) => ({
  name: 'app/Chart.yaml',
  text: `apiVersion: v2\nname: app\nversion: ${version}\n`,
});

interface Release {
  version: string;
  archive: Buffer;
  url?: string;
  digest?: string;
}

/** Writes a repository of the chart `app` into a folder of the server; its address. */
async function repository(folder: string, ...releases: Release[]): Promise<string> {
  await mkdir(join(dir, folder), { recursive: true });
  const entries = await Promise.all(
    releases.map(async ({ version, archive, url = `app-${version}.tgz`, digest }) => {
      await writeFile(join(dir, folder, `app-${version}.tgz`), archive);
      const actual = createHash('sha256').update(archive).digest('hex');
      return { name: 'app', version, urls: [url], digest: digest ?? actual };
    }),
  );
  await writeFile(join(dir, folder, 'index.yaml'), yaml({ apiVersion: 'v1', entries: { app: entries } }));
  return `${server.url}/${folder}`;
}

test('an index that cannot be fetched or read leaves the last artifact, its charts, and says what is wrong', async () => {
  const url = await repository('index', { version: '1.0.0', archive: await tgz(chartFile('1.0.0')) });
  await world.apply(yaml(object('HelmRepository', 'index', { url }), chartOf('index', 'index')));
  const good = await world.condition('HelmRepository', ns, 'index', 'Ready', 'True');
  await world.condition('HelmChart', ns, 'index', 'Ready', 'True');
  const broken: [string, Parameters<typeof server.special.set>[1], string, RegExp][] = [
    [
      'html',
      { status: 200, body: '<html>Sign in</html>' },
      'IndexationFailed',
      /failed to load Helm repository from index YAML: .*not an index/,
    ],
    ['empty', { status: 200, body: '' }, 'IndexationFailed', /empty index\.yaml file/],
    [
      'gone',
      { status: 404 },
      'Failed',
      /failed to fetch Helm repository index: failed to fetch .*\/index\/index\.yaml : 404 Not Found$/,
    ],
    ['busy', { status: 429, headers: { 'retry-after': '120' } }, 'Failed', / : 429 Too Many Requests$/],
    [
      'elsewhere',
      { status: 302, headers: { location: 'ftp://example.com/' } },
      'Failed',
      /redirects to what is no address/,
    ],
    ['metadata', { status: 302, headers: { location: 'http://169.254.169.254/' } }, 'Failed', /169\.254\.169\.254/],
  ];
  for (const [name, answer, reason, message] of broken) {
    server.special.set('/index/index.yaml', answer);
    await look('HelmRepository', 'index', name);
    const failed = await until(`the repository says what is wrong with ${name}`, async () => {
      const found = await world.get('HelmRepository', ns, 'index');
      return found?.status.lastHandledReconcileAt === name ? found : undefined;
    });
    assert.equal(conditionOf(failed, 'Ready')?.reason, reason, name);
    assert.match(conditionOf(failed, 'FetchFailed')!.message, message);
    assert.equal(conditionOf(failed, 'Stalled'), undefined);
    assert.equal(failed.status.artifact.digest, good.status.artifact.digest, 'the last artifact stays');
  }
  const chart = await world.get('HelmChart', ns, 'index');
  assert.equal(conditionOf(chart, 'Ready')?.status, 'True');
  server.special.delete('/index/index.yaml');
  await look('HelmRepository', 'index', 'mended');
  await world.condition('HelmRepository', ns, 'index', 'Ready', 'True', 'Succeeded');
});

test('charts that are none, or not those of the index, are refused with a reason', async () => {
  const good = chartFile('1.0.0');
  const url = await repository(
    'charts',
    { version: '1.0.0', archive: await tgz(good, { name: 'app/x', type: 'symlink', linkname: '/etc/passwd' }) },
    { version: '1.0.1', archive: await tgz(good, { name: 'app/../../x', text: 'x' }) },
    { version: '1.0.2', archive: await tgz({ name: 'app/values.yaml', text: '' }) },
    { version: '1.0.3', archive: Buffer.from('no archive') },
    { version: '1.0.4', archive: await tgz(chartFile('latest')) },
    { version: '1.0.5', archive: await tgz(good), digest: '0'.repeat(64) },
    { version: '1.0.6', archive: await tgz(good), url: 'file:///etc/passwd' },
    { version: '1.0.7', archive: await tgz(good), url: 'http://169.254.169.254/x.tgz' },
    { version: '1.0.8', archive: Buffer.alloc(10 * 2 ** 20 + 1) },
    { version: '1.0.9', archive: await tgz(chartFile('1.0.9')) },
  );
  const cases: [string, object, string, RegExp][] = [
    ['link', { version: '1.0.0' }, 'ChartPullError', /archive holds a symlink: "app\/x"/],
    ['leaves', { version: '1.0.1' }, 'ChartPullError', /illegally contains paths that lead out of it/],
    ['no-chart', { version: '1.0.2' }, 'ChartPullError', /no 'Chart\.yaml' found/],
    ['no-archive', { version: '1.0.3' }, 'ChartPullError', /archive cannot be read/],
    ['no-version', { version: '1.0.4' }, 'ChartPullError', /chart\.metadata\.version "latest" is invalid/],
    [
      'digest',
      { version: '1.0.5' },
      'ChartPullError',
      /its digest is sha256:[0-9a-f]{64}, the index says sha256:0{64}$/,
    ],
    ['file', { version: '1.0.6' }, 'ChartPullError', /none of http or https: "file:\/\/\/etc\/passwd"/],
    ['metadata', { version: '1.0.7' }, 'ChartPullError', /169\.254\.169\.254/],
    ['large', { version: '1.0.8' }, 'ChartPullError', /size of the chart exceeds '10485760' bytes limit/],
    [
      'none',
      { version: '9.x' },
      'InvalidChartReference',
      /^invalid chart reference: failed to get chart version for remote reference: no 'app' chart with version matching '9\.x' found$/,
    ],
    ['range', { version: 'newest' }, 'InvalidChartReference', /"newest" is not a version range/],
    ['absent', { chart: 'absent' }, 'InvalidChartReference', /no chart name found: the index has no chart 'absent'/],
    ['name', { chart: '../app' }, 'InvalidChartReference', /invalid chart name '\.\.\/app'/],
    [
      'no-values',
      { version: '1.0.9', valuesFiles: ['x.yaml'] },
      'ValuesFilesError',
      /no values file found at path 'x\.yaml'/,
    ],
    [
      'verify',
      { version: '1.0.9', verify: { provider: 'cosign' } },
      'ChartVerificationError',
      /only charts of a HelmRepository of the type oci/,
    ],
  ];
  await world.apply(
    yaml(object('HelmRepository', 'charts', { url }), ...cases.map(([name, spec]) => chartOf(name, 'charts', spec))),
  );
  const stalling = ['InvalidChartReference', 'ValuesFilesError'];
  for (const [name, , reason, message] of cases) {
    const failed = await world.condition('HelmChart', ns, name, 'Ready', 'False', reason);
    assert.match(conditionOf(failed, 'Ready')!.message, message, name);
    const condition = /Values|Verification/.test(reason) ? 'BuildFailed' : 'FetchFailed';
    assert.equal(conditionOf(failed, condition)?.reason, reason, name);
    assert.equal(conditionOf(failed, 'Stalled')?.reason, stalling.includes(reason) ? reason : undefined, name);
    assert.equal(failed.status.artifact, undefined);
  }
  const unverified = await world.get('HelmChart', ns, 'verify');
  assert.equal(conditionOf(unverified, 'SourceVerified')?.reason, 'VerificationError');
});

test('a chart that is stalled is looked at again when its source changes', async () => {
  const url = await repository('later', { version: '1.0.0', archive: await tgz(chartFile('1.0.0')) });
  await world.apply(yaml(chartOf('later', 'later', { version: '2.x' })));
  await world.condition('HelmChart', ns, 'later', 'Ready', 'False', 'SourceUnavailable');
  await world.apply(yaml(object('HelmRepository', 'later', { url })));
  await world.condition('HelmChart', ns, 'later', 'Stalled', 'True', 'InvalidChartReference');
  await repository('later', { version: '2.0.0', archive: await tgz(chartFile('2.0.0')) });
  await look('HelmRepository', 'later', 'again');
  const chart = await world.condition('HelmChart', ns, 'later', 'Ready', 'True', 'ChartPullSucceeded');
  assert.equal(chart.status.artifact.revision, '2.0.0');
  assert.equal(conditionOf(chart, 'Stalled'), undefined);
});

test('charts in a tree that are none, and sources that have nothing yet', async () => {
  const files = {
    'bad/Chart.yaml': 'name: bad\n',
    'broken/Chart.yaml': '{',
    'app/Chart.yaml': 'apiVersion: v2\nname: app\nversion: 1.0.0\n',
    'glob/Chart.yaml': 'apiVersion: v2\nname: glob\nversion: 1.0.0\n',
    'glob/.helmignore': 'a/**/b\n',
  };
  await createRepository(world.repositories, 'bad-charts.git', files, { branch: 'main' });
  const sourceRef = { kind: 'GitRepository', name: 'tree' };
  const cases: [string, object, string, RegExp][] = [
    [
      'tree-name',
      { chart: 'bad' },
      'InvalidChartReference',
      /invalid chart reference: validation: chart\.metadata\.version is required/,
    ],
    ['tree-yaml', { chart: 'broken' }, 'InvalidChartReference', /cannot load 'Chart\.yaml'/],
    [
      'tree-leaves',
      { chart: '../../etc' },
      'InvalidChartReference',
      /the source has no '\/etc' \(spec\.chart is '\.\.\/\.\.\/etc'; paths stay in the source\)/,
    ],
    ['tree-absolute', { chart: '/app' }, 'InvalidChartReference', /path is expected to be relative/],
    ['tree-file', { chart: 'app/Chart.yaml' }, 'InvalidChartReference', /archive cannot be read/],
    ['tree-root', { chart: '.' }, 'InvalidChartReference', /no 'Chart\.yaml' found/],
    [
      'tree-values',
      { chart: 'app', valuesFiles: ['../../etc/passwd'] },
      'ValuesFilesError',
      /no values file found at path '\.\.\/\.\.\/etc\/passwd'/,
    ],
    ['tree-ignore', { chart: 'glob' }, 'ChartPackageError', /double-star/],
  ];
  await world.apply(
    yaml(
      gitRepository(ns, 'tree', `${world.git.url}/bad-charts.git`),
      gitRepository(ns, 'nothing', `${world.git.url}/nothing.git`),
      ...cases.map(([name, spec]) => chartOf(name, '', { sourceRef, ...spec })),
      chartOf('waiting', '', { sourceRef: { kind: 'GitRepository', name: 'nothing' } }),
    ),
  );
  for (const [name, , reason, message] of cases) {
    const failed = await world.condition('HelmChart', ns, name, 'Ready', 'False', reason);
    assert.match(conditionOf(failed, 'Ready')!.message, message, name);
  }
  const waiting = await world.condition('HelmChart', ns, 'waiting', 'Ready', 'False', 'NoSourceArtifact');
  assert.equal(conditionOf(waiting, 'Ready')?.message, "no artifact available for GitRepository source 'nothing'");
});

test('addresses that are none of a repository stall', async () => {
  await world.apply(yaml(object('HelmRepository', 'oci-url', { url: 'oci://127.0.0.1:1/charts' })));
  const failed = await world.condition('HelmRepository', ns, 'oci-url', 'Stalled', 'True', 'URLInvalid');
  assert.equal(
    conditionOf(failed, 'Ready')?.message,
    "invalid Helm repository URL: 'oci' URL scheme cannot be used with 'default' HelmRepository type",
  );
});

test("a cloud's sign-in for a registry that is none of its own", async () => {
  const url = 'oci://127.0.0.1:1/charts';
  await world.apply(
    yaml(object('HelmRepository', 'cloud', { url, type: 'oci', provider: 'aws' }), chartOf('cloud', 'cloud')),
  );
  const failed = await world.condition('HelmChart', ns, 'cloud', 'Ready', 'False', 'AuthenticationFailed');
  assert.match(conditionOf(failed, 'FetchFailed')!.message, /^failed to get credential from 'aws': .*127\.0\.0\.1/);
});

test('an index that many HelmRepositories want at once is asked for by few of them', async () => {
  const url = await repository('asked', { version: '1.0.0', archive: await tgz(chartFile('1.0.0')) });
  const open = Promise.withResolvers<void>();
  server.gates.set('/asked/index.yaml', open.promise);
  const names = Array.from({ length: 10 }, (_, n) => `asked-${n}`);
  await world.apply(yaml(...names.map(name => object('HelmRepository', name, { url }))));
  const asked = () => server.requests.filter(({ path }) => path === '/asked/index.yaml').length;
  // All were called for before the first has its answer; who asks next asks for all.
  await until(`all ${names.length} to be called for`, async () => {
    const objects = await Promise.all(names.map(name => world.get('HelmRepository', ns, name)));
    return objects.every(found => found?.metadata.finalizers?.length);
  });
  open.resolve();
  const digests = new Set<string>();
  for (const name of names) {
    const found = await world.condition('HelmRepository', ns, name, 'Ready', 'True');
    digests.add(found.status.artifact.digest);
  }
  assert.equal(digests.size, 1);
  assert.ok(asked() <= 5, `${asked()} of ${names.length} asked for the index`);
});

test('a chart that many HelmCharts want is downloaded once, also for other namespaces', async () => {
  const url = await repository('shared', { version: '1.0.0', archive: await tgz(chartFile('1.0.0')) });
  const spaces = Array.from({ length: 5 }, (_, n) => `helm-shared-${n}`);
  for (const space of spaces) await world.namespace(space);
  const copies = spaces.flatMap(namespace =>
    ['a', 'b'].flatMap(name => {
      const source = object('HelmRepository', name, { url });
      const chart = chartOf(name, name);
      return [source, chart].map(each => ({ ...each, metadata: { namespace, name } }));
    }),
  );
  await world.apply(yaml(...copies));
  const digests = new Set<string>();
  for (const namespace of spaces)
    for (const name of ['a', 'b']) {
      const chart = await world.condition('HelmChart', namespace, name, 'Ready', 'True');
      digests.add(chart.status.artifact.digest);
    }
  assert.equal(digests.size, 1);
  const charts = server.requests.filter(({ path }) => path.startsWith('/shared/') && path.endsWith('.tgz'));
  assert.equal(charts.length, 1, 'of 10 HelmCharts one downloads the chart');
});
