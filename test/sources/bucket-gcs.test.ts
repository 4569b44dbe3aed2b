/** Buckets of provider gcp on fake-gcs-server; the token service is a loopback server of ours, since Google's is Google's. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { importSPKI, jwtVerify } from 'jose';
import { bucketController } from '../../shared/controllers/source/bucket/bucket.ts';
import { revisionOf } from '../../shared/controllers/source/bucket/etag-index.ts';
import {
  conditionText,
  type SourceWorld,
  startSourceWorld,
} from '../../shared/controllers/source/testing/source-world.ts';
import { type FakeGcs, startFakeGcs } from '../programs/fake-gcs-server.ts';

let dir: string;
let world: SourceWorld;
let gcs: FakeGcs;
let tokens: Server;
/** Claims of the assertions that were exchanged. */
const exchanged: Record<string, unknown>[] = [];
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-gcs-'));
  world = await startSourceWorld('Bucket', [bucketController]);
  gcs = await startFakeGcs(dir);
  const spki = await importSPKI(publicKey.export({ type: 'spki', format: 'pem' }).toString(), 'RS256');
  tokens = createServer(async (request, answer) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { payload } = await jwtVerify(new URLSearchParams(body).get('assertion')!, spki);
    exchanged.push(payload);
    answer.end(JSON.stringify({ access_token: 'token', expires_in: 3600 }));
  }).listen(0, '127.0.0.1');
  await once(tokens, 'listening');
  await world.secret('key', {
    serviceaccount: JSON.stringify({
      type: 'service_account',
      client_email: 'reader@project.iam.gserviceaccount.com',
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      token_uri: `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token`,
    }),
  });
  await gcs.createBucket('podinfo');
});
after(async () => {
  await world?.close();
  tokens?.close();
  await gcs?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const spec = (more: Record<string, unknown> = {}) => ({
  provider: 'gcp',
  bucketName: 'podinfo',
  endpoint: gcs.endpoint,
  insecure: true,
  secretRef: { name: 'key' },
  ...more,
});

test('signs in by the key of a service account, lists, fetches, and follows changes', async () => {
  const files = { 'apps/a.yaml': 'a: 1\n', 'apps/b c+d%.yaml': 'odd\n', 'ünïcödé/😀.yaml': 'u\n' };
  for (const [name, contents] of Object.entries(files)) await gcs.put('podinfo', name, contents);
  const bucket = await world.reconcile('gcs', spec());
  assert.match(conditionText(bucket, 'Ready')!, /^True Succeeded/);
  assert.deepEqual(Object.entries(await world.files(bucket)).sort(), Object.entries(files).sort());
  const listed = (await (await fetch(`http://${gcs.endpoint}/storage/v1/b/podinfo/o`)).json()) as {
    items: { name: string; etag: string }[];
  };
  const objects = listed.items.map(({ name, etag }) => ({ key: name, etag }));
  assert.equal(bucket.status.artifact.revision, revisionOf(objects), 'keys and etags as the server lists them');

  await gcs.put('podinfo', 'apps/a.yaml', 'a: 2\n');
  const second = await world.again('gcs');
  assert.equal((await world.files(second))['apps/a.yaml'], 'a: 2\n');
  assert.equal(exchanged.length, 1, 'the token is used again');
  assert.equal(exchanged[0]?.iss, 'reader@project.iam.gserviceaccount.com');
});

test('pages through more objects than one answer holds, below the prefix', async () => {
  await gcs.createBucket('many');
  const names = Array.from({ length: 1100 }, (_, n) => `f/${n}.yaml`);
  for (const name of names) await gcs.put('many', name, name);
  await gcs.put('many', 'other.yaml', 'o');
  const bucket = await world.reconcile('many', spec({ bucketName: 'many', prefix: 'f/' }));
  assert.deepEqual(Object.keys(await world.files(bucket)).sort(), names.sort());
});

test('a bucket that is not there is told', async () => {
  const bucket = await world.reconcile('absent', spec({ bucketName: 'absent' }));
  assert.equal(conditionText(bucket, 'Ready'), "False BucketOperationFailed: bucket 'absent' not found");
});

test('the identity of the installation is not shown to a server that is not of Google', async () => {
  const bucket = await world.reconcile('stranger', spec({ secretRef: undefined }));
  assert.match(
    conditionText(bucket, 'Ready')!,
    /^False AuthenticationFailed: an identity of Google is shown to Google alone/,
  );
});
