/** Buckets on S3 servers that others wrote: versitygw, which checks every signature, and moto. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { bucketController } from '../../shared/controllers/source/bucket/bucket.ts';
import { revisionOf } from '../../shared/controllers/source/bucket/etag-index.ts';
import {
  conditionText,
  type SourceWorld,
  startSourceWorld,
} from '../../shared/controllers/source/testing/source-world.ts';
import { credentials, region, startMoto, startVersitygw } from '../aws/servers.ts';
import type { ServerProcess } from '../programs/server-process.ts';

let dir: string;
let world: SourceWorld;
const servers: Record<string, ServerProcess> = {};

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-s3-'));
  const environment = {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_REGION: region,
  };
  [servers.versitygw, servers.moto] = await Promise.all([startVersitygw(dir), startMoto(dir)]);
  const sts = `http://127.0.0.1:${servers.moto.port}`;
  world = await startSourceWorld('Bucket', [bucketController], {
    cloud: { ...environment, AWS_ENDPOINT_URL_STS: sts },
  });
  await world.secret('keys', { accesskey: credentials.accessKeyId, secretkey: credentials.secretAccessKey });
  await world.secret('wrong', { accesskey: credentials.accessKeyId, secretkey: 'not the key' });
});
after(async () => {
  await world?.close();
  await Promise.all(Object.values(servers).map(server => server.stop()));
  rmSync(dir, { recursive: true, force: true });
});

const client = (name: string) =>
  new S3Client({ endpoint: `http://127.0.0.1:${servers[name]!.port}`, region, credentials, forcePathStyle: true });
const spec = (name: string, more: Record<string, unknown> = {}) => ({
  bucketName: 'podinfo',
  endpoint: `127.0.0.1:${servers[name]!.port}`,
  insecure: true,
  region,
  secretRef: { name: 'keys' },
  ...more,
});

const files = {
  'apps/a.yaml': 'a: 1\n',
  "apps/it's (1)*!~ +&=@:,$;.yaml": 'odd\n',
  'ünïcödé/😀.yaml': 'u\n',
  'with space.yaml': 's\n',
  'empty.yaml': '',
};

for (const name of ['versitygw', 'moto'])
  describe(name, () => {
    before(async () => {
      await client(name).send(new CreateBucketCommand({ Bucket: 'podinfo' }));
      for (const [Key, Body] of Object.entries(files))
        await client(name).send(new PutObjectCommand({ Bucket: 'podinfo', Key, Body }));
    });

    test('lists, signs and fetches, whatever characters the keys have', async () => {
      const bucket = await world.reconcile(`${name}-all`, spec(name));
      assert.match(conditionText(bucket, 'Ready')!, /^True Succeeded/);
      assert.deepEqual(Object.entries(await world.files(bucket)).sort(), Object.entries(files).sort());
      const { Contents = [] } = await client(name).send(new ListObjectsV2Command({ Bucket: 'podinfo' }));
      const listed = Contents.map(({ Key, ETag }) => ({ key: Key!, etag: ETag!.replaceAll('"', '') }));
      assert.equal(bucket.status.artifact.revision, revisionOf(listed), 'as another client sees keys and etags');
    });

    test('follows changes, and the parts of an upload', async () => {
      const s3 = client(name);
      const at = { Bucket: 'podinfo', Key: 'parts.txt' };
      const { UploadId } = await s3.send(new CreateMultipartUploadCommand(at));
      const parts = [Buffer.alloc(5 * 2 ** 20, 'x'), Buffer.from('end')];
      const sent = [];
      for (const [index, Body] of parts.entries()) {
        const PartNumber = index + 1;
        const { ETag } = await s3.send(new UploadPartCommand({ ...at, UploadId, PartNumber, Body }));
        sent.push({ PartNumber, ETag });
      }
      const upload = { ...at, UploadId, MultipartUpload: { Parts: sent } };
      await s3.send(new CompleteMultipartUploadCommand(upload));
      const first = await world.reconcile(`${name}-parts`, spec(name));
      const text = (await world.files(first))['parts.txt']!;
      assert.equal(text.length, 5 * 2 ** 20 + 3);
      await s3.send(new DeleteObjectCommand(at));
      const second = await world.again(`${name}-parts`);
      assert.equal((await world.files(second))['parts.txt'], undefined);
      assert.notEqual(second.status.artifact.revision, first.status.artifact.revision);
    });

    test('takes the prefix as the server has it', async () => {
      const bucket = await world.reconcile(`${name}-prefix`, spec(name, { prefix: 'apps/a' }));
      assert.deepEqual(await world.files(bucket), { 'apps/a.yaml': 'a: 1\n' });
    });

    test('says that a bucket is not there', async () => {
      const bucket = await world.reconcile(`${name}-absent`, spec(name, { bucketName: 'absent' }));
      assert.equal(conditionText(bucket, 'Ready'), "False BucketOperationFailed: bucket 'absent' not found");
    });

    test('pages through more objects than one answer holds', async () => {
      const s3 = client(name);
      await s3.send(new CreateBucketCommand({ Bucket: 'many' }));
      const keys = Array.from({ length: 1500 }, (_, n) => `f/${n}.yaml`);
      for (let from = 0; from < keys.length; from += 50)
        await Promise.all(
          keys.slice(from, from + 50).map(Key => s3.send(new PutObjectCommand({ Bucket: 'many', Key, Body: Key }))),
        );
      const bucket = await world.reconcile(`${name}-many`, spec(name, { bucketName: 'many' }));
      assert.deepEqual(Object.values(await world.files(bucket)).sort(), keys.sort());
      assert.match(world.events(`${name}-many`)[0]!.text, /with 1500 fetched files from 'many' bucket$/);
    });
  });

describe('versitygw checks who asks', () => {
  test('a wrong key is told as the server says it', async () => {
    const bucket = await world.reconcile('wrong', spec('versitygw', { secretRef: { name: 'wrong' } }));
    assert.match(
      conditionText(bucket, 'Ready')!,
      /^False BucketOperationFailed: failed to confirm existence of 'podinfo' bucket: http:\/\/127\.0\.0\.1:\d+\/podinfo\/ answers SignatureDoesNotMatch/,
    );
    assert.doesNotMatch(JSON.stringify(bucket.status), /not the key|AKIA/);
  });

  test('nobody is refused, and said to be', async () => {
    const bucket = await world.reconcile('anonymous', spec('versitygw', { secretRef: undefined }));
    assert.match(conditionText(bucket, 'FetchFailed')!, /^True BucketOperationFailed: .*AccessDenied/);
  });

  test('provider aws without a Secret signs as the installation', async () => {
    const bucket = await world.reconcile('installation', spec('versitygw', { provider: 'aws', secretRef: undefined }));
    assert.match(conditionText(bucket, 'Ready')!, /^True Succeeded/);
  });

  test('a server that knows one region only names it when spec.region is missing', async () => {
    const bucket = await world.reconcile('no-region', spec('versitygw', { region: undefined }));
    assert.match(conditionText(bucket, 'Ready')!, /^True Succeeded/);
  });
});

describe('a ServiceAccount of the cluster', () => {
  const account = (name: string, annotations: Record<string, string>) =>
    world.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: 'default', annotations } });
  const aws = (serviceAccountName: string, more: Record<string, unknown> = {}) =>
    spec('moto', { provider: 'aws', secretRef: undefined, serviceAccountName, ...more });

  test('signs in at STS by its role, and the keys it gets there sign', async () => {
    await account('reader', { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::123456789012:role/reader' });
    const bucket = await world.reconcile('account', aws('reader'));
    assert.match(conditionText(bucket, 'Ready')!, /^True Succeeded/);
    assert.deepEqual(Object.entries(await world.files(bucket)).sort(), Object.entries(files).sort());
  });

  test('without a role is told so, and an STS endpoint that is not of AWS is asked nothing', async () => {
    await account('nobody', {});
    const nobody = await world.reconcile('nobody', aws('nobody'));
    assert.match(conditionText(nobody, 'Ready')!, /^False AuthenticationFailed: .*eks\.amazonaws\.com\/role-arn/);
    const sts = { provider: 'aws', endpoint: 'https://sts.example.com' };
    const stranger = await world.reconcile('stranger', aws('reader', { sts }));
    assert.match(
      conditionText(stranger, 'Ready')!,
      /^False AuthenticationFailed: invalid STS endpoint: 'https:\/\/sts\.example\.com'/,
    );
  });
});
