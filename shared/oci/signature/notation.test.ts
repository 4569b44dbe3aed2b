import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Tag } from 'cbor2';
import type { Sign } from './testing/attempt.ts';
import { digestOf } from './testing/memory-registry.ts';
import {
  issue,
  type KeyKind,
  pushEnvelope,
  type Signer,
  type SignOptions,
  signCose,
  signJws,
} from './testing/notary.ts';
import {
  attemptNotation,
  certificateFile,
  type NotationAsk,
  policy,
  type StatementOptions,
} from './testing/notation-attempt.ts';

let root: Signer;
let other: Signer;
let signer: Signer;

before(async () => {
  root = await issue({ ca: true });
  other = await issue({ ca: true, name: 'CN=other, O=example, ST=WA, C=US' });
  signer = await issue({}, root);
});

const trusting = (options: StatementOptions = {}): NotationAsk => ({
  keys: [policy(options), certificateFile(root.chain[0]!), certificateFile(other.chain[0]!, 'other.pem')],
});

/** A signature in JSON, of the usual signer when none is given. */
const jws = (options: SignOptions = {}, by: () => Signer | Promise<Signer> = () => signer): Sign => {
  return async (registry, artifact) => pushEnvelope(registry, artifact, await signJws(await by(), artifact, options));
};
const cose = (options: SignOptions = {}, by: () => Signer | Promise<Signer> = () => signer): Sign => {
  return async (registry, artifact) =>
    pushEnvelope(registry, artifact, await signCose(await by(), artifact, options), 'application/cose');
};

const kinds: KeyKind[] = ['P-256', 'P-384', 'P-521', 'RSA 2048', 'RSA 3072'];
for (const key of kinds)
  test(`notation: ${key}, in JSON and in CBOR`, async () => {
    const signed = await issue({ key }, root);
    for (const format of [jws, cose])
      assert.match(
        await attemptNotation(
          format({}, () => signed),
          trusting(),
        ),
        /^verified: signed by certificate 'CN=signer, O=example, ST=WA, C=US' \(signature sha256:[0-9a-f]{64}\)$/,
      );
  });

const scheme = 'io.cncf.notary.signingScheme';
const signingTime = 'io.cncf.notary.signingTime';
const expiry = 'io.cncf.notary.expiry';
const at = (ms: number) => new Date(Math.floor((Date.now() + ms) / 1000) * 1000).toISOString().replace('.000', '');
const hour = 3_600_000;
const flip = (bytes: Buffer) => Buffer.from(bytes.map((byte, index) => (index === 9 ? byte ^ 1 : byte)));
const intermediate = async (options: object = {}) => {
  const between = await issue({ ca: true, name: 'CN=between, O=example, ST=WA, C=US', ...options }, root);
  return issue({}, between);
};

const table: [string, Sign, () => NotationAsk, RegExp][] = [
  [
    'no signature',
    async () => {},
    trusting,
    /^NoSignatures: no signature is associated with 'registry\.example\.com\/apps\/podinfo@sha256:/,
  ],
  [
    'an artifact of another signature type',
    async (r, a) => {
      r.put({ artifactType: 'application/x', layers: [], subject: a });
    },
    trusting,
    /^NoSignatures/,
  ],
  ['no Secret', jws(), () => ({}), /^InvalidConfiguration: verification secret cannot be empty/],
  [
    'a signature that was changed',
    jws({ signature: flip }),
    trusting,
    /^NoMatchingSignature: .*: its signature is not good$/,
  ],
  ['a signature that was changed, in CBOR', cose({ signature: flip }), trusting, /its signature is not good$/],
  ['an algorithm that is not the one of the key', jws({ algorithm: 'ES384' }), trusting, /its signature is not good$/],
  [
    'a good signature of another artifact',
    jws({
      payload: Buffer.from(JSON.stringify({ targetArtifact: { mediaType: 'x', digest: digestOf('x'), size: 1 } })),
    }),
    trusting,
    /it signs another artifact: sha256:2d71/,
  ],
  [
    'the artifact as something else',
    async (r, a) => pushEnvelope(r, a, await signJws(signer, { ...a, size: 1 })),
    trusting,
    /it signs sha256:.* of 1 bytes, which it is not$/,
  ],
  [
    'a payload of another type',
    jws({ contentType: 'application/json' }),
    trusting,
    /what was signed is of type 'application\/json'$/,
  ],
  ['a payload that names nothing', jws({ payload: Buffer.from('{}') }), trusting, /what was signed names no artifact$/],
  [
    'another envelope',
    async (r, a) => pushEnvelope(r, a, Buffer.from('x'), 'application/pkcs7-signature'),
    trusting,
    /'application\/pkcs7-signature' is neither JWS nor COSE$/,
  ],
  [
    'an envelope that is no JSON',
    async (r, a) => pushEnvelope(r, a, Buffer.from('{')),
    trusting,
    /its envelope is no JSON$/,
  ],
  [
    'an envelope that is no JWS',
    async (r, a) => pushEnvelope(r, a, Buffer.from('{}')),
    trusting,
    /its envelope is no JWS of the Notary Project/,
  ],
  [
    'an envelope that is no CBOR',
    async (r, a) => pushEnvelope(r, a, Buffer.from([0xff]), 'application/cose'),
    trusting,
    /its envelope is no CBOR$/,
  ],
  [
    'an envelope that is no COSE',
    async (r, a) => pushEnvelope(r, a, Buffer.from([0x80]), 'application/cose'),
    trusting,
    /its envelope is no COSE signature/,
  ],
  [
    'two layers',
    async (r, a) => {
      const layer = r.blob(await signJws(signer, a), 'application/jose+json');
      r.put({
        config: r.blob(Buffer.from('{}'), 'application/vnd.cncf.notary.signature'),
        layers: [layer, layer],
        subject: a,
      });
    },
    trusting,
    /its manifest has 2 layers instead of one$/,
  ],
  [
    'a bad signature before a good one',
    async (r, a) => {
      await jws({ signature: flip })(r, a);
      await jws()(r, a);
    },
    trusting,
    /^verified/,
  ],
  [
    'a good signature after three others',
    async (r, a) => {
      for (let n = 0; n < 3; n++) await jws({ signature: flip })(r, a);
      await jws()(r, a);
    },
    trusting,
    /of 4 signatures only 3 are tried$/,
  ],
  // Headers
  ['an unknown signing scheme', jws({ headers: { [scheme]: 'x' } }), trusting, /no JWS of the Notary Project/],
  [
    'no time of signing',
    jws({ headers: { [signingTime]: undefined } }),
    trusting,
    /its time of signing does not fit its signing scheme/,
  ],
  [
    'no time of signing, in CBOR',
    cose({ headers: { [signingTime]: undefined } }),
    trusting,
    /its time of signing does not fit/,
  ],
  [
    'a time of the wrong kind, in CBOR',
    cose({ headers: { [signingTime]: new Tag(99, 1_700_000_000) } }),
    trusting,
    /io\.cncf\.notary\.signingTime is no time$/,
  ],
  [
    'the scheme not marked as critical',
    jws({ critical: ['x'], headers: { x: 1 } }),
    trusting,
    /signingScheme is not marked as critical$/,
  ],
  [
    'a critical header that is not there',
    jws({ critical: [scheme, 'x'] }),
    trusting,
    /its critical header x is not there$/,
  ],
  [
    'a critical header that is not known',
    jws({ critical: [scheme, 'x'], headers: { x: 1 } }),
    trusting,
    /its critical header x is not known$/,
  ],
  ['a header that is neither', cose({ headers: { x: 1 } }), trusting, /^verified/],
  [
    'a plugin',
    jws({
      critical: [scheme, 'io.cncf.notary.verificationPlugin'],
      headers: { 'io.cncf.notary.verificationPlugin': 'com.example.kms' },
    }),
    trusting,
    /only by the plugin 'com\.example\.kms', and plugins are not supported$/,
  ],
  // Expiry
  [
    'a signature that expires later',
    jws({ critical: [scheme, expiry], headers: { [expiry]: at(hour) } }),
    trusting,
    /^verified/,
  ],
  [
    'an expired signature',
    jws({ critical: [scheme, expiry], headers: { [signingTime]: at(-hour), [expiry]: at(-60_000) } }),
    trusting,
    /it expired at 2/,
  ],
  [
    'an expired signature, in CBOR',
    cose({ critical: [scheme, expiry], headers: { [signingTime]: new Tag(1, 1), [expiry]: new Tag(1, 2) } }),
    trusting,
    /it expired at 1970-01-01T00:00:02/,
  ],
  [
    'an expired signature under level permissive',
    jws({ critical: [scheme, expiry], headers: { [signingTime]: at(-hour), [expiry]: at(-60_000) } }),
    () => trusting({ level: 'permissive' }),
    /^verified: .*; it expired at 2/,
  ],
  [
    'an expiry that is not critical',
    jws({ headers: { [expiry]: at(hour) } }),
    trusting,
    /expiry is not marked as critical$/,
  ],
  [
    'an expiry before the signing',
    jws({ critical: [scheme, expiry], headers: { [expiry]: at(-hour) } }),
    trusting,
    /it expires before it was signed$/,
  ],
  // The chain
  ['an intermediate authority', jws({}, () => intermediate()), trusting, /^verified/],
  [
    'an intermediate that is no authority',
    jws({}, async () => issue({}, await issue({ name: 'CN=x' }, root))),
    trusting,
    /issued a certificate of its chain and is no authority$/,
  ],
  [
    'an intermediate that may not issue',
    jws({}, () => intermediate({ usage: 1 })),
    trusting,
    /'CN=between, .*' may not issue certificates$/,
  ],
  [
    'a chain that is longer than allowed',
    jws({}, async () => {
      const tight = await issue({ ca: true, pathLength: 0 });
      return issue({}, await issue({ ca: true, name: 'CN=b' }, tight));
    }),
    trusting,
    /its chain is longer than certificate 'CN=authority, .*' allows$/,
  ],
  [
    'a chain in another order',
    async (r, a) => {
      const by = await intermediate();
      await jws({ chain: [by.chain[0]!, by.chain[2]!, by.chain[1]!] }, () => by)(r, a);
    },
    trusting,
    /its chain is broken: certificate 'CN=signer, .*' is not issued by certificate 'CN=authority/,
  ],
  [
    'a chain without its root',
    async (r, a) => jws({ chain: signer.chain.slice(0, 1) })(r, a),
    trusting,
    /its chain does not end with a root/,
  ],
  [
    'a chain that goes on',
    async (r, a) => jws({ chain: [...signer.chain, other.chain[0]!] })(r, a),
    trusting,
    /its chain is broken/,
  ],
  [
    'a forged issuer',
    async (r, a) => {
      const forged = await issue({ ca: true });
      const by = await issue({}, forged);
      await jws({ chain: [by.chain[0]!, root.chain[0]!] }, () => by)(r, a);
    },
    trusting,
    /its chain is broken/,
  ],
  [
    'a root twice',
    async (r, a) => jws({ chain: [...signer.chain, root.chain[0]!] })(r, a),
    trusting,
    /its chain goes on after the root certificate 'CN=authority/,
  ],
  [
    'an issuer of another name with the same key',
    jws({}, async () => issue({}, { ...root, certificate: other.certificate })),
    trusting,
    /its chain is broken/,
  ],
  [
    'a key usage that is not critical',
    jws({}, () => issue({ critical: false }, root)),
    trusting,
    /has no critical key usage$/,
  ],
  [
    'a time of signing of each kind',
    jws({
      critical: [scheme, 'io.cncf.notary.authenticSigningTime'],
      headers: { 'io.cncf.notary.authenticSigningTime': at(0) },
    }),
    trusting,
    /its time of signing does not fit its signing scheme/,
  ],
  ['a chain that is none', jws({ chain: [Buffer.from('x')] }), trusting, /certificate 1 of its chain cannot be read$/],
  ['an authority that signs', jws({}, () => root), trusting, /'CN=authority, .*', which signed, is an authority$/],
  [
    'a certificate for servers',
    jws({}, () => issue({ extended: ['1.3.6.1.5.5.7.3.1'] }, root)),
    trusting,
    /is for servers, not for signing code$/,
  ],
  [
    'a certificate for encryption',
    jws({}, () => issue({ usage: 4 }, root)),
    trusting,
    /is not for digital signatures$/,
  ],
  [
    'a certificate for encryption, too',
    jws({}, () => issue({ usage: 5 }, root)),
    trusting,
    /is for more than digital signatures$/,
  ],
  [
    'a short key',
    jws({ algorithm: 'PS256' }, () => issue({ key: 'RSA 1024' }, root)),
    trusting,
    /has a key that may not be used: RSA of 2048/,
  ],
  [
    'a certificate of one alone',
    jws({}, async () => {
      const alone = await issue();
      return alone;
    }),
    trusting,
    /no certificate of its chain is in the secret$/,
  ],
  [
    'an expired certificate',
    jws({}, () => issue({ notBefore: new Date(0), notAfter: new Date(1000) }, root)),
    trusting,
    /certificate 'CN=signer, .*' expired at 1970-01-01T00:00:01/,
  ],
  [
    'an expired certificate under level permissive',
    jws({}, () => issue({ notBefore: new Date(0), notAfter: new Date(1000) }, root)),
    () => trusting({ level: 'permissive' }),
    /^verified: .*; certificate '.*' expired at/,
  ],
  [
    'a certificate that is not valid yet',
    jws({}, () => issue({ notBefore: new Date(Date.now() + 60_000) }, root)),
    trusting,
    /is valid only from 2/,
  ],
];
for (const [name, sign, ask, expected] of table)
  test(`notation: ${name}`, async () => assert.match(await attemptNotation(sign, ask()), expected));
