import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { conditionOf } from '../../../../test/scenario/world.ts';
import { tarGz, tarOf } from '../../../../test/sources/oci-tar.ts';
import { type OciWorld, startOciWorld } from '../../../../test/sources/oci-world.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { Descriptor } from '../../../oci/descriptor.ts';
import { legacyByKey, legacyKeyless, simpleSigning } from '../../../oci/signature/testing/cosign-signer.ts';
import { issue, signJws } from '../../../oci/signature/testing/notary.ts';
import { certificateFile, policy } from '../../../oci/signature/testing/notation-attempt.ts';
import { PrivateSigstore } from '../../../oci/signature/testing/sigstore.ts';
import {
  imageIndex,
  imageManifest,
  json,
  type LoopbackRegistry,
  startLoopbackRegistry,
} from '../../../oci/testing/loopback-registry.ts';
import { undisturbed } from '../testing/undisturbed.ts';

let registry: LoopbackRegistry;
let world: OciWorld;
before(async () => {
  [registry, world] = await Promise.all([startLoopbackRegistry(), startOciWorld()]);
});
after(async () => {
  await registry?.close();
  await world?.close();
});
afterEach(() => {
  registry.intercept = undefined;
  registry.asked.length = 0;
});

const url = (repository: string) => `oci://${registry.host}/${repository}`;
const ready = (object: KubeObject) => conditionOf(object, 'Ready')!;
const paths = (pattern: RegExp) => registry.asked.map(({ path }) => path).filter(path => pattern.test(path));

function failedWith(object: KubeObject, reason: string, message: RegExp, stalled = false): void {
  assert.equal(ready(object).status, 'False', ready(object).message);
  assert.equal(ready(object).reason, reason, ready(object).message);
  assert.match(ready(object).message, message);
  assert.equal(conditionOf(object, 'Stalled')?.status, stalled ? 'True' : undefined);
}

describe('references that lead nowhere', () => {
  const table: [name: string, spec: Record<string, unknown>, reason: string, message: RegExp, stalled?: boolean][] = [
    [
      'a tag that is not there',
      { ref: { tag: 'v9' } },
      'OCIArtifactPullFailed',
      /^failed to determine artifact digest: 127.*:v9: not found \(404\): MANIFEST_UNKNOWN/,
    ],
    [
      'a digest that is not there',
      { ref: { digest: `sha256:${'a'.repeat(64)}` } },
      'OCIArtifactPullFailed',
      /^failed to pull artifact from 'oci:.*not found \(404\)/,
    ],
    [
      'a range that no tag is in',
      { ref: { semver: '>=9' } },
      'ReadOperationFailed',
      /^failed to determine the artifact tag for 'oci:.*': no match found for semver: >=9$/,
    ],
    ['no range', { ref: { semver: 'not a range' } }, 'ReadOperationFailed', /is not a version range/, true],
    ['no filter', { ref: { semver: '*', semverFilter: '(' } }, 'ReadOperationFailed', /spec\.ref\.semverFilter/, true],
    [
      'no digest',
      { ref: { digest: 'sha256:abc' } },
      'OCIArtifactPullFailed',
      /spec\.ref\.digest is not a digest/,
      true,
    ],
    ['no tag', { ref: { tag: 'a/b' } }, 'OCIArtifactPullFailed', /"a\/b" is not a tag/, true],
    [
      'a tag in the URL',
      { url: 'oci://ghcr.io/org/app:v1' },
      'URLInvalid',
      /^URL validation failed for 'oci:.*must not contain a tag/,
      true,
    ],
    ['no URL', { url: 'oci://ghcr.io/UPPER' }, 'URLInvalid', /lower-case/, true],
    [
      'a metadata address',
      { url: 'oci://169.254.169.254/org/app' },
      'OCIArtifactPullFailed',
      /refusing to connect to 169\.254\.169\.254/,
    ],
  ];
  for (const [name, spec, reason, message, stalled] of table)
    test(name, async () => {
      registry.artifact('org/refs', '1.0.0', await tarGz({ a: '1' }));
      const object = await world.reconcile('refs', { url: url('org/refs'), ...spec });
      failedWith(object, reason, message, stalled);
      assert.equal(conditionOf(object, 'FetchFailed')?.reason, reason);
    });

  test('spec.timeout ends a look at a registry that never answers', async () => {
    registry.intercept = () => true;
    const object = await world.reconcile('silent', { url: url('org/refs'), timeout: '1s' });
    failedWith(object, 'OCIArtifactPullFailed', /took longer than 1s; raise spec\.timeout/);
  });

  test('a registry that says when to come again is asked no sooner', async () => {
    registry.intercept = ({ path, method }, answer) => {
      if (path === '/v2/') return false;
      answer.setHeader('retry-after', '900');
      json(answer, method, 429, { errors: [{ code: 'TOOMANYREQUESTS', message: 'slow down' }] });
      return true;
    };
    world.sent();
    const object = await world.reconcile('busy', { url: url('org/refs'), ref: { tag: '1.0.0' } });
    failedWith(object, 'OCIArtifactPullFailed', /too many requests \(429\)/);
    assert.ok(paths(/manifests/).length <= 2, 'HEAD, and no try after it');
    const indexed = await world.ports.index.getObject({
      cluster: 'main',
      kind: 'OCIRepository',
      namespace: 'default',
      name: 'busy',
    });
    assert.ok(indexed!.dueAt - Date.now() > 800_000, `due in ${indexed!.dueAt - Date.now()} ms`);
  });
});

describe('hostile layers', () => {
  let first: Descriptor;
  before(async () => {
    first = registry.artifact('org/hostile', 'good', await tarGz({ a: '1' }));
  });
  const gz = async (...entries: Parameters<typeof tarOf>[1][]) => gzipSync(await tarOf({ a: '1' }, ...entries));
  const table: [name: string, layer: () => Promise<Buffer>, message: RegExp][] = [
    ['no gzip', async () => Buffer.from('plain'), /cannot be unpacked/],
    ['no tar', async () => gzipSync('plain text, and nothing else'.repeat(100)), /cannot be unpacked/],
    [
      'an archive that breaks off',
      async () => (await tarGz({ a: 'x'.repeat(100_000) })).subarray(0, 100),
      /cannot be unpacked/,
    ],
    ['a path upwards', () => gz({ name: '../../etc/passwd' }), /leads out of the artifact/],
    ['an absolute path', () => gz({ name: '/etc/passwd' }), /it is absolute/],
    ['a backslash', () => gz({ name: 'a\\b' }), /backslash/],
    ['a hard link', () => gz({ name: 'l', type: 'link', linkname: '/etc/passwd' }), /holds a link/],
    ['a device', () => gz({ name: 'd', type: 'block-device' }), /holds a block-device/],
    ['a pipe', () => gz({ name: 'p', type: 'fifo' }), /holds a fifo/],
    ['a file twice', () => gz({ name: 'a' }), /holds "a" twice/],
  ];
  for (const [name, layer, message] of table)
    test(`${name}: refused, and the last artifact stays`, async () => {
      await world.reconcile('hostile', { url: url('org/hostile'), ref: { digest: first.digest } });
      registry.artifact('org/hostile', 'bad', await layer());
      const object = await world.reconcile('hostile', { url: url('org/hostile'), ref: { tag: 'bad' } });
      failedWith(object, 'OCIArtifactLayerOperationFailed', /^failed to extract layer contents from artifact: /);
      assert.match(ready(object).message, message);
      assert.equal(object.status.artifact.revision, first.digest);
      assert.equal(conditionOf(object, 'ArtifactOutdated')?.status, 'True');
    });

  test('symbolic links are passed over, wherever they lead', async () => {
    registry.artifact('org/links', 'latest', await gz({ name: 'l', type: 'symlink', linkname: '/etc/passwd' }));
    const object = await world.reconcile('links', { url: url('org/links') });
    assert.deepEqual(await world.files(object), { a: '1' });
  });

  test('a blob that is not what its digest says never becomes an artifact', async () => {
    registry.artifact('org/swapped', 'latest', await tarGz({ a: 'good' }));
    const bad = await tarGz({ a: 'evil' });
    registry.intercept = ({ path }, answer) => path.includes('blobs') && Boolean(answer.end(bad));
    const object = await world.reconcile('swapped', { url: url('org/swapped') });
    failedWith(object, 'OCIArtifactLayerOperationFailed', /has the digest|larger than|ends after/);
    assert.equal(object.status.artifact, undefined);
  });

  test('annotations that fit into no status are refused', async () => {
    registry.artifact('org/chatty', 'latest', await tarGz({ a: '1' }), { a: 'x'.repeat(300_000) });
    const object = await world.reconcile('chatty', { url: url('org/chatty') });
    failedWith(object, 'OCIArtifactLayerOperationFailed', /annotations of the manifest have 3\d+ bytes/);
  });
});

describe('spec.verify', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const sign = (repository: string, { digest }: Descriptor) => {
    const { payload, annotations } = legacyByKey(privateKey, simpleSigning(digest));
    const layer = { ...registry.blob(payload, 'application/vnd.dev.cosign.simplesigning.v1+json'), annotations };
    const config = registry.blob(Buffer.from('{}'), 'application/vnd.oci.image.config.v1+json');
    const manifest = { schemaVersion: 2, mediaType: imageManifest, config, layers: [layer] };
    registry.manifest(repository, `${digest.replace(':', '-')}.sig`, manifest);
  };
  const signatures = () => paths(/\.sig|referrers/);

  test('a signed artifact is verified, once for each digest and generation; an unsigned one is refused', async () => {
    await world.secret('keys', { 'cosign.pub': pem, 'notes.txt': 'no key' });
    const repository = 'org/signed';
    const signed = registry.artifact(repository, 'v1', await tarGz({ a: '1' }));
    sign(repository, signed);
    const spec = { url: url(repository), ref: { tag: 'v1' } };
    const verify = { provider: 'cosign', secretRef: { name: 'keys' } };
    const object = await world.reconcile('signed', { ...spec, verify });
    const verified = conditionOf(object, 'SourceVerified');
    assert.deepEqual(
      [verified?.status, verified?.reason, verified?.message],
      ['True', 'Succeeded', `verified signature of revision v1@${signed.digest}`],
    );
    assert.equal(ready(object).status, 'True');
    assert.ok(signatures().length > 0);

    registry.asked.length = 0;
    const [before, same] = await undisturbed(object, () => world.again('signed'));
    assert.deepEqual(same.status, before.status);
    assert.deepEqual(signatures(), [], 'what was verified is not verified again');
    const changed = await world.reconcile('signed', { ...spec, verify, interval: '11m' });
    assert.ok(signatures().length > 0, 'but for a new generation it is');
    assert.equal(conditionOf(changed, 'SourceVerified')?.observedGeneration, changed.metadata.generation);

    registry.artifact(repository, 'v1', await tarGz({ a: 'unsigned' }));
    const failed = await world.again('signed');
    failedWith(failed, 'VerificationError', /^failed to verify the signature using provider 'cosign': /);
    assert.equal(conditionOf(failed, 'SourceVerified')?.status, 'False');
    assert.equal(conditionOf(failed, 'SourceVerified')?.reason, 'VerificationError');
    assert.equal(conditionOf(failed, 'FetchFailed'), undefined);
    assert.equal(conditionOf(failed, 'ArtifactOutdated')?.reason, 'NewRevision');
    assert.equal(failed.status.artifact.digest, object.status.artifact.digest, 'the last artifact stays');
    assert.ok(world.events('signed').some(({ text }) => /^error VerificationError: failed to verify/.test(text)));

    const unverified = await world.reconcile('signed', spec);
    assert.equal(ready(unverified).status, 'True');
    assert.equal(conditionOf(unverified, 'SourceVerified'), undefined, 'nobody asks any more');
  });

  const table: [name: string, verify: Record<string, unknown>, message: RegExp][] = [
    [
      'a Secret that is not there',
      { provider: 'cosign', secretRef: { name: 'absent' } },
      /^failed to verify the signature using provider 'cosign': .*'default\/absent'/,
    ],
    [
      'notation without a Secret',
      { provider: 'notation' },
      /^failed to verify the signature using provider 'notation': verification secret cannot be empty/,
    ],
    [
      'a trusted root that is not there',
      { provider: 'cosign', trustedRootSecretRef: { name: 'keys' } },
      /^failed to verify the signature using provider 'cosign keyless': failed to read trusted root from secret 'default\/keys': 'trusted_root\.json' not found/,
    ],
  ];
  for (const [name, verify, message] of table)
    test(`${name}: nothing is pulled`, async () => {
      registry.artifact('org/unsigned', 'latest', await tarGz({ a: '1' }));
      const object = await world.reconcile('unsigned', { url: url('org/unsigned'), verify });
      failedWith(object, 'VerificationError', message);
      assert.equal(object.status.artifact, undefined);
      assert.deepEqual(paths(/blobs/), []);
    });
});

describe('what many ask', () => {
  test('is pulled once for objects of several clusters, and not shared with other credentials', async () => {
    await world.register('second');
    registry.artifact('org/shared', 'latest', await tarGz({ a: '1' }));
    const spec = { url: url('org/shared') };
    await world.reconcile('one', spec);
    await world.reconcile('two', spec);
    registry.asked.length = 0;
    registry.artifact('org/shared', 'latest', await tarGz({ a: '2' }));
    const one = await world.again('one');
    const two = await world.again('two', 'second');
    assert.equal(one.status.artifact.revision, two.status.artifact.revision);
    assert.equal(one.status.artifact.digest, two.status.artifact.digest);
    assert.equal(paths(/blobs/).length, 1);
    const selected = await world.reconcile('two', { ...spec, layerSelector: { operation: 'copy' } });
    assert.notEqual(selected.status.artifact.digest, one.status.artifact.digest);
    assert.equal(paths(/blobs/).length, 2);
    await world.secret(
      'own',
      { '.dockerconfigjson': `{"auths":{"${registry.host}":{"auth":"YTpi"}}}` },
      'kubernetes.io/dockerconfigjson',
    );
    await world.reconcile('own', { ...spec, secretRef: { name: 'own' } });
    assert.equal(paths(/blobs/).length, 3);
  });
});

describe('signatures of other kinds', () => {
  test('cosign without a key: who signed must be whom matchOIDCIdentity names, by the trusted root of a Secret', async () => {
    const sigstore = await PrivateSigstore.create();
    await world.secret('root', { 'trusted_root.json': sigstore.trustedRoot.toString() });
    const signed = registry.artifact('org/keyless', 'latest', await tarGz({ a: '1' }));
    const { payload, annotations } = legacyKeyless(
      sigstore,
      await sigstore.certificate(),
      simpleSigning(signed.digest),
    );
    const layer = { ...registry.blob(payload, 'application/vnd.dev.cosign.simplesigning.v1+json'), annotations };
    const config = registry.blob(Buffer.from('{}'), 'application/vnd.oci.image.config.v1+json');
    const manifest = { schemaVersion: 2, mediaType: imageManifest, config, layers: [layer] };
    registry.manifest('org/keyless', `${signed.digest.replace(':', '-')}.sig`, manifest);
    const verify = (subject: string) => ({
      provider: 'cosign',
      trustedRootSecretRef: { name: 'root' },
      matchOIDCIdentity: [{ issuer: '^https://oidc\\.example\\.com$', subject }],
    });
    const spec = { url: url('org/keyless') };
    const refused = await world.reconcile('keyless', { ...spec, verify: verify('^https://other\\.example\\.com/') });
    failedWith(refused, 'VerificationError', /^failed to verify the signature using provider 'cosign keyless': /);
    const object = await world.reconcile('keyless', { ...spec, verify: verify('^https://ci\\.example\\.com/') });
    assert.equal(ready(object).status, 'True', ready(object).message);
    assert.equal(conditionOf(object, 'SourceVerified')?.status, 'True');
  });

  test('notation: by the certificates and the trust policy of a Secret', async () => {
    const root = await issue({ ca: true });
    const signer = await issue({}, root);
    const files = [policy({ scopes: ['*'] }), certificateFile(root.chain[0]!)];
    await world.secret('notary', Object.fromEntries(files.map(({ name, bytes }) => [name, bytes.toString()])));
    const signed = registry.artifact('org/notary', 'latest', await tarGz({ a: '1' }));
    const spec = { url: url('org/notary'), verify: { provider: 'notation', secretRef: { name: 'notary' } } };
    const refused = await world.reconcile('notary', spec);
    failedWith(refused, 'VerificationError', /^failed to verify the signature using provider 'notation': /);
    const type = 'application/vnd.cncf.notary.signature';
    const descriptor = registry.manifest('org/notary', undefined, {
      schemaVersion: 2,
      mediaType: imageManifest,
      artifactType: type,
      config: registry.blob(Buffer.from('{}'), type),
      layers: [registry.blob(await signJws(signer, signed), 'application/jose+json')],
      subject: signed,
    });
    const manifests = [{ ...descriptor, artifactType: type }];
    const index = { schemaVersion: 2, mediaType: imageIndex, manifests };
    registry.manifest('org/notary', signed.digest.replace(':', '-'), index);
    const object = await world.again('notary');
    assert.equal(ready(object).status, 'True', ready(object).message);
    assert.equal(
      conditionOf(object, 'SourceVerified')?.message,
      `verified signature of revision latest@${signed.digest}`,
    );
  });
});
