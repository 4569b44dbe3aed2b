import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type CertificateOptions, issue, pushEnvelope, signJws } from '../../shared/oci/signature/testing/notary.ts';
import { attemptNotation, certificateFile, policy } from '../../shared/oci/signature/testing/notation-attempt.ts';

import { authorities, judged, root, serialNumber, signer, stranger } from './notation-judged.ts';

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
      'list: of authorities only',
      () => {
        authorities.crl = { issuer: root, extension: 'issuingDistributionPoint=critical,@only\n[only]\nonlyCA=TRUE' };
      },
      () => ({ crl: crl() }),
      /the list of revocations is not one of such certificates$/,
      ['/crl'],
    ],
    [
      'list: of another address',
      () => {
        authorities.crl = {
          issuer: root,
          extension: 'issuingDistributionPoint=critical,@only\n[only]\nfullname=URI:http://127.0.0.1/other',
        };
      },
      () => ({ crl: crl() }),
      /is not one of such certificates$/,
      ['/crl'],
    ],
    [
      'list: of users, at this address',
      () => {
        authorities.crl = {
          issuer: root,
          extension: `issuingDistributionPoint=critical,@only\n[only]\nonlyuser=TRUE\nfullname=URI:${crl()}`,
        };
      },
      () => ({ crl: crl() }),
      /^verified/,
      ['/crl'],
    ],
    [
      'list: with what is not known',
      () => {
        authorities.crl = { issuer: root, extension: '1.2.3.4=critical,ASN1:NULL' };
      },
      () => ({ crl: crl() }),
      /of a kind that is not understood \(1\.2\.3\.4\)$/,
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
