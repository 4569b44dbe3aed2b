/**
 * Buckets at the clouds' own hosts, opened by the identity of the installation or of a ServiceAccount. A proxy leads those
 * names to this machine: the storages behind them are moto, Azurite and fake-gcs-server, the token services are ours.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { bucketController } from '../../shared/controllers/source/bucket/bucket.ts';
import {
  conditionText,
  type SourceWorld,
  startSourceWorld,
} from '../../shared/controllers/source/testing/source-world.ts';
import { credentials, region, startMoto } from '../aws/servers.ts';
import { startAzurite } from '../programs/azurite.ts';
import { startFakeGcs } from '../programs/fake-gcs-server.ts';
import { selfSigned } from '../scenario/certificate.ts';
import { type CloudServices, type Service, startCloudServices } from './cloud-services.ts';

const tenant = '11111111-2222-3333-4444-555555555555';
const client = '66666666-7777-8888-9999-aaaaaaaaaaaa';
const provider = 'projects/123456789012/locations/global/workloadIdentityPools/pool/providers/cluster';

let dir: string;
let world: SourceWorld;
let clouds: CloudServices;
const ends: (() => unknown)[] = [];

/** Answers as the storage does that has `base` before every path. */
function passedOn(base: string): Service {
  return async ({ path, headers }) => {
    const { authorization = '' } = headers;
    const passed = Object.entries(headers).filter(([name]) => name.startsWith('x-ms-'));
    const answer = await fetch(`${base}${path}`, {
      headers: { ...Object.fromEntries(passed), authorization } as Record<string, string>,
    });
    const names = ['etag', 'content-type', 'x-ms-error-code'];
    const shown = names.flatMap(name => (answer.headers.has(name) ? [[name, answer.headers.get(name)!]] : []));
    return { status: answer.status, headers: Object.fromEntries(shown), body: await answer.text() };
  };
}

/** What Azurite believes: it checks the claims, and no signature. */
function azureToken(subject: string): string {
  const seconds = Math.floor(Date.now() / 1000);
  const iss = 'https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/';
  const claims = {
    aud: 'https://storage.azure.com',
    iss,
    sub: subject,
    iat: seconds,
    nbf: seconds - 60,
    exp: seconds + 3600,
  };
  const parts = [{ alg: 'none', typ: 'JWT' }, claims, {}];
  return parts.map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
}

const entra: Service = ({ form }) => {
  assert.equal(form.get('scope'), 'https://storage.azure.com/.default');
  return {
    body: { access_token: azureToken(form.get('client_assertion') ? 'account' : 'installation'), expires_in: 3600 },
  };
};

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-identity-'));
  const certificate = await selfSigned();
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), certificate.cert]);
  const [moto, azurite, gcs] = await Promise.all([startMoto(dir), startAzurite(dir, certificate), startFakeGcs(dir)]);
  ends.push(moto.stop, azurite.stop, gcs.stop);
  await fill(`http://127.0.0.1:${moto.port}`, azurite, gcs);
  // A virtual machine's managed identity, as App Service gives it out.
  const managed = createServer((request, answer) => {
    const known = request.headers['x-identity-header'] === 'hush';
    const named = new URL(request.url ?? '', 'http://x').searchParams.get('client_id');
    answer.writeHead(known && named === client ? 200 : 400);
    answer.end(JSON.stringify({ access_token: azureToken('managed'), expires_in: 3600 }));
  }).listen(0, '127.0.0.1');
  ends.push(() => managed.close());
  clouds = await startCloudServices({
    [`podinfo.s3.${region}.amazonaws.com`]: passedOn(`http://127.0.0.1:${moto.port}/podinfo`),
    // The bucket is elsewhere, and says where.
    'podinfo.s3.amazonaws.com': () => ({ status: 400, headers: { 'x-amz-bucket-region': region }, body: '' }),
    'sluicetests.blob.core.windows.net': passedOn(azurite.url),
    'login.microsoftonline.com': entra,
    'storage.googleapis.com': passedOn(`http://${gcs.endpoint}`),
    'sts.googleapis.com': () => ({ body: { access_token: 'federated', expires_in: 3600, token_type: 'Bearer' } }),
  });
  ends.push(clouds.close);
  world = await startSourceWorld('Bucket', [bucketController], {
    cloud: {
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AZURE_TENANT_ID: tenant,
      AZURE_CLIENT_ID: client,
      AZURE_CLIENT_SECRET: 'hush',
      IDENTITY_ENDPOINT: `http://127.0.0.1:${(managed.address() as AddressInfo).port}/token`,
      IDENTITY_HEADER: 'hush',
    },
  });
  ends.push(world.close);
  await world.secret('proxy', { address: clouds.proxy });
  await world.apply({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: {
      name: 'reader',
      namespace: 'default',
      annotations: {
        'azure.workload.identity/tenant-id': tenant,
        'azure.workload.identity/client-id': client,
        'gcp.auth.fluxcd.io/workload-identity-provider': provider,
      },
    },
  });
});
after(async () => {
  for (const end of ends.reverse()) await end();
  rmSync(dir, { recursive: true, force: true });
});

async function fill(
  moto: string,
  azurite: Awaited<ReturnType<typeof startAzurite>>,
  gcs: Awaited<ReturnType<typeof startFakeGcs>>,
): Promise<void> {
  const s3 = new S3Client({ endpoint: moto, region, credentials, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: 'podinfo' }));
  await s3.send(new PutObjectCommand({ Bucket: 'podinfo', Key: 'a.yaml', Body: 'aws' }));
  const container = new BlobServiceClient(
    azurite.url,
    new StorageSharedKeyCredential(azurite.account, azurite.key),
  ).getContainerClient('podinfo');
  await container.create();
  await container.getBlockBlobClient('a.yaml').upload('azure', 5);
  await gcs.createBucket('podinfo');
  await gcs.put('podinfo', 'a.yaml', 'gcp');
}

const spec = (more: Record<string, unknown>) => ({ bucketName: 'podinfo', proxySecretRef: { name: 'proxy' }, ...more });
const azure = { provider: 'azure', endpoint: 'https://sluicetests.blob.core.windows.net' };
const google = { provider: 'gcp', endpoint: 'storage.googleapis.com' };

/** Reconciles; the artifact has to hold this. Gives the Authorization of what was asked of that host. */
async function opens(name: string, more: Record<string, unknown>, contents: string, host: string): Promise<string[]> {
  clouds.requests.length = 0;
  const bucket = await world.reconcile(name, spec(more));
  assert.match(conditionText(bucket, 'Ready')!, /^True Succeeded/);
  assert.deepEqual(await world.files(bucket), { 'a.yaml': contents });
  const asked = clouds.requests.filter(request => request.host === host);
  assert.ok(asked.length > 0, `${host} was asked`);
  return asked.map(({ headers }) => headers.authorization ?? '');
}

/** Who a token of Azure was given to. */
const subjectOf = (authorization: string) =>
  JSON.parse(Buffer.from(authorization.split('.')[1]!, 'base64url').toString()).sub;

test('aws: the bucket is part of the host, and its region is found where the spec names none', async () => {
  const host = `podinfo.s3.${region}.amazonaws.com`;
  const named = await opens('aws-named', { provider: 'aws', endpoint: 's3.amazonaws.com', region }, 'aws', host);
  for (const authorization of named)
    assert.match(authorization, new RegExp(`Credential=${credentials.accessKeyId}/\\d{8}/${region}/s3/`));
  await opens('aws-found', { provider: 'aws', endpoint: 's3.amazonaws.com' }, 'aws', host);
  assert.equal(clouds.requests[0]?.host, 'podinfo.s3.amazonaws.com');
});

test('azure: the identity of the installation opens a container', async () => {
  const shown = await opens('azure-own', azure, 'azure', 'sluicetests.blob.core.windows.net');
  assert.deepEqual([...new Set(shown.map(subjectOf))], ['installation']);
});

test('azure: a ServiceAccount opens a container as the identity that it stands for', async () => {
  const shown = await opens(
    'azure-account',
    { ...azure, serviceAccountName: 'reader' },
    'azure',
    'sluicetests.blob.core.windows.net',
  );
  assert.deepEqual([...new Set(shown.map(subjectOf))], ['account']);
});

test('azure: a Secret with clientId alone names a managed identity', async () => {
  await world.secret('managed', { clientId: client });
  const shown = await opens(
    'azure-managed',
    { ...azure, secretRef: { name: 'managed' } },
    'azure',
    'sluicetests.blob.core.windows.net',
  );
  assert.deepEqual([...new Set(shown.map(subjectOf))], ['managed']);
});

test('gcp: a ServiceAccount opens a bucket by the token that it gets for its own', async () => {
  const shown = await opens(
    'gcp-account',
    { ...google, serviceAccountName: 'reader' },
    'gcp',
    'storage.googleapis.com',
  );
  assert.deepEqual([...new Set(shown)], ['Bearer federated']);
  const endpoint = 'https://storage.googleapis.com';
  await opens('gcp-url', { ...google, endpoint, serviceAccountName: 'reader' }, 'gcp', 'storage.googleapis.com');
});
