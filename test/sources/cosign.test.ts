import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { HttpClient } from '../../shared/network/http.ts';
import type { Descriptor } from '../../shared/oci/descriptor.ts';
import { openRegistry } from '../../shared/oci/registry.ts';
import { signatureTag } from '../../shared/oci/signature/cosign-legacy.ts';
import {
  bundleKeyless,
  bundleOfRekor2,
  type LegacyLayer,
  legacyKeyless,
  simpleSigning,
  statement,
} from '../../shared/oci/signature/testing/cosign-signer.ts';
import { issue } from '../../shared/oci/signature/testing/notary.ts';
import { PrivateSigstore } from '../../shared/oci/signature/testing/sigstore.ts';
import { type SignatureRequest, verifyOciSignature } from '../../shared/oci/signature/verify.ts';
import { type Cosign, installCosign } from '../programs/cosign.ts';
import { startAuthorities } from '../programs/notation-authorities.ts';
import { push, pushManifest, type RegistryServer, startRegistry } from './registry.ts';

const http = new HttpClient();
const identity = { issuer: '^https://oidc\\.example\\.com$', subject: '^https://ci\\.example\\.com/' };
let dir: string;
let cosign: Cosign;
let server: RegistryServer;
let sigstore: PrivateSigstore;

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-cosign-'));
  [cosign, server, sigstore] = await Promise.all([
    installCosign(line => console.error(line)),
    startRegistry(),
    PrivateSigstore.create(),
  ]);
  // Names no transparency log: there is none here to write to.
  writeFileSync(join(dir, 'signing.json'), '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}');
  writeFileSync(join(dir, 'trusted_root.json'), sigstore.trustedRoot);
  for (const name of ['cosign', 'other']) await cosign(dir, 'generate-key-pair', '--output-key-prefix', name);
});

after(async () => {
  http.close();
  await server?.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function artifact(repository: string): Promise<{ descriptor: Descriptor; reference: string }> {
  const bytes = Buffer.from(`the artifact of ${repository}`);
  const layer = { mediaType: 'application/vnd.cncf.flux.content.v1.tar+gzip', bytes };
  const descriptor = await push(server.url, repository, '6.5.4', { layers: [layer] });
  return { descriptor, reference: `${server.host}/${repository}@${descriptor.digest}` };
}

function verify(repository: string, descriptor: Descriptor, request: Partial<SignatureRequest>) {
  return verifyOciSignature({
    registry: openRegistry({ url: `oci://${server.host}/${repository}`, http, insecure: true }),
    descriptor,
    reference: `${server.host}/${repository}@${descriptor.digest}`,
    provider: 'cosign',
    http,
    clock: { now: () => Date.now() },
    ...request,
  });
}

const secret = (...names: string[]) => ({
  keys: names.map(name => ({ name: `${name}.pub`, bytes: readFileSync(join(dir, `${name}.pub`)) })),
  keysFrom: 'apps/cosign',
});

/** How cosign signs, for each of its layouts. */
const layouts: [string, string[], RegExp][] = [
  ['bundles', ['--signing-config', 'signing.json'], /\(bundle sha256:/],
  ['old', ['--use-signing-config=false', '--new-bundle-format=false', '--tlog-upload=false'], /\.sig, signature 1\)$/],
];
for (const [layout, options, where] of layouts)
  test(`what cosign signs with a key is verified with it, and with no other: layout ${layout}`, async () => {
    const repository = `keys/${layout}`;
    const { descriptor, reference } = await artifact(repository);
    await assert.rejects(verify(repository, descriptor, secret('cosign')), /no signatures found$/);
    await cosign(dir, 'sign', '--key', 'cosign.key', '--allow-http-registry', ...options, reference);
    const { result, message } = await verify(repository, descriptor, secret('other', 'cosign'));
    assert.equal(result, 'verified');
    assert.match(message, /^signed by the key 'cosign\.pub' /);
    assert.match(message, where);
    await assert.rejects(verify(repository, descriptor, secret('other')), /it is by none of the keys$/);
    await assert.rejects(
      verify(repository, descriptor, { trustedRoot: sigstore.trustedRoot, matchOIDCIdentity: [identity] }),
      /it was made with a key: it has no certificate$/,
    );
  });

/** What cosign itself says of signatures without keys. */
const cosignVerifies = (reference: string, ...options: string[]) =>
  cosign(
    dir,
    ...['verify', '--allow-http-registry', '--trusted-root', 'trusted_root.json', '--offline', ...options],
    ...['--certificate-identity-regexp', identity.subject, '--certificate-oidc-issuer-regexp', identity.issuer],
    reference,
  );

describe('signatures without keys, of a Sigstore of our own', () => {
  test('a bundle is verified by cosign and by us', async () => {
    const { descriptor, reference } = await artifact('keyless/bundles');
    const bundle = bundleKeyless(sigstore, await sigstore.certificate(), statement(descriptor.digest));
    await pushBundle('keyless/bundles', descriptor, bundle);
    await cosignVerifies(reference);
    const request = { trustedRoot: sigstore.trustedRoot, matchOIDCIdentity: [identity] };
    const { message } = await verify('keyless/bundles', descriptor, request);
    assert.match(
      message,
      /^signed by https:\/\/ci\.example\.com\/podinfo \(signed in at https:\/\/oidc\.example\.com\)/,
    );
  });

  test('the old layout is verified by cosign and by us', async () => {
    const { descriptor, reference } = await artifact('keyless/old');
    const layer = legacyKeyless(sigstore, await sigstore.certificate(), simpleSigning(descriptor.digest));
    await pushLegacy('keyless/old', descriptor, layer);
    await cosignVerifies(reference);
    const request = { trustedRoot: sigstore.trustedRoot, matchOIDCIdentity: [identity] };
    assert.equal((await verify('keyless/old', descriptor, request)).result, 'verified');
  });

  test('one that was signed after its certificate had expired is refused by cosign and by us', async () => {
    const { descriptor, reference } = await artifact('keyless/expired');
    const certificate = await sigstore.certificate({ notBefore: Date.now() - 3_600_000 });
    await pushBundle('keyless/expired', descriptor, bundleKeyless(sigstore, certificate, statement(descriptor.digest)));
    await assert.rejects(cosignVerifies(reference));
    const request = { trustedRoot: sigstore.trustedRoot, matchOIDCIdentity: [identity] };
    await assert.rejects(verify('keyless/expired', descriptor, request), /not valid or expired/);
  });

  test('a bundle of the second Rekor is verified by the time of an authority, by cosign and by us', async () => {
    const authorities = await startAuthorities();
    try {
      const tsaRoot = await issue({ ca: true, name: 'CN=times' });
      const tsa = await issue({ name: 'CN=tsa', extended: ['1.3.6.1.5.5.7.3.8'] }, tsaRoot);
      const made = await PrivateSigstore.create();
      made.timestamps = tsa.chain;
      writeFileSync(join(dir, 'trusted_root2.json'), made.trustedRoot);
      const { descriptor, reference } = await artifact('keyless/rekor2');
      const stamp = (signature: Buffer) => authorities.stampResponse(signature, tsa);
      const payload = statement(descriptor.digest);
      const bundle = await bundleOfRekor2(made, await made.certificate(), payload, stamp);
      await pushBundle('keyless/rekor2', descriptor, bundle);
      await cosignVerifies(reference, '--trusted-root', 'trusted_root2.json');
      const request = { trustedRoot: made.trustedRoot, matchOIDCIdentity: [identity] };
      assert.equal((await verify('keyless/rekor2', descriptor, request)).result, 'verified');

      const untimed = await artifact('keyless/untimed');
      const without = await bundleOfRekor2(
        made,
        await made.certificate(),
        statement(untimed.descriptor.digest),
        undefined,
      );
      await pushBundle('keyless/untimed', untimed.descriptor, without);
      await assert.rejects(cosignVerifies(untimed.reference, '--trusted-root', 'trusted_root2.json'));
      await assert.rejects(verify('keyless/untimed', untimed.descriptor, request), /expected 1 timestamps, got 0$/);
    } finally {
      await authorities.close();
    }
  });
});

async function pushLegacy(repository: string, { digest }: Descriptor, { payload, annotations }: LegacyLayer) {
  const mediaType = 'application/vnd.dev.cosign.simplesigning.v1+json';
  await push(server.url, repository, signatureTag(digest), { layers: [{ mediaType, bytes: payload, annotations }] });
}

/** With the tag that stands in for the API of referrers, which Docker's registry does not have. */
async function pushBundle(repository: string, subject: Descriptor, bundle: object) {
  const artifactType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
  const layer = { mediaType: artifactType, bytes: Buffer.from(JSON.stringify(bundle)) };
  const { mediaType, digest, size } = subject;
  const manifest = await push(server.url, repository, undefined, {
    artifactType,
    layers: [layer],
    subject: { mediaType, digest, size },
  });
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{ ...manifest, artifactType }],
  };
  await pushManifest(server.url, repository, digest.replace(':', '-'), index);
}
