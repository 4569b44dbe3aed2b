import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, sign as cryptoSign, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  signatureType,
  signedCommit,
  signedTag,
  type TrustedKeys,
  verifySignature,
} from '../../shared/git/signature.ts';
import { sshString } from '../../shared/git/signature-ssh-wire.ts';
import { createRepository } from '../../shared/local/git-repository.ts';
import { type Signers, type SigningKey, startSigners } from '../programs/signers.ts';

let dir: string;
let repository: string;
let signers: Signers;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-signature-'));
  repository = await createRepository(dir, 'signed', { 'a.txt': 'a' });
  signers = startSigners();
});
after(async () => {
  await signers.close();
  rmSync(dir, { recursive: true, force: true });
});

const object = (type: 'commit' | 'tag', oid: string) =>
  execFileSync('git', ['--git-dir', repository, 'cat-file', type, oid]);
const trust = (key: SigningKey): TrustedKeys =>
  key.publicKey.startsWith('-----BEGIN PGP') ? { pgp: [key.publicKey], ssh: [] } : { pgp: [], ssh: [key.publicKey] };

const kinds: [string, () => Promise<SigningKey>][] = [
  ['PGP, ed25519', () => signers.pgp('ed25519')],
  ['PGP, RSA', () => signers.pgp('rsa2048')],
  ['PGP, NIST P-256', () => signers.pgp('nistp256')],
  ['SSH, ed25519', () => signers.ssh('ed25519')],
  ['SSH, ECDSA P-256', () => signers.ssh('ecdsa', 256)],
  ['SSH, ECDSA P-384', () => signers.ssh('ecdsa', 384)],
  ['SSH, ECDSA P-521', () => signers.ssh('ecdsa', 521)],
  ['SSH, RSA', () => signers.ssh('rsa', 2048)],
];

describe('what Git signed', () => {
  for (const [name, makeKey] of kinds)
    test(`is verified with the author's key and no other: ${name}`, async () => {
      const key = await makeKey();
      const oid = await signers.commit(repository, key, { message: 'Two lines\n\nbödy' });
      const raw = object('commit', oid);
      const commit = signedCommit(raw);
      assert.equal(await verifySignature(commit, trust(key)), key.name);
      const tag = signedTag(object('tag', await signers.tag(repository, key, 'v1', oid)));
      assert.equal(await verifySignature(tag, trust(key)), key.name);

      const changed = { ...commit, payload: Buffer.concat([commit.payload, Buffer.from(' ')]) };
      await assert.rejects(verifySignature(changed, trust(key)), {
        code: 'InvalidSignature',
        message: /no matching key/,
      });
      const stranger = await (name.startsWith('PGP') ? signers.pgp() : signers.ssh());
      for (const signed of [commit, tag])
        await assert.rejects(verifySignature(signed, trust(stranger)), {
          code: 'InvalidSignature',
          message: /no matching key .*which none of them holds/,
        });
    });

  test('is found among several keys and several files, beside some that cannot be read', async () => {
    const [pgp, ssh] = [await signers.pgp(), await signers.ssh()];
    const [otherPgp, otherSsh] = [await signers.pgp(), await signers.ssh()];
    const keys = {
      pgp: ['no key at all', `${otherPgp.publicKey}\n${pgp.publicKey}`],
      ssh: ['nonsense', `# of the team\n\n${otherSsh.publicKey}no-touch-required,from="a b" ${ssh.publicKey}`],
    };
    for (const key of [pgp, ssh]) {
      const commit = signedCommit(object('commit', await signers.commit(repository, key)));
      assert.equal(await verifySignature(commit, keys), key.name);
    }
  });

  test('with a key that has expired, until it is renewed, or that was revoked, is not trusted', async () => {
    const [lasting, revoked] = [await signers.pgp(), await signers.pgp()];
    const commit = signedCommit(object('commit', await signers.commit(repository, lasting)));
    const byRevoked = signedCommit(object('commit', await signers.commit(repository, revoked)));
    assert.equal(await verifySignature(commit, trust(lasting)), lasting.name);
    assert.equal(await verifySignature(byRevoked, trust(revoked)), revoked.name);

    const expired = await signers.expire(lasting, 'seconds=1');
    const end = Date.now() + 60_000;
    const isTrusted = () =>
      verifySignature(commit, trust(expired)).then(
        () => true,
        () => false,
      );
    while (await isTrusted()) {
      assert.ok(Date.now() < end, 'the key expires');
      await delay(50);
    }
    await assert.rejects(verifySignature(commit, trust(expired)), { message: /expired/ });
    const renewed = await signers.expire(lasting, '1y');
    assert.equal(
      await verifySignature(commit, trust(renewed)),
      renewed.name,
      'what was signed before the key was renewed',
    );

    await signers.gpg(['--import'], signers.revocation(revoked));
    const publicKey = await signers.gpg(['--armor', '--export', revoked.name]);
    await assert.rejects(verifySignature(byRevoked, { pgp: [publicKey], ssh: [] }), { message: /revoked/ });
  });

  test('needs keys of its own sort', async () => {
    const [pgp, ssh] = [await signers.pgp(), await signers.ssh()];
    const byPgp = signedCommit(object('commit', await signers.commit(repository, pgp)));
    const bySsh = signedCommit(object('commit', await signers.commit(repository, ssh)));
    await assert.rejects(verifySignature(byPgp, trust(ssh)), { message: /no PGP public keys found.*\.asc/ });
    await assert.rejects(verifySignature(bySsh, trust(pgp)), { message: /no SSH public keys found.*\.sshpub/ });
    await assert.rejects(verifySignature(byPgp, { pgp: ['x'], ssh: [] }), {
      message: /unable to read armored key ring/,
    });
    await assert.rejects(verifySignature(bySsh, { pgp: [], ssh: ['ssh-ed25519 AAAA'] }), {
      message: /unable to parse authorized keys/,
    });
  });

  test('for another purpose proves nothing', async () => {
    const key = await signers.ssh();
    const commit = signedCommit(object('commit', await signers.commit(repository, key)));
    const file = key.git
      .at(-1)!
      .replace('user.signingkey=', '')
      .replace(/\.pub$/, '');
    const sign = (namespace: string) =>
      execFileSync('ssh-keygen', ['-Y', 'sign', '-q', '-f', file, '-n', namespace], {
        input: commit.payload,
        encoding: 'utf8',
        stdio: ['pipe', 'pipe', 'ignore'],
      });
    assert.equal(await verifySignature({ ...commit, signature: sign('git') }, trust(key)), key.name);
    await assert.rejects(verifySignature({ ...commit, signature: sign('file') }, trust(key)), {
      message: /namespace "file"/,
    });
  });
});

describe('SSH signatures as ssh-keygen does not make them here', () => {
  const payload = Buffer.from('what is signed');
  /** A signature in SSH's form; `sign` gives the algorithm, the signature, and what a key in hardware adds. */
  const armored = (blob: Buffer, sign: (message: Buffer) => Buffer) => {
    const parts = [sshString('git'), sshString(''), sshString('sha512')];
    const digest = createHash('sha512').update(payload).digest();
    const signature = sign(Buffer.concat([Buffer.from('SSHSIG'), ...parts, sshString(digest)]));
    const version = Buffer.from([0, 0, 0, 1]);
    const whole = Buffer.concat([Buffer.from('SSHSIG'), version, sshString(blob), ...parts, sshString(signature)]);
    return `-----BEGIN SSH SIGNATURE-----\n${whole.toString('base64')}\n-----END SSH SIGNATURE-----`;
  };
  const trusted = (blob: Buffer): TrustedKeys => {
    const type = blob.toString('latin1', 4, 4 + blob.readUInt32BE());
    return { pgp: [], ssh: [`${type} ${blob.toString('base64')} comment`] };
  };

  test('RSA counts with SHA-2, and not with SHA-1', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
    const numbers = [e, n].map(number => Buffer.from(number as string, 'base64url'));
    const padded = numbers.map(number => (number[0]! >= 0x80 ? Buffer.concat([Buffer.alloc(1), number]) : number));
    const blob = Buffer.concat([sshString('ssh-rsa'), ...padded.map(number => sshString(number))]);
    const by = (name: string, hash: string) =>
      armored(blob, message => Buffer.concat([sshString(name), sshString(cryptoSign(hash, message, privateKey))]));
    for (const [name, hash] of [
      ['rsa-sha2-256', 'sha256'],
      ['rsa-sha2-512', 'sha512'],
    ] as const)
      assert.match(await verifySignature({ signature: by(name, hash), payload }, trusted(blob)), /^SHA256:/);
    const old = { signature: by('ssh-rsa', 'sha1'), payload };
    await assert.rejects(verifySignature(old, trusted(blob)), { message: /no matching key/ });
  });

  test('a key in hardware signs for what it was made, with what it was asked', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const { x = '' } = publicKey.export({ format: 'jwk' });
    const type = sshString('sk-ssh-ed25519@openssh.com');
    const blobFor = (application: string) =>
      Buffer.concat([type, sshString(Buffer.from(x as string, 'base64url')), sshString(application)]);
    const sha256 = (data: Buffer | string) => createHash('sha256').update(data).digest();
    const touch = Buffer.from([1, 0, 0, 0, 7]);
    const sign = (message: Buffer) => {
      const asked = Buffer.concat([sha256('ssh:'), touch, sha256(message)]);
      return Buffer.concat([type, sshString(cryptoSign(null, asked, privateKey)), touch]);
    };
    const [own, other] = [blobFor('ssh:'), blobFor('ssh:other')];
    assert.match(await verifySignature({ signature: armored(own, sign), payload }, trusted(own)), /^SHA256:/);
    await assert.rejects(verifySignature({ signature: armored(other, sign), payload }, trusted(other)), {
      message: /no matching key/,
    });
  });
});

describe('signatures', () => {
  const pgp = '-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n';
  const header = (name: string, text: string) => `${name} ${text.trimEnd().replaceAll('\n', '\n ')}\n`;
  const head = 'tree 0123456789012345678901234567890123456789\nauthor a\n';

  test('are taken out of commits byte for byte', () => {
    const raw = Buffer.from(
      `${head}${header('gpgsig', pgp)}encoding latin1\n${header('gpgsig-sha256', pgp)}\nmessage\ngpgsig stays\n`,
    );
    const { signature, payload } = signedCommit(raw);
    assert.equal(signature.trim(), pgp.trim());
    assert.equal(payload.toString(), `${head}encoding latin1\n\nmessage\ngpgsig stays\n`);
    const latin1 = Buffer.concat([Buffer.from(`${head}\n`), Buffer.from([0xe4, 0x0a, 0x00, 0xff])]);
    assert.deepEqual(signedCommit(latin1), { signature: '', payload: latin1 });
  });

  test('are not to be mistaken: two in a commit, and the last one of a tag counts', () => {
    const twice = Buffer.from(`${head}${header('gpgsig', pgp)}${header('gpgsig', pgp)}\nm\n`);
    assert.throws(() => signedCommit(twice), { code: 'Corrupt', message: /more than one gpgsig/ });
    const tag = signedTag(Buffer.from(`object 0\n\nquoted:\n${pgp}end\n${pgp}`));
    assert.equal(tag.payload.toString(), `object 0\n\nquoted:\n${pgp}end\n`);
    assert.equal(tag.signature, pgp);
    assert.equal(signedTag(Buffer.from('object 0\n\nplain\n')).signature, '');
  });

  const types: [string, string][] = [
    ['', 'empty'],
    [pgp, 'openpgp'],
    ['-----BEGIN SSH SIGNATURE-----\n', 'ssh'],
    ['-----BEGIN SIGNED MESSAGE-----\n', 'x509'],
    ['-----BEGIN PGP MESSAGE-----\n', 'unknown'],
  ];
  for (const [signature, type] of types)
    test(`of type ${type}`, async () => {
      assert.equal(signatureType(signature), type);
      if (type === 'openpgp' || type === 'ssh') return;
      await assert.rejects(verifySignature({ signature, payload: Buffer.from('x') }, { pgp: ['x'], ssh: ['x'] }), {
        message: new RegExp(`unsupported signature type: ${type}`),
      });
    });

  test('that are damaged say so', async () => {
    const armored = (data: Buffer) =>
      `-----BEGIN SSH SIGNATURE-----\n${data.toString('base64')}\n-----END SSH SIGNATURE-----`;
    const damaged = [
      '-----BEGIN SSH SIGNATURE-----\nAA',
      armored(Buffer.from('x')),
      armored(Buffer.from('SSHSIG\0\0\0\x09')),
    ];
    for (const signature of damaged)
      await assert.rejects(verifySignature({ signature, payload: Buffer.from('x') }, { pgp: [], ssh: [''] }), {
        code: 'InvalidSignature',
      });
    await assert.rejects(verifySignature({ signature: pgp, payload: Buffer.from('x') }, { pgp: ['x'], ssh: [] }), {
      code: 'InvalidSignature',
    });
  });
});
