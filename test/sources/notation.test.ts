import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { HttpClient } from '../../shared/network/http.ts';
import type { Descriptor } from '../../shared/oci/descriptor.ts';
import { openRegistry } from '../../shared/oci/registry.ts';
import { issue, type KeyKind, type Signer } from '../../shared/oci/signature/testing/notary.ts';
import { certificateFile, policy, type StatementOptions } from '../../shared/oci/signature/testing/notation-attempt.ts';
import { verifyOciSignature } from '../../shared/oci/signature/verify.ts';
import { installNotation, type Notation } from '../programs/notation.ts';
import { startAuthorities } from '../programs/notation-authorities.ts';
import { push, type RegistryServer, startRegistry } from './registry.ts';

const http = new HttpClient();
let home: string;
let notation: Notation;
let server: RegistryServer;
let root: Signer;

before(async () => {
  home = mkdtempSync(join(tmpdir(), 'sluice-notation-'));
  [notation, server, root] = await Promise.all([
    installNotation(line => console.error(line)),
    startRegistry(),
    issue({ ca: true }),
  ]);
});

after(async () => {
  http.close();
  await server?.stop();
  rmSync(home, { recursive: true, force: true });
});

/** Gives notation a key, with a certificate of ours for it. */
async function signingKey(name: string, key: KeyKind): Promise<void> {
  const signer = await issue({ key }, root);
  const folder = join(home, 'config/notation');
  mkdirSync(folder, { recursive: true });
  const keyPath = join(home, `${name}.key`);
  const certPath = join(home, `${name}.crt`);
  writeFileSync(keyPath, signer.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(certPath, signer.chain.map(der => certificateFile(der).bytes.toString()).join(''));
  writeFileSync(
    join(folder, 'signingkeys.json'),
    JSON.stringify({ default: name, keys: [{ name, keyPath, certPath }] }),
  );
}

async function artifact(repository: string): Promise<Descriptor> {
  const layer = { mediaType: 'application/vnd.cncf.flux.content.v1.tar+gzip', bytes: Buffer.from(repository) };
  return push(server.url, repository, '6.5.4', { layers: [layer] });
}

function verify(
  repository: string,
  descriptor: Descriptor,
  certificate: Buffer,
  options: StatementOptions = {},
  now?: number,
  times?: Buffer,
) {
  return verifyOciSignature({
    registry: openRegistry({ url: `oci://${server.host}/${repository}`, http, insecure: true }),
    descriptor,
    reference: `${server.host}/${repository}@${descriptor.digest}`,
    provider: 'notation',
    keys: [
      policy({ scopes: [`${server.host}/${repository}`], ...options }),
      certificateFile(certificate),
      ...(times ? [certificateFile(times, 'times.pem')] : []),
    ],
    keysFrom: 'apps/notation',
    http,
    clock: { now: () => now ?? Date.now() },
  });
}

const sign = (repository: string, { digest }: Descriptor, ...options: string[]) =>
  notation(home, 'sign', '--insecure-registry', ...options, `${server.host}/${repository}@${digest}`);

const kinds: [string, KeyKind][] = [
  ['ec256', 'P-256'],
  ['ec384', 'P-384'],
  ['ec521', 'P-521'],
  ['rsa2048', 'RSA 2048'],
  ['rsa3072', 'RSA 3072'],
];
for (const [name, key] of kinds)
  for (const format of ['jws', 'cose'])
    test(`what notation signs is verified: ${key}, ${format}`, async () => {
      const repository = `signed/${name}-${format}`;
      await signingKey(name, key);
      const descriptor = await artifact(repository);
      await assert.rejects(verify(repository, descriptor, root.chain[0]!), /no signature is associated with/);
      await sign(repository, descriptor, '--signature-format', format, '--expiry', '1h');
      const identities = ['x509.subject: C=US, ST=WA, O=example, CN=signer'];
      const { result, message } = await verify(repository, descriptor, root.chain[0]!, { identities });
      assert.equal(result, 'verified');
      assert.match(message, /^signed by certificate 'CN=signer, O=example, ST=WA, C=US'/);
      const stranger = await issue({ ca: true });
      await assert.rejects(
        verify(repository, descriptor, stranger.chain[0]!),
        /no certificate of its chain is in the secret$/,
      );
      const later = Date.now() + 3_700_000;
      await assert.rejects(verify(repository, descriptor, root.chain[0]!, {}, later), /it expired at /);
    });

test('what notation signs and has stamped is verified with the stamp', async () => {
  const authorities = await startAuthorities();
  try {
    await signingKey('stamped', 'P-256');
    const tsaRoot = await issue({ ca: true, name: 'CN=times, O=example, ST=WA, C=US' });
    authorities.tsa = await issue({ key: 'RSA 2048', name: 'CN=tsa', extended: ['1.3.6.1.5.5.7.3.8'] }, tsaRoot);
    const rootFile = join(home, 'times.crt');
    writeFileSync(rootFile, certificateFile(tsaRoot.chain[0]!).bytes);
    const descriptor = await artifact('signed/stamped');
    const options = ['--timestamp-url', `${authorities.url}/tsa`, '--timestamp-root-cert', rootFile];
    await sign('signed/stamped', descriptor, ...options);
    assert.deepEqual(authorities.asked, ['/tsa']);
    const stores = ['ca:apps', 'tsa:times'];
    const trusting = (certificate: Buffer) =>
      verify('signed/stamped', descriptor, root.chain[0]!, { stores }, undefined, certificate);
    assert.equal((await trusting(tsaRoot.chain[0]!)).result, 'verified');
    const stranger = await issue({ ca: true });
    await assert.rejects(trusting(stranger.chain[0]!), /which signed its timestamp, does not lead to a certificate/);
  } finally {
    await authorities.close();
  }
});

test('what notation signs with its own test certificate is verified', async () => {
  rmSync(join(home, 'config'), { recursive: true, force: true });
  await notation(home, 'cert', 'generate-test', '--default', 'example.com');
  const descriptor = await artifact('signed/own');
  await sign('signed/own', descriptor);
  const bytes = readFileSync(join(home, 'config/notation/localkeys/example.com.crt'));
  const keys = [policy(), { name: 'example.com.crt', bytes }];
  const registry = openRegistry({ url: `${server.host}/signed/own`, http, insecure: true });
  const { result } = await verifyOciSignature({
    registry,
    descriptor,
    reference: `${server.host}/signed/own`,
    provider: 'notation',
    keys,
    http,
    clock: { now: () => Date.now() },
  });
  assert.equal(result, 'verified');
});
