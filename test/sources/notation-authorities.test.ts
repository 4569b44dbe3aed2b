import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import {
  type CertificateOptions,
  issue,
  pushEnvelope,
  type Signer,
  type SignOptions,
  signCose,
  signJws,
} from '../../shared/oci/signature/testing/notary.ts';
import {
  attemptNotation,
  certificateFile,
  policy,
  type StatementOptions,
} from '../../shared/oci/signature/testing/notation-attempt.ts';
import { type Authorities, startAuthorities } from '../programs/notation-authorities.ts';

let authorities: Authorities;
let root: Signer;
let stranger: Signer;

before(async () => {
  [authorities, root, stranger] = await Promise.all([startAuthorities(), issue({ ca: true }), issue({ ca: true })]);
});
after(() => authorities.close());
beforeEach(() => {
  Object.assign(authorities, { asked: [], ocsp: undefined, crl: undefined, tsa: undefined });
});

const serialNumber = '00c0ffee';
const signer = (options: CertificateOptions = {}) => issue({ serialNumber, ...options }, root);

/** What verifying a signature by this signer comes to. */
async function judged(by: Signer, statement: StatementOptions = {}, options: SignOptions = {}): Promise<string> {
  const keys = [policy(statement), certificateFile(root.chain[0]!)];
  return attemptNotation(
    async (registry, artifact) => {
      pushEnvelope(registry, artifact, await signJws(by, artifact, options));
    },
    { keys },
  );
}

describe('revocations', () => {
  const ocsp = () => `${authorities.url}/ocsp`;
  const crl = () => `${authorities.url}/crl`;
  const valid = [serialNumber.slice(2)];

  const table: [string, () => Promise<void> | void, () => CertificateOptions, RegExp, string[]][] = [
    [
      'OCSP: good',
      () => {
        authorities.ocsp = { issuer: root, valid };
      },
      () => ({ ocsp: ocsp() }),
      /^verified/,
      ['/ocsp'],
    ],
    [
      'OCSP: revoked',
      () => {
        authorities.ocsp = { issuer: root, revoked: valid };
      },
      () => ({ ocsp: ocsp() }),
      /certificate 'CN=signer, .*' is revoked$/,
      ['/ocsp'],
    ],
    [
      'OCSP: not known there',
      () => {
        authorities.ocsp = { issuer: root };
      },
      () => ({ ocsp: ocsp() }),
      /whether .* is revoked is unknown: the OCSP server does not know it$/,
      ['/ocsp'],
    ],
    [
      'OCSP: signed by a stranger',
      () => {
        authorities.ocsp = { issuer: root, signer: stranger, valid };
      },
      () => ({ ocsp: ocsp() }),
      /answer is not signed by the issuer$/,
      ['/ocsp'],
    ],
    [
      'OCSP: signed by a delegate',
      async () => {
        authorities.ocsp = { issuer: root, signer: await issue({ extended: ['1.3.6.1.5.5.7.3.9'] }, root), valid };
      },
      () => ({ ocsp: ocsp() }),
      /^verified/,
      ['/ocsp'],
    ],
    [
      'OCSP: signed by the delegate of a stranger',
      async () => {
        authorities.ocsp = { issuer: root, signer: await issue({ extended: ['1.3.6.1.5.5.7.3.9'] }, stranger), valid };
      },
      () => ({ ocsp: ocsp() }),
      /answer is not signed by the issuer$/,
      ['/ocsp'],
    ],
    [
      'OCSP: signed by another of the issuer',
      async () => {
        authorities.ocsp = { issuer: root, signer: await issue({}, root), valid };
      },
      () => ({ ocsp: ocsp() }),
      /answer is not signed by the issuer$/,
      ['/ocsp'],
    ],
    ['OCSP: nobody there', () => {}, () => ({ ocsp: ocsp() }), /is unknown: the OCSP server answers 404$/, ['/ocsp']],
    [
      'OCSP, then the list: good',
      () => {
        authorities.crl = { issuer: root };
      },
      () => ({ ocsp: ocsp(), crl: crl() }),
      /^verified/,
      ['/ocsp', '/crl'],
    ],
    [
      'OCSP, then the list: revoked',
      () => {
        authorities.crl = { issuer: root, revoked: valid };
      },
      () => ({ ocsp: ocsp(), crl: crl() }),
      /is revoked$/,
      ['/ocsp', '/crl'],
    ],
    [
      'list: good',
      () => {
        authorities.crl = { issuer: root, revoked: ['01'] };
      },
      () => ({ crl: crl() }),
      /^verified/,
      ['/crl'],
    ],
    [
      'list: revoked',
      () => {
        authorities.crl = { issuer: root, revoked: valid };
      },
      () => ({ crl: crl() }),
      /is revoked$/,
      ['/crl'],
    ],
    [
      'list: signed by a stranger',
      () => {
        authorities.crl = { issuer: root, signer: stranger };
      },
      () => ({ crl: crl() }),
      /list of revocations is not signed by the issuer$/,
      ['/crl'],
    ],
    [
      'list: nobody there',
      () => {},
      () => ({ crl: crl() }),
      /is unknown: the server of the list of revocations answers 404$/,
      ['/crl'],
    ],
  ];
  for (const [name, set, options, expected, asked] of table)
    test(name, async () => {
      await set();
      assert.match(await judged(await signer(options())), expected);
      assert.deepEqual(authorities.asked, asked);
    });

  test('an answer of before is none', async () => {
    authorities.ocsp = { issuer: root, valid };
    const by = await signer({ ocsp: ocsp() });
    const keys = [policy(), certificateFile(root.chain[0]!)];
    const now = Date.now() + 600_000;
    const said = await attemptNotation(
      async (registry, artifact) => pushEnvelope(registry, artifact, await signJws(by, artifact)),
      { keys, now },
    );
    assert.match(said, /answer is not of this time$/);
  });

  test('what the policy skips, and what a stranger names, is not asked', async () => {
    authorities.ocsp = { issuer: root, revoked: valid };
    const revoked = await signer({ ocsp: ocsp() });
    assert.match(await judged(revoked, { override: { revocation: 'skip' } }), /^verified/);
    assert.deepEqual(authorities.asked, []);
    const strange = await issue({ ocsp: ocsp() }, stranger);
    assert.match(await judged(strange, { level: 'audit' }), /^ignored/);
    assert.deepEqual(authorities.asked, []);
    assert.match(await judged(revoked, { level: 'permissive' }), /^verified: .*; certificate '.*' is revoked$/);
  });
});

describe('timestamps', () => {
  const stores = ['ca:apps', 'tsa:apps'];
  const timeStamping = ['1.3.6.1.5.5.7.3.8'];
  const stampedBy =
    (by: Signer, digest?: string): SignOptions['timestamp'] =>
    signature =>
      authorities.stamp(signature, by, digest);
  const past = { notBefore: new Date(Date.now() - 7_200_000), notAfter: new Date(Date.now() - 3_600_000) };

  for (const key of ['P-256', 'P-384', 'RSA 2048'] as const)
    test(`one of an authority with a key ${key} is accepted, in JSON and in CBOR`, async () => {
      const by = await issue({ key, extended: timeStamping, name: 'CN=tsa' }, root);
      const options = { timestamp: stampedBy(by, key === 'P-384' ? 'sha384' : 'sha256') };
      assert.match(await judged(await signer(), { stores }, options), /^verified/);
      const signed = await signer();
      const keys = [policy({ stores }), certificateFile(root.chain[0]!)];
      const inCbor = await attemptNotation(
        async (registry, artifact) =>
          pushEnvelope(registry, artifact, await signCose(signed, artifact, options), 'application/cose'),
        { keys },
      );
      assert.match(inCbor, /^verified/);
    });

  const table: [string, () => Promise<Signer>, () => Promise<SignOptions>, StatementOptions, RegExp][] = [
    [
      'none, where one is asked for',
      signer,
      async () => ({}),
      { stores },
      /it has no timestamp, which the trust policy asks for$/,
    ],
    [
      'none, where one is asked for only of what has expired',
      signer,
      async () => ({}),
      { stores, verifyTimestamp: 'afterCertExpiry' },
      /^verified/,
    ],
    [
      'none, of what has expired',
      () => signer(past),
      async () => ({}),
      { stores, verifyTimestamp: 'afterCertExpiry' },
      /it has no timestamp/,
    ],
    [
      'one of now, of what had expired',
      () => signer(past),
      async () => ({ timestamp: stampedBy(await issue({ extended: timeStamping }, root))! }),
      { stores },
      /expired at .*, and its timestamp is of 2/,
    ],
    [
      'one of another signature',
      signer,
      async () => {
        const by = await issue({ extended: timeStamping }, root);
        return { timestamp: () => authorities.stamp(Buffer.from('another'), by) };
      },
      { stores },
      /its timestamp is of another signature$/,
    ],
    [
      'one of a stranger',
      signer,
      async () => ({ timestamp: stampedBy(await issue({ extended: timeStamping }, stranger))! }),
      { stores },
      /which signed its timestamp, does not lead to a certificate of the secret$/,
    ],
    [
      'one that is none',
      signer,
      async () => ({ timestamp: async () => Buffer.from('x') }),
      { stores },
      /its timestamp cannot be used: /,
    ],
    [
      'one that was changed',
      signer,
      async () => {
        const by = await issue({ extended: timeStamping }, root);
        return {
          timestamp: async signature => {
            const token = await authorities.stamp(signature, by);
            token[token.length - 5]! ^= 1;
            return token;
          },
        };
      },
      { stores },
      /the signature of its timestamp is not good$/,
    ],
    ['one that nobody asks for', signer, async () => ({ timestamp: async () => Buffer.from('x') }), {}, /^verified/],
    [
      'a bad one under level permissive',
      signer,
      async () => ({ timestamp: async () => Buffer.from('x') }),
      { stores, level: 'permissive' },
      /^verified: .*; its timestamp cannot be used/,
    ],
  ];
  for (const [name, by, options, statement, expected] of table)
    test(name, async () => assert.match(await judged(await by(), statement, await options()), expected));

  test('one of the time when the certificate was valid is accepted after it expired', async () => {
    const by = await issue(
      { extended: timeStamping, name: 'CN=tsa', notAfter: new Date(Date.now() + 86_400_000) },
      root,
    );
    const signed = await signer({ notAfter: new Date(Date.now() + 60_000) });
    const attempt = (statement: StatementOptions, options: SignOptions) =>
      attemptNotation(
        async (registry, artifact) => pushEnvelope(registry, artifact, await signJws(signed, artifact, options)),
        { keys: [policy(statement), certificateFile(root.chain[0]!)], now: Date.now() + 600_000 },
      );
    const options = { timestamp: stampedBy(by)! };
    assert.match(await attempt({}, options), /expired at/);
    assert.match(await attempt({ stores, verifyTimestamp: 'afterCertExpiry' }, options), /^verified/);
  });

  test('one of an authority that was revoked is refused', async () => {
    authorities.ocsp = { issuer: root, revoked: ['0BAD'] };
    const ocsp = `${authorities.url}/ocsp`;
    const by = await issue({ extended: timeStamping, name: 'CN=tsa', serialNumber: '0bad', ocsp }, root);
    const options = { timestamp: stampedBy(by)! };
    assert.match(await judged(await signer(), { stores }, options), /certificate 'CN=tsa' is revoked$/);
    authorities.ocsp = { issuer: root, valid: ['0BAD'] };
    assert.match(await judged(await signer(), { stores }, options), /^verified/);
  });
});
