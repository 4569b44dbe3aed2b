import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { undisturbed } from '../../shared/controllers/source/testing/undisturbed.ts';
import { conditionOf } from '../scenario/world.ts';
import { fluxConfig, fluxContent, tarGz } from './oci-tar.ts';
import { type OciWorld, startOciWorld } from './oci-world.ts';
import { digestOf, type Pushed, push, pushManifest, type RegistryServer, startRegistry } from './registry.ts';

let registry: RegistryServer;
let world: OciWorld;
before(async () => {
  [registry, world] = await Promise.all([startRegistry(), startOciWorld()]);
});
after(async () => {
  await world?.close();
  await registry?.stop();
});

const origin = {
  'org.opencontainers.image.created': '2026-01-01T00:00:00Z',
  'org.opencontainers.image.source': 'https://example.com/app.git',
  'org.opencontainers.image.revision': 'main@sha1:b3b00fe35424a45d373bf4c7214178bc36fd7872',
};
const artifact = async (files: Record<string, string>, more: Partial<Pushed> = {}): Promise<Pushed> => ({
  config: { mediaType: fluxConfig, bytes: Buffer.from('{}') },
  layers: [{ mediaType: fluxContent, bytes: await tarGz(files) }],
  annotations: origin,
  ...more,
});
const url = (repository: string) => `oci://${registry.host}/${repository}`;

describe('references', () => {
  test('the tag `latest`, a tag, a range, a filtered range and a digest each give the revision that Flux writes', async () => {
    const digests: Record<string, string> = {};
    for (const tag of ['latest', '6.0.0', '6.1.4', '6.1.5', '6.2.0-rc.1', '6.2.0-beta.9', 'v7', 'not-a-version']) {
      const pushed = await push(registry.url, 'org/refs', tag, await artifact({ 'tag.txt': tag }));
      digests[tag] = pushed.digest;
    }
    const table: [name: string, ref: Record<string, string> | undefined, tag: string][] = [
      ['latest', undefined, 'latest'],
      ['tag', { tag: '6.0.0' }, '6.0.0'],
      ['semver', { semver: '6.1.x', tag: '6.0.0' }, '6.1.5'],
      ['no prerelease', { semver: '>=6.0.0' }, '6.1.5'],
      ['prerelease', { semver: '>= 6.1.x-0' }, '6.2.0-rc.1'],
      ['filter', { semver: '>= 6.1.x-0', semverFilter: '.*-beta.*' }, '6.2.0-beta.9'],
    ];
    for (const [name, ref, tag] of table) {
      const object = await world.reconcile('refs', { url: url('org/refs'), ...(ref ? { ref } : {}) });
      assert.equal(object.status.artifact?.revision, `${tag}@${digests[tag]}`, name);
      assert.deepEqual(await world.files(object), { 'tag.txt': tag }, name);
    }
    const ref = { digest: digests['6.0.0'], semver: '*' };
    const object = await world.reconcile('refs', { url: url('org/refs'), ref });
    assert.equal(object.status.artifact.revision, digests['6.0.0']);
    assert.deepEqual(await world.files(object), { 'tag.txt': '6.0.0' });
  });

  test('a tag of a chart stands for the version with a plus sign', async () => {
    const mediaType = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';
    const layers = [{ mediaType, bytes: await tarGz({ 'app/Chart.yaml': 'name: app' }) }];
    const { digest } = await push(registry.url, 'org/chart', '1.0.0_7', await artifact({}, { layers }));
    const spec = { url: url('org/chart'), ref: { semver: '1.x' } };
    const layerSelector = { mediaType, operation: 'copy' };
    const object = await world.reconcile('chart', { ...spec, layerSelector });
    assert.equal(object.status.artifact?.revision, `1.0.0_7@${digest}`);
    assert.deepEqual(object.status.observedLayerSelector, layerSelector);
  });

  test('of an index of several platforms, linux/amd64 is pulled', async () => {
    const repository = 'org/index';
    const child = async (architecture: string) => ({
      ...(await push(registry.url, repository, undefined, await artifact({ architecture }))),
      platform: { os: 'linux', architecture },
    });
    const manifests = [await child('arm64'), await child('amd64')];
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    const index = { schemaVersion: 2, mediaType, manifests };
    const { digest } = await pushManifest(registry.url, repository, 'multi', index);
    const object = await world.reconcile('index', { url: url(repository), ref: { tag: 'multi' } });
    assert.equal(object.status.artifact?.revision, `multi@${digest}`);
    assert.deepEqual(await world.files(object), { architecture: 'amd64' });
    assert.deepEqual(object.status.artifact.metadata, origin);

    const arm = { schemaVersion: 2, mediaType, manifests: manifests.slice(0, 1) };
    await pushManifest(registry.url, repository, 'arm', arm);
    const failed = await world.reconcile('index', { url: url(repository), ref: { tag: 'arm' } });
    assert.equal(conditionOf(failed, 'FetchFailed')?.reason, 'OCIArtifactPullFailed');
    assert.match(conditionOf(failed, 'Ready')!.message, /no child with platform linux\/amd64/);
    assert.equal(conditionOf(failed, 'ArtifactOutdated')?.reason, 'NewRevision');
    assert.equal(failed.status.artifact.revision, `multi@${digest}`, 'the last artifact stays');
  });
});

describe('the artifact', () => {
  test('its conditions, status and Events are those of Flux', async () => {
    const pushed = await push(registry.url, 'org/told', 'v1', await artifact({ 'a.txt': '1', 'skip.jpg': 'x' }));
    const object = await world.reconcile('told', { url: url('org/told'), ref: { tag: 'v1' } });
    const revision = `v1@${pushed.digest}`;
    const message = `stored artifact for digest '${revision}'`;
    for (const type of ['Ready', 'ArtifactInStorage']) {
      assert.deepEqual(
        [conditionOf(object, type)?.status, conditionOf(object, type)?.reason, conditionOf(object, type)?.message],
        ['True', 'Succeeded', message],
      );
    }
    assert.equal(object.status.observedGeneration, object.metadata.generation);
    assert.deepEqual(object.status.artifact.metadata, origin);
    assert.equal(object.status.artifact.path, `ocirepository/default/told/${pushed.digest.slice(7)}.tar.gz`);
    assert.deepEqual(await world.files(object), { 'a.txt': '1' });
    const [event, ...rest] = world.events('told');
    assert.deepEqual(rest, []);
    const from = `origin source '${origin['org.opencontainers.image.source']}', origin revision '${origin['org.opencontainers.image.revision']}'`;
    assert.equal(
      event?.text,
      `info NewArtifact: stored artifact with revision '${revision}' from '${url('org/told')}', ${from}`,
    );
    assert.equal(event.metadata['source.toolkit.fluxcd.io/revision'], revision);
    assert.equal(event.metadata['source.toolkit.fluxcd.io/digest'], object.status.artifact.digest);

    const [before, same] = await undisturbed(object, () => world.again('told'));
    assert.deepEqual(same.status, before.status, 'a look that finds nothing new writes nothing');
    assert.deepEqual(world.events('told'), []);
  });

  test('a moved tag is found, and the same files make the same artifact', async () => {
    const spec = { url: url('org/moved'), ref: { tag: 'dev' } };
    await push(registry.url, 'org/moved', 'dev', await artifact({ a: '1' }));
    const first = await world.reconcile('moved', spec);
    await push(registry.url, 'org/moved', 'dev', await artifact({ a: '2' }));
    const second = await world.again('moved');
    assert.notEqual(second.status.artifact.digest, first.status.artifact.digest);
    const third = await push(registry.url, 'org/moved', 'dev', await artifact({ a: '1' }, { annotations: {} }));
    const again = await world.again('moved');
    assert.equal(again.status.artifact.revision, `dev@${third.digest}`);
    assert.equal(again.status.artifact.digest, first.status.artifact.digest);
    assert.equal(again.status.artifact.metadata, undefined);
  });

  test('layerSelector: of which type, unpacked or as it is; the status says what made the artifact', async () => {
    const second = await tarGz({ 'second.txt': '2' });
    const layers = [
      { mediaType: 'application/x.first', bytes: await tarGz({ 'first.txt': '1' }) },
      { mediaType: 'application/x.second', bytes: second },
      { mediaType: 'application/x.second', bytes: await tarGz({ 'third.txt': '3' }) },
      { mediaType: 'text/plain', bytes: Buffer.from('not an archive') },
    ];
    await push(registry.url, 'org/layers', 'latest', { layers });
    const spec = { url: url('org/layers') };
    const first = await world.reconcile('layers', spec);
    assert.deepEqual(await world.files(first), { 'first.txt': '1' });
    const selected = await world.reconcile('layers', { ...spec, layerSelector: { mediaType: 'application/x.second' } });
    assert.deepEqual(await world.files(selected), { 'second.txt': '2' });
    assert.deepEqual(selected.status.observedLayerSelector, { mediaType: 'application/x.second' });
    const layerSelector = { mediaType: 'application/x.second', operation: 'copy' };
    const copied = await world.reconcile('layers', { ...spec, layerSelector });
    assert.equal(copied.status.artifact.digest, digestOf(second));
    assert.equal(copied.status.artifact.size, second.length);
    const plain = { mediaType: 'text/plain', operation: 'copy' };
    const text = await world.reconcile('layers', { ...spec, layerSelector: plain });
    assert.equal(text.status.artifact.digest, `sha256:${createHash('sha256').update('not an archive').digest('hex')}`);

    const failed = await world.reconcile('layers', { ...spec, layerSelector: { mediaType: 'text/plain' } });
    assert.equal(conditionOf(failed, 'Ready')?.reason, 'OCIArtifactLayerOperationFailed');
    assert.match(conditionOf(failed, 'Ready')!.message, /^failed to extract layer contents from artifact: /);
    assert.deepEqual(failed.status.observedLayerSelector, plain, 'what made the artifact that is still there');
    const absent = await world.reconcile('layers', { ...spec, layerSelector: { mediaType: 'x/absent' } });
    assert.equal(conditionOf(absent, 'FetchFailed')?.reason, 'OCIArtifactLayerOperationFailed');
    assert.match(conditionOf(absent, 'Ready')!.message, /failed to find layer with media type 'x\/absent'/);
    const whole = await world.reconcile('layers', spec);
    assert.equal(whole.status.artifact.digest, first.status.artifact.digest);
    assert.equal(whole.status.observedLayerSelector, undefined);
    await push(registry.url, 'org/layers', 'none', {});
    const none = await world.reconcile('layers', { ...spec, ref: { tag: 'none' } });
    assert.equal(conditionOf(none, 'Ready')?.message, 'no layers found in artifact');
  });

  test('.sourceignore, spec.ignore and the built-in rules leave files out', async () => {
    const files = { '.sourceignore': '*.md\n', 'a.yaml': 'a', 'a.md': 'a', 'deploy/b.yaml': 'b', 'x.zip': 'z' };
    await push(registry.url, 'org/ignore', 'latest', await artifact(files));
    const spec = { url: url('org/ignore') };
    const own = await world.reconcile('ignore', spec);
    assert.deepEqual(Object.keys(await world.files(own)), ['.sourceignore', 'a.yaml', 'deploy/b.yaml', 'x.zip']);
    const ignore = '/*\n!/deploy\n';
    const only = await world.reconcile('ignore', { ...spec, ignore });
    assert.deepEqual(Object.keys(await world.files(only)), ['deploy/b.yaml']);
    assert.equal(only.status.observedIgnore, ignore);
    assert.equal(only.status.artifact.revision, own.status.artifact.revision);
    const again = await world.reconcile('ignore', spec);
    assert.equal(again.status.artifact.digest, own.status.artifact.digest);
    assert.equal(again.status.observedIgnore, undefined);
  });
});
