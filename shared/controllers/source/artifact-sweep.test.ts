import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, test } from 'node:test';
import { startInstalled, unreachableKubeconfig } from '../../../test/fixtures/installed.ts';
import { apiVersionOf, kinds } from '../../api/kinds.ts';
import { artifactKey } from '../../artifact/layout.ts';
import { graceMs, sweepArtifacts, sweepOld } from './artifact-sweep.ts';

const installed = await startInstalled();
after(installed.close);
const clock = { ahead: 0, now: () => Date.now() + clock.ahead };
const ports = { ...installed.ports, clock };
const digestOf = (what: string) => `sha256:${createHash('sha256').update(what).digest('hex')}`;
const put = (what: string) => ports.store.put(artifactKey(digestOf(what)), Buffer.from(what));
const kept = async (what: string) => (await ports.store.head(artifactKey(digestOf(what)))) !== undefined;
/** Two sweeps, with more than the grace period between them. */
const sweepTwice = async () => {
  const first = await sweepArtifacts(ports);
  clock.ahead += graceMs + 1000;
  return first + (await sweepArtifacts(ports));
};

const specs: Record<string, Record<string, unknown>> = {
  GitRepository: { url: 'https://example.com/app.git', interval: '1m' },
  OCIRepository: { url: 'oci://example.com/app', interval: '1m' },
  Bucket: { bucketName: 'app', endpoint: 'example.com', interval: '1m' },
  HelmRepository: { url: 'https://example.com/charts', interval: '1m' },
  HelmChart: { chart: 'app', sourceRef: { kind: 'HelmRepository', name: 'app' }, interval: '1m' },
  ExternalArtifact: {},
  ArtifactGenerator: {
    sources: [{ alias: 'app', kind: 'GitRepository', name: 'app' }],
    artifacts: [{ name: 'app', copy: [{ from: '@app/**', to: '@artifact/' }] }],
  },
};
const sourceKinds = kinds.filter(({ group }) => group.startsWith('source.'));

test('what a source of any kind refers to stays, in every field that names it', async () => {
  assert.deepEqual(sourceKinds.map(({ kind }) => kind).sort(), Object.keys(specs).sort());
  for (const definition of sourceKinds) {
    const { kind } = definition;
    const type = { apiVersion: apiVersionOf(definition), kind };
    const metadata = { namespace: 'default', name: 'app' };
    await installed.apply({ ...type, metadata, spec: specs[kind] });
    const status =
      kind === 'ArtifactGenerator'
        ? { inventory: [{ name: 'a', namespace: 'default', digest: digestOf(kind), filename: 'x.tar.gz' }] }
        : { artifact: artifact(kind) };
    const included = kind === 'GitRepository' ? { includedArtifacts: [artifact('included')] } : {};
    await installed.cluster.apply(
      { ...type, metadata, status: { ...status, ...included } },
      { fieldManager: 'test', force: true, subresource: 'status' },
    );
    await put(kind);
  }
  await put('included');
  await put('nobody');
  assert.equal(await sweepTwice(), 1);
  for (const { kind } of sourceKinds) assert.ok(await kept(kind), kind);
  assert.ok(await kept('included'));
  assert.equal(await kept('nobody'), false);
});

function artifact(what: string) {
  const lastUpdateTime = '2026-01-01T00:00:00Z';
  return { digest: digestOf(what), path: 'a', url: 'http://127.0.0.1/a', revision: 'a', lastUpdateTime, size: 1 };
}

test('what lost its last reference stays for the grace period, and longer when it was written meanwhile', async () => {
  await put('young');
  assert.equal(await sweepArtifacts(ports), 0);
  clock.ahead += graceMs - 60_000;
  assert.equal(await sweepArtifacts(ports), 0, 'a consumer may still read it');
  clock.ahead = 0;
  await ports.store.delete([artifactKey(digestOf('young'))]);
  await put('again');
  assert.equal(await sweepArtifacts(ports), 0);
  // Written anew between the listing and the deletion.
  const racing = {
    ...ports,
    clock: { now: () => Date.now() + graceMs + 1000 },
    store: Object.assign(Object.create(Object.getPrototypeOf(ports.store)), {
      list: async function* (prefix: string) {
        for await (const info of ports.store.list(prefix)) yield { ...info, lastModified: info.lastModified - 5000 };
      },
      head: (key: string) => ports.store.head(key),
      get: (key: string) => ports.store.get(key),
      put: ports.store.put.bind(ports.store),
      delete: (keys: string[]) => ports.store.delete(keys),
    }),
  };
  assert.equal(await sweepArtifacts(racing), 0);
  assert.ok(await kept('again'));
});

test('while a cluster does not answer, nothing is deleted, and the error names it', async () => {
  await put('orphan');
  await sweepArtifacts(ports);
  clock.ahead += graceMs + 1000;
  await installed.register('silent', unreachableKubeconfig);
  await assert.rejects(sweepArtifacts(ports), /cluster "silent"/);
  assert.ok(await kept('orphan'));
  await installed.local.index.removeCluster('silent');
  assert.ok((await sweepArtifacts(ports)) >= 1);
  assert.equal(await kept('orphan'), false);
});

test('more than a thousand go in several requests', async () => {
  for (let n = 0; n < 1100; n += 100) await Promise.all(Array.from({ length: 100 }, (_, m) => put(`many ${n + m}`)));
  assert.equal(await sweepTwice(), 1100);
  for (let n = 0; n < 1100; n += 100)
    await Promise.all(
      Array.from({ length: 100 }, (_, m) => ports.store.put(`sources/test/${n + m}`, Buffer.from('x'))),
    );
  const old = { ...ports, clock: { now: () => Date.now() + 3_600_000 } };
  assert.equal(await sweepOld(old, 'sources/test/', 7_200_000), 0);
  assert.equal(await sweepOld(old, 'sources/test/', 60_000), 1100);
});
