/** Buckets of provider azure on Azurite, Microsoft's emulator; Entra ID is a loopback server of ours. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { KeyObject, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  BlobServiceClient,
  type ContainerClient,
  ContainerSASPermissions,
  generateAccountSASQueryParameters,
  generateBlobSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { X509CertificateGenerator } from '@peculiar/x509';
import { jwtVerify } from 'jose';
import { bucketController } from '../../shared/controllers/source/bucket/bucket.ts';
import { revisionOf } from '../../shared/controllers/source/bucket/etag-index.ts';
import {
  conditionText,
  type SourceWorld,
  startSourceWorld,
} from '../../shared/controllers/source/testing/source-world.ts';
import { type Azurite, startAzurite } from '../programs/azurite.ts';
import { selfSigned } from '../scenario/certificate.ts';

const tenant = '11111111-2222-3333-4444-555555555555';
const client = '66666666-7777-8888-9999-aaaaaaaaaaaa';

let dir: string;
let world: SourceWorld;
let azurite: Azurite;
let secure: Azurite;
let entra: Server;
let container: ContainerClient;
let credential: StorageSharedKeyCredential;
/** The certificate that the application signs in with. */
let application: { key: string; cert: string };
/** What Entra ID was asked for. */
const asked: URLSearchParams[] = [];

const files = {
  'apps/a.yaml': 'a: 1\n',
  "apps/it's (1)*!~ +&=@:,$;.yaml": 'odd\n',
  'ünïcödé/😀.yaml': 'u\n',
  'with space%41.yaml': 's\n',
  'empty.yaml': '',
};

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-azure-'));
  world = await startSourceWorld('Bucket', [bucketController]);
  const server = await selfSigned();
  application = await rsaCertificate();
  // A Bucket of azure has no field for an authority, so this process has to know it.
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), server.cert]);
  const secureDir = mkdtempSync(join(dir, 'secure-'));
  [azurite, secure] = await Promise.all([startAzurite(dir), startAzurite(secureDir, server)]);
  entra = createServer(async (request, answer) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const form = new URLSearchParams(body);
    asked.push(form);
    const known =
      request.url === `/${tenant}/oauth2/v2.0/token` &&
      (form.get('client_secret') === 'hush' || (await signedBy(form)));
    answer.writeHead(known ? 200 : 401);
    answer.end(JSON.stringify(known ? { access_token: tokenOf(), expires_in: 3600 } : { error: 'invalid_client' }));
  }).listen(0, '127.0.0.1');
  await once(entra, 'listening');
  for (const { url, account, key } of [azurite, secure]) {
    credential = new StorageSharedKeyCredential(account, key);
    container = new BlobServiceClient(url, credential).getContainerClient('podinfo');
    await container.create();
    for (const [name, contents] of Object.entries(files)) await put(name, contents);
  }
  credential = new StorageSharedKeyCredential(azurite.account, azurite.key);
  container = new BlobServiceClient(azurite.url, credential).getContainerClient('podinfo');
  await world.secret('key', { accountKey: azurite.key });
});
after(async () => {
  await world?.close();
  entra?.close();
  await Promise.all([azurite?.stop(), secure?.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

async function put(name: string, contents: string): Promise<void> {
  await container.getBlockBlobClient(name).upload(contents, Buffer.byteLength(contents));
}

/** What Azurite believes: it checks the claims, and no signature. */
function tokenOf(): string {
  const seconds = Math.floor(Date.now() / 1000);
  const claims = {
    aud: 'https://storage.azure.com',
    iss: 'https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/',
    iat: seconds,
    nbf: seconds - 60,
    exp: seconds + 3600,
  };
  return [{ alg: 'none', typ: 'JWT' }, claims, {}]
    .map(part => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
}

/** Entra ID takes RSA keys only. */
async function rsaCertificate(): Promise<{ key: string; cert: string }> {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    publicExponent: new Uint8Array([1, 0, 1]),
    modulusLength: 2048,
  };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const cert = await X509CertificateGenerator.createSelfSigned({ name: 'CN=app', keys, signingAlgorithm: algorithm });
  return {
    key: KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: cert.toString('pem'),
  };
}

async function signedBy(form: URLSearchParams): Promise<boolean> {
  try {
    const { protectedHeader } = await jwtVerify(
      form.get('client_assertion') ?? '',
      new X509Certificate(application.cert).publicKey,
    );
    return protectedHeader.x5c?.length === 1;
  } catch {
    return false;
  }
}

const authority = () => `http://127.0.0.1:${(entra.address() as AddressInfo).port}`;
const spec = (more: Record<string, unknown> = {}) => ({
  provider: 'azure',
  bucketName: 'podinfo',
  endpoint: azurite.url,
  secretRef: { name: 'key' },
  ...more,
});
const entries = async (bucket: Parameters<SourceWorld['files']>[0]) => Object.entries(await world.files(bucket)).sort();

test('a shared key signs lists and fetches, whatever characters the names have', async () => {
  const bucket = await world.reconcile('shared-key', spec());
  assert.match(conditionText(bucket, 'Ready')!, /^True Succeeded/);
  assert.deepEqual(await entries(bucket), Object.entries(files).sort());
  // Flux writes what the headers have, quotes and all.
  const objects = [];
  for (const key of Object.keys(files)) {
    const { etag } = await container.getBlobClient(key).getProperties();
    objects.push({ key, etag: etag! });
  }
  assert.equal(bucket.status.artifact.revision, revisionOf(objects));
});

test('follows changes: what did not change is not fetched, nor is its revision another', async () => {
  await put('apps/b.yaml', 'b: 1\n');
  const first = await world.reconcile('changes', spec());
  const same = await world.again('changes');
  assert.deepEqual(same.status.artifact, first.status.artifact);
  await put('apps/b.yaml', 'b: 2\n');
  const second = await world.again('changes');
  assert.equal((await world.files(second))['apps/b.yaml'], 'b: 2\n');
  const told = world.log
    .map(line => JSON.parse(line))
    .filter(({ message }) => message === 'fetched objects of a bucket');
  assert.deepEqual([told.at(-1).objects, told.at(-1).fetched], [6, 1]);
  await container.deleteBlob('apps/b.yaml');
});

const expiresOn = new Date(Date.now() + 3_600_000);

test('the signature of an account opens it, with and without its question mark, beside what the endpoint has', async () => {
  const sas = generateAccountSASQueryParameters(
    {
      expiresOn,
      protocol: SASProtocol.HttpsAndHttp,
      services: AccountSASServices.parse('b').toString(),
      resourceTypes: AccountSASResourceTypes.parse('co').toString(),
      permissions: AccountSASPermissions.parse('rl'),
    },
    credential,
  ).toString();
  await world.secret('sas', { sasKey: `?${sas}` });
  const bucket = await world.reconcile('sas', spec({ secretRef: { name: 'sas' } }));
  assert.deepEqual(await entries(bucket), Object.entries(files).sort());
  // The Secret's values come before the endpoint's.
  const endpoint = `${azurite.url}?sig=wrong&x=y`;
  const merged = await world.reconcile('merged', spec({ secretRef: { name: 'sas' }, endpoint }));
  assert.match(conditionText(merged, 'Ready')!, /^True Succeeded/);
});

test('the signature of a container opens that, and one of another is told without its text', async () => {
  const sasFor = (containerName: string) =>
    generateBlobSASQueryParameters(
      { containerName, permissions: ContainerSASPermissions.parse('rl'), expiresOn },
      credential,
    ).toString();
  await world.secret('container', { sasKey: sasFor('podinfo') });
  const bucket = await world.reconcile('container', spec({ secretRef: { name: 'container' } }));
  assert.deepEqual(await entries(bucket), Object.entries(files).sort());
  await world.secret('other', { sasKey: sasFor('other') });
  const refused = await world.reconcile('other', spec({ secretRef: { name: 'other' } }));
  assert.match(
    conditionText(refused, 'Ready')!,
    /^False BucketOperationFailed: failed to confirm existence of 'podinfo' bucket: the specified bucket name may be incorrect, nonexistent, or the caller might lack sufficient permissions to access it/,
  );
  assert.doesNotMatch(JSON.stringify(refused.status), /sig=/);
});

test('a wrong key, a key for an endpoint without an account, and a container that is not there are told', async () => {
  await world.secret('wrong', { accountKey: Buffer.from('wrong').toString('base64') });
  const wrong = await world.reconcile('wrong', spec({ secretRef: { name: 'wrong' } }));
  assert.match(
    conditionText(wrong, 'Ready')!,
    /^False BucketOperationFailed: .*AuthorizationFailure|AuthenticationFailed/,
  );
  const absent = await world.reconcile('absent', spec({ bucketName: 'absent' }));
  assert.equal(conditionText(absent, 'Ready'), "False BucketOperationFailed: bucket 'absent' not found");
  const bare = await world.reconcile('bare', spec({ endpoint: 'https://example.com' }));
  assert.match(
    conditionText(bare, 'Ready')!,
    /^False AuthenticationFailed: failed to extract account name from endpoint/,
  );
});

test('a container that is public needs nobody', async () => {
  const open = new BlobServiceClient(azurite.url, credential).getContainerClient('public');
  await open.create({ access: 'container' });
  await open.getBlockBlobClient('a.yaml').upload('a', 1);
  const bucket = await world.reconcile('public', spec({ bucketName: 'public', secretRef: undefined }));
  assert.deepEqual(await world.files(bucket), { 'a.yaml': 'a' });
  const closed = await world.reconcile('closed', spec({ secretRef: undefined }));
  assert.match(conditionText(closed, 'Ready')!, /^False BucketOperationFailed: /);
});

test('an application signs in by its secret, or by its certificate, at the authority that the Secret names', async () => {
  const endpoint = secure.url;
  const secrets = {
    secret: { clientSecret: 'hush' },
    certificate: { clientCertificate: `${application.cert}\n${application.key}`, clientCertificateSendChain: '1' },
  };
  for (const [name, proof] of Object.entries(secrets)) {
    await world.secret(`app-${name}`, { tenantId: tenant, clientId: client, authorityHost: authority(), ...proof });
    const bucket = await world.reconcile(
      `app-${name}`,
      spec({ endpoint, insecure: true, secretRef: { name: `app-${name}` } }),
    );
    assert.match(conditionText(bucket, 'Ready')!, /^True Succeeded/, name);
    assert.deepEqual(await entries(bucket), Object.entries(files).sort());
    const form = asked.at(-1)!;
    assert.equal(form.get('scope'), 'https://storage.azure.com/.default');
    assert.equal(form.get('client_id'), client);
  }
  const before = asked.length;
  await world.again('app-secret');
  assert.equal(asked.length, before, 'a token is used again');
  await world.secret('app-wrong', {
    tenantId: tenant,
    clientId: client,
    authorityHost: authority(),
    clientSecret: 'guess',
  });
  const wrong = await world.reconcile(
    'app-wrong',
    spec({ endpoint, insecure: true, secretRef: { name: 'app-wrong' } }),
  );
  assert.match(conditionText(wrong, 'Ready')!, /^False AuthenticationFailed: .*invalid_client/);
});

test('tokens are not sent by plain http, nor those of the installation to strangers', async () => {
  await world.secret('app-plain', {
    tenantId: tenant,
    clientId: client,
    authorityHost: authority(),
    clientSecret: 'hush',
  });
  const plain = await world.reconcile('app-plain', spec({ insecure: true, secretRef: { name: 'app-plain' } }));
  assert.match(conditionText(plain, 'Ready')!, /^False AuthenticationFailed: a token is not sent over plain http/);
  const account = spec({ secretRef: undefined, serviceAccountName: 'reader', endpoint: secure.url });
  const stranger = await world.reconcile('stranger', account);
  assert.match(
    conditionText(stranger, 'Ready')!,
    /^False AuthenticationFailed: an identity of Azure is shown to Azure alone/,
  );
  const authorityByHttp = await world.reconcile(
    'authority',
    spec({ endpoint: secure.url, secretRef: { name: 'app-plain' } }),
  );
  assert.match(
    conditionText(authorityByHttp, 'Ready')!,
    /^False AuthenticationFailed: .*'authorityHost' is no address of https/,
  );
});
