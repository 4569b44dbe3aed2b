import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import type { Descriptor } from '../descriptor.ts';
import { OciError } from '../errors.ts';
import type { Sign } from './testing/attempt.ts';
import { type Ask, attempt, pub } from './testing/cosign-attempt.ts';
import {
  bundleByKey,
  type LegacyLayer,
  legacyByKey,
  pushBundle,
  pushLegacy,
  simpleSigning,
  statement,
} from './testing/cosign-signer.ts';
import { digestOf, type MemoryRegistry } from './testing/memory-registry.ts';
import { publicPem } from './testing/sigstore.ts';

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const withKey: Ask = { keys: [pub('cosign.pub', ec)] };

const signers: [string, KeyObject][] = [
  ['ECDSA P-256', ec],
  ['ECDSA P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
  ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
  ['Ed25519', generateKeyPairSync('ed25519').privateKey],
];
for (const [name, key] of signers)
  test(`cosign with a key: ${name}, in both layouts`, async () => {
    const ask = { keys: [pub('a.pub', other), pub('b.pub', key), { name: 'README', bytes: Buffer.from('x') }] };
    const old: Sign = (r, a) => pushLegacy(r, a, [legacyByKey(key, simpleSigning(a.digest))]);
    assert.match(
      await attempt(old, ask),
      /^verified: signed by the key 'b\.pub' \(sha256-[0-9a-f]{64}\.sig, signature 1\)$/,
    );
    const bundled: Sign = (r, a) => pushBundle(r, a, bundleByKey(key, statement(a.digest)));
    assert.match(await attempt(bundled, ask), /^verified: signed by the key 'b\.pub' \(bundle sha256:[0-9a-f]{64}\)$/);
  });

const legacy = (change: (layer: LegacyLayer, artifact: Descriptor) => void): Sign => {
  return (registry, artifact) => {
    const layer = legacyByKey(ec, simpleSigning(artifact.digest));
    change(layer, artifact);
    pushLegacy(registry, artifact, [layer]);
  };
};

const keyed: [string, Sign, Ask, RegExp][] = [
  [
    'no signature',
    () => {},
    withKey,
    /^NoSignatures: no matching signatures were found for 'registry\.example\.com\/apps\/podinfo@sha256:.*': no signatures found$/,
  ],
  [
    'an unknown key',
    legacy(() => {}),
    { keys: [pub('a.pub', other)] },
    /^NoMatchingSignature: .*signature 1: it is by none of the keys$/,
  ],
  [
    'a payload changed after it was signed',
    legacy(l => {
      l.payload = Buffer.from(l.payload.toString().replace('podinfo', 'p0dinfo'));
    }),
    withKey,
    /by none of the keys$/,
  ],
  [
    'a good signature of another artifact',
    (r, a) => pushLegacy(r, a, [legacyByKey(ec, simpleSigning(digestOf('x')))]),
    withKey,
    /^NoMatchingSignature: .*it signs another artifact: sha256:2d71/,
  ],
  [
    'a payload of another type',
    (r, a) => pushLegacy(r, a, [legacyByKey(ec, simpleSigning(a.digest, 'atomic'))]),
    withKey,
    /is no payload of cosign$/,
  ],
  [
    'a signed text that is no payload',
    (r, a) => pushLegacy(r, a, [legacyByKey(ec, Buffer.from('hello'))]),
    withKey,
    /is no JSON$/,
  ],
  [
    'no annotation',
    legacy(l => {
      l.annotations = {};
    }),
    withKey,
    /the layer has no annotation dev\.cosignproject\.cosign\/signature$/,
  ],
  [
    'a bad signature before a good one',
    (r, a) => pushLegacy(r, a, [legacyByKey(other, simpleSigning(a.digest)), legacyByKey(ec, simpleSigning(a.digest))]),
    withKey,
    /^verified: .*signature 2/,
  ],
  [
    'a foreign bundle beside a good signature of the old layout',
    (r, a) => {
      pushBundle(r, a, bundleByKey(other, statement(a.digest)));
      pushLegacy(r, a, [legacyByKey(ec, simpleSigning(a.digest))]);
    },
    withKey,
    /^verified: .*\.sig, signature 1/,
  ],
  [
    'a bundle of another artifact',
    (r, a) => pushBundle(r, a, bundleByKey(ec, statement(digestOf('x')))),
    withKey,
    /it signs another artifact: sha256:2d71/,
  ],
  [
    'a statement under another type',
    (r, a) => pushBundle(r, a, bundleByKey(ec, statement(a.digest), 'text/plain')),
    withKey,
    /is no statement of in-toto$/,
  ],
  ['a bundle that is none', (r, a) => pushBundle(r, a, { mediaType: 'x' }), withKey, /it is no bundle of Sigstore: /],
  [
    'a bundle of an old format',
    (r, a) =>
      pushBundle(r, a, {
        ...bundleByKey(ec, statement(a.digest)),
        mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.2',
      }),
    withKey,
    /it is no bundle|is too old/,
  ],
  [
    'a Secret without keys',
    legacy(() => {}),
    { keys: [{ name: 'cosign.key', bytes: Buffer.from('x') }] },
    /^InvalidConfiguration: no public keys found in secret 'apps\/cosign'/,
  ],
  [
    'a key that is none',
    legacy(() => {}),
    { keys: [{ name: 'a.pub', bytes: Buffer.from('x') }] },
    /^InvalidConfiguration: the key 'a\.pub' of secret 'apps\/cosign' holds no PEM public key$/,
  ],
  [
    'a key that is cut off',
    legacy(() => {}),
    { keys: [{ name: 'a.pub', bytes: Buffer.from(publicPem(ec).replace(/\n[^-].*\n-/, '\n-')) }] },
    /a PEM public key that cannot be read$/,
  ],
  [
    'a private key',
    legacy(() => {}),
    { keys: [{ name: 'a.pub', bytes: Buffer.from(ec.export({ type: 'pkcs8', format: 'pem' })) }] },
    /holds no PEM public key$/,
  ],
];
for (const [name, sign, ask, expected] of keyed)
  test(`cosign with a key: ${name}`, async () => assert.match(await attempt(sign, ask), expected));

test('cosign with a key: a registry that fails to list referrers may have signatures in the old layout', async () => {
  const failing = (registry: MemoryRegistry) => {
    registry.referrers = async () => {
      throw new OciError('ServerError', 'the registry answers 500');
    };
  };
  const signed: Sign = (r, a) => {
    failing(r);
    pushLegacy(r, a, [legacyByKey(ec, simpleSigning(a.digest))]);
  };
  assert.match(await attempt(signed, withKey), /^verified/);
  await assert.rejects(attempt(failing, withKey), /the registry answers 500/);
});
