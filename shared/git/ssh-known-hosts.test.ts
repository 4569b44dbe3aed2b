import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { isEncrypted, readIdentity } from './ssh-identity.ts';
import { fingerprint, KnownHosts, typeOfKey, type Verdict } from './ssh-known-hosts.ts';

const field = (value: string | Buffer) => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
};
const keyOf = (byte: number) => Buffer.concat([field('ssh-ed25519'), field(Buffer.alloc(32, byte))]);
const [own, other] = [keyOf(1), keyOf(2)];
const entry = `ssh-ed25519 ${own.toString('base64')}`;
const otherEntry = `ssh-ed25519 ${other.toString('base64')} a comment`;

function hashed(name: string): string {
  const salt = Buffer.alloc(20, 7);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

test('hosts are found by name, port, pattern and hash', () => {
  const table: [hosts: string, host: string, port: number, Verdict][] = [
    ['example.com', 'example.com', 22, 'known'],
    ['EXAMPLE.com', 'example.com', 22, 'known'],
    ['example.com', 'example.com', 2222, 'unknown'],
    ['example.com', 'xample.com', 22, 'unknown'],
    ['a,example.com,b', 'example.com', 22, 'known'],
    ['[example.com]:22', 'example.com', 22, 'known'],
    ['[example.com]:2222', 'example.com', 2222, 'known'],
    ['[example.com]:2222', 'example.com', 22, 'unknown'],
    ['example.com:2222', 'example.com', 2222, 'known'],
    ['*.example.com', 'git.example.com', 22, 'known'],
    ['*.example.com', 'example.com', 22, 'unknown'],
    ['git?.example.com', 'git1.example.com', 22, 'known'],
    ['*.example.com,!bad.example.com', 'bad.example.com', 22, 'unknown'],
    ['!bad.example.com', 'git.example.com', 22, 'unknown'],
    ['*', 'anything', 22, 'known'],
    ['*', 'anything', 2222, 'unknown'],
    ['::1', '::1', 22, 'known'],
    ['[::1]:2222', '::1', 2222, 'known'],
    [hashed('example.com'), 'example.com', 22, 'known'],
    [hashed('[example.com]:2222'), 'example.com', 2222, 'known'],
    [hashed('example.com'), 'example.com', 2222, 'unknown'],
    [hashed('example.org'), 'example.com', 22, 'unknown'],
  ];
  for (const [hosts, host, port, verdict] of table)
    assert.equal(new KnownHosts(`${hosts} ${entry}`).judge(host, port, own), verdict, `${hosts} ${host} ${port}`);
});

test('one known key suffices; another is a changed one; a revoked one is refused everywhere', () => {
  const hosts = new KnownHosts(`# comment\n\r\nh ${otherEntry}\r\nh ${entry}\n`);
  assert.equal(hosts.judge('h', 22, own), 'known');
  assert.equal(hosts.judge('h', 22, keyOf(3)), 'changed');
  assert.deepEqual(hosts.typesOf('h', 22), ['ssh-ed25519']);
  assert.deepEqual(hosts.typesOf('i', 22), []);
  const revoked = new KnownHosts(`@revoked elsewhere ${entry}\nh ${entry}`);
  assert.equal(revoked.judge('h', 22, own), 'revoked');
  const vouched = new KnownHosts(`@cert-authority *.example.com ${entry}`);
  assert.equal(vouched.judge('git.example.com', 22, own), 'unknown');
  assert.equal(vouched.hasAuthority('git.example.com', 22), true);
  assert.equal(vouched.hasAuthority('example.org', 22), false);
});

test('a hostile pattern takes no time to speak of', () => {
  const pattern = `${'*a'.repeat(200)}b`;
  assert.equal(new KnownHosts(`${pattern} ${entry}`).judge('a'.repeat(250), 22, own), 'unknown');
});

test('keys name their type, and have the fingerprint that ssh-keygen shows', () => {
  assert.equal(typeOfKey(own), 'ssh-ed25519');
  assert.equal(typeOfKey(Buffer.from([0, 0, 0, 4, 27, 91, 51, 49])), 'of unknown type');
  assert.equal(typeOfKey(Buffer.alloc(2)), 'of unknown type');
  // GitHub's, as GitHub publishes it.
  const github = Buffer.from('AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl', 'base64');
  assert.equal(fingerprint(github), 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU');
});

test('private keys are read in the forms of PEM, and only encrypted ones ask for a passphrase', async () => {
  const passphrase = 'secret';
  const plain = { format: 'pem' } as const;
  const locked = { ...plain, cipher: 'aes-256-cbc', passphrase } as const;
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
  const ed = generateKeyPairSync('ed25519').privateKey;
  const table: [identity: string, type: string, encrypted: boolean][] = [
    [rsa.export({ ...plain, type: 'pkcs1' }).toString(), 'ssh-rsa', false],
    [rsa.export({ ...locked, type: 'pkcs1' }).toString(), 'ssh-rsa', true],
    [rsa.export({ ...locked, type: 'pkcs8' }).toString(), 'ssh-rsa', true],
    [ec.export({ ...plain, type: 'sec1' }).toString(), 'ecdsa-sha2-nistp384', false],
    [ec.export({ ...locked, type: 'sec1' }).toString(), 'ecdsa-sha2-nistp384', true],
    [ed.export({ ...plain, type: 'pkcs8' }).toString(), 'ssh-ed25519', false],
    [ed.export({ ...locked, type: 'pkcs8' }).toString(), 'ssh-ed25519', true],
  ];
  for (const [identity, type, encrypted] of table) {
    assert.equal(isEncrypted(identity), encrypted, identity.slice(0, 40));
    const key = await readIdentity({ identity, knownHosts: '', ...(encrypted ? { passphrase } : {}) });
    assert.equal(key.type, type);
    const signature = key.sign('data', type === 'ssh-rsa' ? 'sha256' : undefined);
    assert.equal(key.verify('data', signature, type === 'ssh-rsa' ? 'sha256' : undefined), true);
    if (encrypted) {
      await assert.rejects(readIdentity({ identity, knownHosts: '' }), {
        code: 'InvalidIdentity',
        message: /encrypted/,
      });
      await assert.rejects(readIdentity({ identity, knownHosts: '', passphrase: 'wrong' }), {
        code: 'InvalidIdentity',
      });
    }
  }
  const ed448 = generateKeyPairSync('ed448')
    .privateKey.export({ ...plain, type: 'pkcs8' })
    .toString();
  await assert.rejects(readIdentity({ identity: ed448, knownHosts: '' }), { message: /type ed448; use ed25519/ });
});
