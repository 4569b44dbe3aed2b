import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { Sign } from './testing/attempt.ts';
import { issue, pushEnvelope, type Signer, type SignOptions, signJws } from './testing/notary.ts';
import {
  attemptNotation,
  certificateFile,
  type NotationAsk,
  policy,
  policyOf,
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

const scheme = 'io.cncf.notary.signingScheme';
const signingTime = 'io.cncf.notary.signingTime';
const authenticTime = 'io.cncf.notary.authenticSigningTime';
const at = (ms: number) => new Date(Math.floor((Date.now() + ms) / 1000) * 1000).toISOString().replace('.000', '');
const hour = 3_600_000;
const flip = (bytes: Buffer) => Buffer.from(bytes.map((byte, index) => (index === 9 ? byte ^ 1 : byte)));

const table: [string, Sign, () => NotationAsk, RegExp][] = [
  [
    'an authority that the Secret does not have',
    jws({}, async () => issue({}, await issue({ ca: true, name: 'CN=z' }))),
    trusting,
    /it is not produced by a trusted signer: no certificate of its chain is in the secret$/,
  ],
  [
    'the same under level audit',
    jws({}, async () => issue({}, await issue({ ca: true, name: 'CN=z' }))),
    () => trusting({ level: 'audit' }),
    /^ignored: signed by .*; it is not produced by a trusted signer/,
  ],
  [
    'the same under level audit, with authenticity enforced',
    jws({}, async () => issue({}, await issue({ ca: true, name: 'CN=z' }))),
    () => trusting({ level: 'audit', override: { authenticity: 'enforce' } }),
    /^NoMatchingSignature: .*trusted signer/,
  ],
  [
    'a changed signature under level audit',
    jws({ signature: flip }),
    () => trusting({ level: 'audit' }),
    /^NoMatchingSignature: .*its signature is not good$/,
  ],
  [
    'level skip',
    async () => {},
    () => trusting({ level: 'skip' }),
    /^ignored: the trust policy statement 'apps' skips verification$/,
  ],
  ['a trusted identity', jws(), () => trusting({ identities: ['x509.subject: C=US, ST=WA, O=example'] }), /^verified/],
  [
    'a trusted identity with S for ST',
    jws(),
    () => trusting({ identities: ['x509.subject: CN=signer, C=US, S=WA, O=example'] }),
    /^verified/,
  ],
  [
    'another identity',
    jws(),
    () => trusting({ identities: ['x509.subject: C=US, ST=WA, O=examples'] }),
    /is none of the trustedIdentities of the trust policy statement 'apps'$/,
  ],
  [
    'a signer without the names that are compared',
    jws({}, () => issue({ name: 'CN=x' }, root)),
    () => trusting({ identities: ['x509.subject: C=US, ST=WA, O=example'] }),
    /'CN=x' has no C, ST, O/,
  ],
  [
    'a trust store of another scheme',
    jws(),
    () => trusting({ stores: ['signingAuthority:apps'] }),
    /has no trust store ca:<name>/,
  ],
  [
    'a signing authority',
    jws({
      critical: [scheme, authenticTime],
      headers: { [scheme]: 'notary.x509.signingAuthority', [signingTime]: undefined, [authenticTime]: at(0) },
    }),
    () => trusting({ stores: ['signingAuthority:apps'] }),
    /^verified/,
  ],
  [
    'a signing authority, when the certificate was not valid',
    jws({
      critical: [scheme, authenticTime],
      headers: { [scheme]: 'notary.x509.signingAuthority', [signingTime]: undefined, [authenticTime]: at(-2 * hour) },
    }),
    () => trusting({ stores: ['signingAuthority:apps'] }),
    /is valid only from .*, and it was signed at 2/,
  ],
  [
    'the repository of the scope',
    jws(),
    () => trusting({ scopes: ['registry.example.com/apps/podinfo'] }),
    /^verified/,
  ],
  [
    'another repository',
    jws(),
    () => trusting({ scopes: ['registry.example.com/apps'] }),
    /^NoApplicableTrustPolicy: artifact 'registry\.example\.com\/apps\/podinfo' has no applicable trust policy statement/,
  ],
  // The Secret
  [
    'no policy',
    jws(),
    () => ({ keys: [certificateFile(root.chain[0]!)] }),
    /^InvalidConfiguration: 'trustpolicy\.json' not found in secret 'apps\/notation'$/,
  ],
  [
    'no certificate',
    jws(),
    () => ({ keys: [policy()] }),
    /^InvalidConfiguration: no certificates found in secret 'apps\/notation'/,
  ],
  [
    'a certificate that is none',
    jws(),
    () => ({ keys: [policy(), { name: 'a.pem', bytes: Buffer.from('x') }] }),
    /^InvalidConfiguration: failed to parse certificate 'a\.pem' of secret 'apps\/notation'/,
  ],
  ['a certificate in DER', jws(), () => ({ keys: [policy(), { name: 'a.crt', bytes: root.chain[0]! }] }), /^verified/],
  [
    'a policy that is none',
    jws(),
    () => ({ keys: [policyOf([]), certificateFile(root.chain[0]!)] }),
    /^InvalidConfiguration: trustpolicy\.json: /,
  ],
];
for (const [name, sign, ask, expected] of table)
  test(`notation's trust: ${name}`, async () => assert.match(await attemptNotation(sign, ask()), expected));
