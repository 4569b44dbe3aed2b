import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { artifactKey } from '../../shared/artifact/layout.ts';
import { bucketName, startS3Server } from '../../shared/controllers/source/testing/s3-server.ts';
import { pathOfKey } from '../../shared/local/key-path.ts';
import { kubectlPath } from '../../shared/manifests/layer.ts';
import { helm } from '../programs/helm.ts';
import { startHelmRepository } from '../programs/helm-repository.ts';
import { secret, yaml } from '../scenario/manifests.ts';
import { conditionOf, onAws, startWorld, until } from '../scenario/world.ts';

const world = await startWorld();
const ns = 'helm-fields';
await world.namespace(ns);
const dir = await mkdtemp(join(tmpdir(), 'sluice-helm-fields-'));
after(() => rm(dir, { recursive: true, force: true }));

const api = 'source.toolkit.fluxcd.io/v1';
const object = (kind: string, name: string, spec: object) => ({
  apiVersion: api,
  kind,
  metadata: { namespace: ns, name },
  spec,
});
const helmRepository = (name: string, url: string, spec: object = {}) =>
  object('HelmRepository', name, { interval: '10m', url, ...spec });
const helmChart = (name: string, source: string, spec: object = {}) =>
  object('HelmChart', name, {
    interval: '10m',
    chart: 'app',
    sourceRef: { kind: 'HelmRepository', name: source },
    ...spec,
  });
const patch = (kind: string, name: string, body: object) =>
  world.cluster.patch({ apiVersion: api, kind }, ns, name, { type: 'merge', body });

await helm(dir, 'create', 'app');
/** Adds versions of the chart to a folder that is a repository; charts are said to be at `url`. */
async function release(folder: string, url: string, ...versions: string[]): Promise<void> {
  const place = join(dir, folder);
  await mkdir(place, { recursive: true });
  for (const version of versions) await helm(dir, 'package', 'app', '--version', version, '--destination', place);
  await helm(dir, 'repo', 'index', place, ...(url === '' ? [] : ['--url', url]));
}

test('spec.timeout ends the fetch of an index from a server that never answers', async () => {
  const sockets: Socket[] = [];
  const silent = createServer(socket => sockets.push(socket)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  after(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  await world.apply(yaml(helmRepository('silent', url, { timeout: '1s' })));
  const failed = await world.condition('HelmRepository', ns, 'silent', 'Ready', 'False', 'Failed');
  assert.match(conditionOf(failed, 'Ready')!.message, /fetching from http:.* took longer than 1s; raise spec\.timeout/);
});

test('credentials stay with the host of the repository unless passCredentials is set', async () => {
  const user = { username: 'helm', password: 'secret word' };
  const [index, files] = [join(dir, 'index'), join(dir, 'files')];
  await mkdir(index);
  await release('files', '', '1.0.0');
  const own = await startHelmRepository(index, { user });
  const elsewhere = await startHelmRepository(files, { user });
  try {
    await release('files', elsewhere.url, '1.0.0');
    await writeFile(join(index, 'index.yaml'), await readFile(join(files, 'index.yaml')));
    const secretRef = { name: 'user' };
    await world.apply(
      yaml(
        secret(ns, 'user', user),
        helmRepository('kept', own.url, { secretRef }),
        helmRepository('passed', own.url, { secretRef, passCredentials: true }),
        helmChart('kept', 'kept'),
        helmChart('passed', 'passed'),
      ),
    );
    const kept = await world.condition('HelmChart', ns, 'kept', 'Ready', 'False', 'AuthenticationFailed');
    assert.match(conditionOf(kept, 'Ready')!.message, /401 Unauthorized/);
    await world.condition('HelmChart', ns, 'passed', 'Ready', 'True');
    const refused = elsewhere.requests.filter(({ status }) => status === 401);
    assert.ok(refused.length > 0);
    for (const { authorization } of refused) assert.equal(authorization, undefined);
    for (const [where, text] of await world.runtime.stored())
      assert.ok(
        !text.includes('secret word') && !text.includes(Buffer.from('helm:secret word').toString('base64')),
        where,
      );
  } finally {
    await Promise.all([own.close(), elsewhere.close()]);
  }
});

test('suspended Helm sources do nothing until they are resumed', async () => {
  const server = await startHelmRepository(join(dir, 'suspended'));
  try {
    await release('suspended', '', '1.0.0');
    await world.apply(
      yaml(
        helmRepository('suspended', server.url, { suspend: true }),
        helmChart('suspended', 'suspended', { suspend: true }),
      ),
    );
    await world.apply(yaml(helmRepository('beside', server.url)));
    await world.condition('HelmRepository', ns, 'beside', 'Ready', 'True');
    assert.equal((await world.get('HelmRepository', ns, 'suspended'))?.status?.artifact, undefined);
    await patch('HelmRepository', 'suspended', { spec: { suspend: false } });
    await world.condition('HelmRepository', ns, 'suspended', 'Ready', 'True');
    assert.equal((await world.get('HelmChart', ns, 'suspended'))?.status?.artifact, undefined);
    await patch('HelmChart', 'suspended', { spec: { suspend: null } });
    await world.condition('HelmChart', ns, 'suspended', 'Ready', 'True');
  } finally {
    await server.close();
  }
});

test('an interval finds a new version by itself; kubectl sees the columns and waits for Ready', async () => {
  const server = await startHelmRepository(join(dir, 'interval'));
  try {
    await release('interval', '', '1.0.0');
    await world.apply(
      yaml(helmRepository('interval', server.url, { interval: '1s' }), helmChart('interval', 'interval')),
    );
    const kubectl = async (...args: string[]) =>
      (await promisify(execFile)(await kubectlPath(), ['--kubeconfig', world.target.kubeconfigFile, '-n', ns, ...args]))
        .stdout;
    await kubectl('wait', 'helmchart/interval', '--for=condition=ready', '--timeout=120s');
    await kubectl('wait', 'helmrepository/interval', '--for=condition=ready', '--timeout=120s');
    assert.match(
      await kubectl('get', 'hc', 'interval'),
      /NAME\s+CHART\s+VERSION\s+SOURCE KIND\s+SOURCE NAME\s+AGE\s+READY\s+STATUS\s+interval\s+app\s+\*\s+HelmRepository\s+interval\s+\S+\s+True\s+pulled 'app'/,
    );
    await release('interval', '', '1.1.0');
    await until('the chart is the new one', async () => {
      const chart = await world.get('HelmChart', ns, 'interval');
      return chart?.status.artifact.revision === '1.1.0';
    });
    await patch('HelmRepository', 'interval', { spec: { interval: '10m' } });
  } finally {
    await server.close();
  }
});

test('artifacts and lookups that the store lost are made again', { skip: onAws && 'reads files' }, async () => {
  const server = await startHelmRepository(join(dir, 'lost'));
  try {
    await release('lost', '', '1.0.0');
    await world.apply(yaml(helmRepository('lost', server.url), helmChart('lost', 'lost')));
    const repository = await world.condition('HelmRepository', ns, 'lost', 'Ready', 'True');
    const chart = await world.condition('HelmChart', ns, 'lost', 'Ready', 'True');
    const stored = await world.runtime.stored();
    const hex = (found: typeof chart) => found.status.artifact.digest.slice('sha256:'.length) as string;
    const files = stored.map(([where]) => where);
    const lookups = files.filter(where => where.includes(`indexes/v1/${hex(repository)}`));
    assert.ok(lookups.length >= 2, 'the index was digested');
    for (const where of lookups) await rm(where);
    const artifact = files.find(where => where.endsWith(pathOfKey(artifactKey(chart.status.artifact.digest))));
    await rm(artifact!);
    assert.equal((await fetch(chart.status.artifact.url)).status, 404);
    await patch('HelmChart', 'lost', { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': 'lost' } } });
    await until('the chart is there again', async () => (await fetch(chart.status.artifact.url)).status === 200);
    const again = await world.condition('HelmChart', ns, 'lost', 'Ready', 'True', 'ChartPullSucceeded');
    assert.equal(again.status.artifact.digest, chart.status.artifact.digest);
    const asked = server.requests.filter(({ path }) => path === '/index.yaml');
    assert.equal(asked.length, 1, 'the index is read from the store');
  } finally {
    await server.close();
  }
});

test('a chart in a bucket is packaged, with the checksum in its version', async () => {
  const s3 = await startS3Server();
  try {
    s3.objects.set('charts/app/Chart.yaml', 'apiVersion: v2\nname: app\nversion: 0.3.0\n');
    s3.objects.set('charts/app/values.yaml', 'a: 1\n');
    const spec = { chart: 'charts/app', sourceRef: { kind: 'Bucket', name: 'charts' } };
    await world.apply(
      yaml(
        secret(ns, 'keys', { accesskey: 'key', secretkey: 'hush' }),
        object('Bucket', 'charts', {
          interval: '10m',
          bucketName,
          endpoint: s3.endpoint,
          insecure: true,
          secretRef: { name: 'keys' },
        }),
        object('HelmChart', 'of-bucket', { interval: '10m', reconcileStrategy: 'Revision', ...spec }),
      ),
    );
    const chart = await world.condition('HelmChart', ns, 'of-bucket', 'Ready', 'True', 'ChartPackageSucceeded');
    const bucket = await world.get('Bucket', ns, 'charts');
    const revision: string = bucket!.status.artifact.revision;
    assert.equal(chart.status.artifact.revision, `0.3.0+${revision.slice('sha256:'.length, 'sha256:'.length + 12)}`);
    assert.equal(chart.status.observedSourceArtifactRevision, revision);
  } finally {
    await s3.close();
  }
});
