import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import {
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

import { authorities, judged, root, signer, stranger } from './notation-judged.ts';

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
    [
      'one that names another certificate',
      signer,
      async () => {
        const by = await issue({ extended: timeStamping }, root);
        const twin = await issue({ extended: timeStamping }, root);
        return {
          timestamp: async signature => {
            const token = await authorities.stamp(signature, by);
            const [from, to] = [by, twin].map(({ chain }) => createHash('sha256').update(chain[0]!).digest());
            token.set(to!, token.indexOf(from!));
            return token;
          },
        };
      },
      { stores },
      /its timestamp does not name the certificate it is signed with$/,
    ],
    [
      'one of another time than was signed',
      signer,
      async () => {
        const by = await issue({ extended: timeStamping }, root);
        return {
          timestamp: async signature => {
            const token = await authorities.stamp(signature, by);
            token[token.indexOf(String(new Date().getUTCFullYear())) + 3]! ^= 1;
            return token;
          },
        };
      },
      { stores },
      /the signature of its timestamp is not good$/,
    ],
    [
      'one of an authority whose certificate has expired',
      signer,
      async () => ({ timestamp: stampedBy(await issue({ extended: timeStamping, name: 'CN=tsa', ...past }, root))! }),
      { stores },
      /certificate 'CN=tsa' expired at/,
    ],
    [
      'one of an authority that no authority vouches for',
      signer,
      async () => ({
        timestamp: stampedBy(await issue({ extended: timeStamping }, await issue({ name: 'CN=between' }, root)))!,
      }),
      { stores },
      /'CN=between' issued a certificate of its chain and is no authority$/,
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
