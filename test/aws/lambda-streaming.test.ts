import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { artifactKey, artifactToken, artifactUrl } from '../../shared/artifact/layout.ts';
import { awsPorts } from '../../shared/aws/aws-ports.ts';
import { artifactSecret } from '../../shared/controllers/source/artifact-secret.ts';
import { startFaultProxy } from './fault-proxy.ts';
import { createBucket } from './installation.ts';
import { installLambda } from './lambda-programs.ts';
import { type StreamingLambda, startStreamingLambda } from './lambda-streaming.ts';
import { bundles } from './runtime-bundles.ts';
import { startAwsServers } from './servers.ts';

const [servers, programs, folders] = await Promise.all([startAwsServers(), installLambda(), bundles()]);
Object.assign(process.env, servers.env);
const name = `s${randomBytes(6).toString('hex')}`;
await createBucket(servers, name);
const nowhere = 'http://127.0.0.1:9/nowhere';
const queues = { source: nowhere, kustomize: nowhere, notification: nowhere, timer: nowhere };
const ports = awsPorts({ name, bucket: name, table: name, queues, artifactsUrl: '', pathStyle: true });

const bytes = randomBytes(50_000_000);
const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
await ports.store.put(artifactKey(digest), bytes);
const path = new URL(
  artifactUrl('http://x', artifactToken(await artifactSecret(ports.secrets), digest), digest, 'tar.gz'),
).pathname;
const event = { rawPath: path, headers: {}, requestContext: { http: { method: 'GET' } } };

const open: { close(): unknown }[] = [servers];
after(async () => {
  for (const one of open.reverse()) await one.close();
});

async function artifactFunction(env: Record<string, string> = {}): Promise<StreamingLambda> {
  const lambda = await startStreamingLambda({
    ric: programs.ric,
    folder: folders.artifact!,
    timeoutSeconds: 60,
    env: {
      ...servers.env,
      SLUICE_NAME: name,
      SLUICE_BUCKET: name,
      SLUICE_TABLE: name,
      ...Object.fromEntries(Object.keys(queues).map(queue => [`SLUICE_${queue.toUpperCase()}_QUEUE_URL`, nowhere])),
      ...env,
    },
  });
  open.push(lambda);
  return lambda;
}

test('an artifact of 50 MB streams through the artifact function as it is, in bounded memory', async () => {
  const lambda = await artifactFunction();
  const { head, body, error } = await read(lambda);
  assert.equal(head.statusCode, 200);
  assert.equal(head.headers['content-length'], String(bytes.length));
  assert.equal(error, undefined);
  assert.ok(body.equals(bytes));
  const peak = lambda.peakMemory();
  // Read again and again, it takes no more: what has been handed on is not kept.
  for (let n = 0; n < 3; n++) assert.equal((await read(lambda)).body.length, bytes.length);
  assert.ok(lambda.peakMemory() < peak + bytes.length, `${peak} bytes at first, then ${lambda.peakMemory()}`);
  assert.ok(lambda.peakMemory() < 256 * 2 ** 20, `${lambda.peakMemory()} bytes`);
});

test('a download from S3 that breaks off is told as an error, and is never taken for the whole', async () => {
  const s3 = await startFaultProxy(servers.s3);
  open.push(s3);
  s3.fault = () => ({ cutAfter: bytes.length / 2 });
  const { head, body, error } = await read(await artifactFunction({ AWS_ENDPOINT_URL_S3: s3.url }));
  assert.equal(head.headers['content-length'], String(bytes.length));
  assert.ok(body.length < bytes.length);
  assert.ok(error, 'the trailer says that it failed');
});

interface Answer {
  head: { statusCode: number; headers: Record<string, string> };
  body: Buffer;
  error: string | undefined;
}

async function read(lambda: StreamingLambda): Promise<Answer> {
  const { pieces, error } = await lambda.invoke(event);
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  const whole = Buffer.concat(all);
  const end = whole.indexOf(Buffer.alloc(8));
  return { head: JSON.parse(whole.subarray(0, end).toString()), body: whole.subarray(end + 8), error: error() };
}
