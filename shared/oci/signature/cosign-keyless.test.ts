import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { before, test } from 'node:test';
import type { Sign } from './testing/attempt.ts';
import { type Ask, attempt, pub } from './testing/cosign-attempt.ts';
import {
  bundleKeyless,
  legacyByKey,
  legacyKeyless,
  pushBundle,
  pushLegacy,
  simpleSigning,
  statement,
} from './testing/cosign-signer.ts';
import { digestOf } from './testing/memory-registry.ts';
import { PrivateSigstore } from './testing/sigstore.ts';

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const ours = { issuer: '^https://oidc\\.example\\.com$', subject: '^https://ci\\.example\\.com/.*$' };
let sigstore: PrivateSigstore;
let foreign: PrivateSigstore;

before(async () => {
  sigstore = await PrivateSigstore.create();
  foreign = await PrivateSigstore.create();
});

const keyless: [string, Sign, Ask, RegExp][] = [
  [
    'the old layout',
    async (r, a) => pushLegacy(r, a, [legacyKeyless(sigstore, await sigstore.certificate(), simpleSigning(a.digest))]),
    { identities: [ours] },
    /^verified: signed by https:\/\/ci\.example\.com\/podinfo \(signed in at https:\/\/oidc\.example\.com\) /,
  ],
  [
    'the old layout, by anybody',
    async (r, a) => pushLegacy(r, a, [legacyKeyless(sigstore, await sigstore.certificate(), simpleSigning(a.digest))]),
    {},
    /^verified: /,
  ],
  [
    'a bundle',
    async (r, a) => pushBundle(r, a, bundleKeyless(sigstore, await sigstore.certificate(), statement(a.digest))),
    { identities: [ours] },
    /^verified: .*\(bundle sha256:/,
  ],
  [
    'a bundle, by anybody',
    async (r, a) => pushBundle(r, a, bundleKeyless(sigstore, await sigstore.certificate(), statement(a.digest))),
    {},
    /matchOIDCIdentity does not say whose are accepted$/,
  ],
  [
    'a matcher among several',
    async (r, a) => pushBundle(r, a, bundleKeyless(sigstore, await sigstore.certificate(), statement(a.digest))),
    { identities: [{ issuer: 'x', subject: 'y' }, ours] },
    /^verified/,
  ],
  [
    'another issuer',
    async (r, a) =>
      pushBundle(
        r,
        a,
        bundleKeyless(sigstore, await sigstore.certificate({ issuer: 'https://evil.example' }), statement(a.digest)),
      ),
    { identities: [ours] },
    /none of the expected identities matched what was in the certificate, got subjects \[https:\/\/ci\.example\.com\/podinfo\] with issuer https:\/\/evil\.example$/,
  ],
  [
    'another subject',
    async (r, a) =>
      pushBundle(
        r,
        a,
        bundleKeyless(sigstore, await sigstore.certificate({ subject: 'https://x.example.com' }), statement(a.digest)),
      ),
    { identities: [ours] },
    /none of the expected identities/,
  ],
  [
    'an expression that is none',
    async (r, a) => pushBundle(r, a, bundleKeyless(sigstore, await sigstore.certificate(), statement(a.digest))),
    { identities: [{ issuer: '(', subject: '' }] },
    /^InvalidConfiguration: spec\.verify\.matchOIDCIdentity\[0\]\.issuer: '\(' is no regular expression of Go/,
  ],
  [
    'a look-ahead, which RE2 has not',
    async () => {},
    { identities: [{ issuer: '(?=x)', subject: '' }] },
    /^InvalidConfiguration/,
  ],
  [
    'another authority',
    async (r, a) => pushBundle(r, a, bundleKeyless(sigstore, await foreign.certificate(), statement(a.digest))),
    { identities: [ours] },
    /Failed to verify certificate chain/,
  ],
  [
    'another log of signatures',
    async (r, a) => pushBundle(r, a, bundleKeyless(foreign, await sigstore.certificate(), statement(a.digest))),
    { identities: [ours] },
    /inclusion promise could not be verified$/,
  ],
  [
    'a certificate that no log knows',
    async (r, a) =>
      pushBundle(r, a, bundleKeyless(sigstore, await sigstore.certificate({ logged: false }), statement(a.digest))),
    { identities: [ours] },
    /expected 1 SCTs, got 0$/,
  ],
  [
    'a certificate for servers',
    async (r, a) =>
      pushBundle(
        r,
        a,
        bundleKeyless(sigstore, await sigstore.certificate({ usage: '1.3.6.1.5.5.7.3.1' }), statement(a.digest)),
      ),
    { identities: [ours] },
    /its certificate is not for signing code$/,
  ],
  [
    'signed after the certificate had expired',
    async (r, a) =>
      pushBundle(
        r,
        a,
        bundleKeyless(sigstore, await sigstore.certificate({ notBefore: Date.now() - 3_600_000 }), statement(a.digest)),
      ),
    { identities: [ours] },
    /certificate is not valid or expired at the specified date$/,
  ],
  [
    'an expired certificate, signed while it was valid',
    async (r, a) =>
      pushBundle(
        r,
        a,
        bundleKeyless(
          sigstore,
          await sigstore.certificate({ notBefore: Date.now() - 3_600_000 }),
          statement(a.digest),
          Math.floor(Date.now() / 1000) - 3_500,
        ),
      ),
    { identities: [ours] },
    /^verified/,
  ],
  [
    'the log entry of another signature',
    async (r, a) => {
      const certificate = await sigstore.certificate();
      const layer = legacyKeyless(sigstore, certificate, simpleSigning(a.digest));
      const twin = legacyKeyless(sigstore, certificate, simpleSigning(a.digest));
      layer.annotations['dev.sigstore.cosign/bundle'] = twin.annotations['dev.sigstore.cosign/bundle']!;
      pushLegacy(r, a, [layer]);
    },
    { identities: [ours] },
    /signature mismatch$/,
  ],
  [
    'a time that the log did not say',
    async (r, a) => {
      const layer = legacyKeyless(sigstore, await sigstore.certificate(), simpleSigning(a.digest));
      const entry = JSON.parse(layer.annotations['dev.sigstore.cosign/bundle']!);
      entry.Payload.integratedTime -= 1;
      layer.annotations['dev.sigstore.cosign/bundle'] = JSON.stringify(entry);
      pushLegacy(r, a, [layer]);
    },
    { identities: [ours] },
    /inclusion promise could not be verified$/,
  ],
  [
    'the log entry of another certificate',
    async (r, a) => {
      const layer = legacyKeyless(sigstore, await sigstore.certificate(), simpleSigning(a.digest));
      const entry = JSON.parse(
        Buffer.from(JSON.parse(layer.annotations['dev.sigstore.cosign/bundle']!).Payload.body, 'base64').toString(),
      );
      entry.spec.signature.publicKey.content = Buffer.from((await sigstore.certificate()).pem).toString('base64');
      const { body, integratedTime, logIndex, logId, set } = sigstore.log(entry);
      layer.annotations['dev.sigstore.cosign/bundle'] = JSON.stringify({
        SignedEntryTimestamp: set.toString('base64'),
        Payload: { body: body.toString('base64'), integratedTime, logIndex, logID: logId.toString('hex') },
      });
      pushLegacy(r, a, [layer]);
    },
    { identities: [ours] },
    /its entry of the transparency log is of another certificate$/,
  ],
  [
    'a log entry that cannot be read',
    async (r, a) => {
      const layer = legacyKeyless(sigstore, await sigstore.certificate(), simpleSigning(a.digest));
      layer.annotations['dev.sigstore.cosign/bundle'] = '{}';
      pushLegacy(r, a, [layer]);
    },
    { identities: [ours] },
    /its certificate or entry of the transparency log cannot be read: /,
  ],
  [
    'the certificate of somebody else',
    async (r, a) => {
      const layer = legacyKeyless(sigstore, await sigstore.certificate(), simpleSigning(a.digest));
      layer.annotations['dev.sigstore.cosign/certificate'] = (await sigstore.certificate()).pem;
      pushLegacy(r, a, [layer]);
    },
    { identities: [ours] },
    /signature verification failed$/,
  ],
  [
    'a good signature of another artifact',
    async (r, a) =>
      pushLegacy(r, a, [legacyKeyless(sigstore, await sigstore.certificate(), simpleSigning(digestOf('x')))]),
    { identities: [ours] },
    /it signs another artifact: sha256:2d71/,
  ],
  [
    'a bundle of another artifact',
    async (r, a) => pushBundle(r, a, bundleKeyless(sigstore, await sigstore.certificate(), statement(digestOf('x')))),
    { identities: [ours] },
    /it signs another artifact: sha256:2d71/,
  ],
  [
    'a proof of another tree',
    async (r, a) => {
      const bundle = bundleKeyless(sigstore, await sigstore.certificate(), statement(a.digest));
      bundle.verificationMaterial.tlogEntries[0]!.inclusionProof = foreign.proof(foreign.log({ kind: 'x' }));
      pushBundle(r, a, bundle);
    },
    { identities: [ours] },
    /invalid checkpoint signature$/,
  ],
  [
    'a signature with a key',
    (r, a) => pushLegacy(r, a, [legacyByKey(ec, simpleSigning(a.digest))]),
    { identities: [ours] },
    /it was made with a key: it has no certificate$/,
  ],
  [
    'a trusted root that is none',
    () => {},
    { identities: [ours], trustedRoot: Buffer.from('{') },
    /^InvalidConfiguration: unable to parse trusted root: /,
  ],
  [
    'a trusted root without anybody',
    () => {},
    { identities: [ours], trustedRoot: Buffer.from('{}') },
    /^InvalidConfiguration: the trusted root has no certificate authorities and no transparency logs and no logs/,
  ],
];
for (const [name, sign, ask, expected] of keyless)
  test(`cosign without a key: ${name}`, async () =>
    assert.match(await attempt(sign, { trustedRoot: sigstore.trustedRoot, ...ask }), expected));

test('a key of the Secret does not make a signature without one good', async () => {
  const certificate = await sigstore.certificate();
  const sign: Sign = (r, a) => pushLegacy(r, a, [legacyKeyless(sigstore, certificate, simpleSigning(a.digest))]);
  assert.match(await attempt(sign, { keys: [pub('cosign.pub', ec)] }), /by none of the keys$/);
  assert.match(await attempt(sign, { keys: [pub('leaf.pub', certificate.privateKey)] }), /^verified/);
});
