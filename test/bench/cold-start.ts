/** Cold start of the bundles that are uploaded: loading one in a fresh process, and a first invocation under AWS's own programs. */
import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { bundleBytes } from '../../infra/bundles.ts';
import { type FunctionName, functions } from '../../shared/local/functions.ts';
import { scheduleEvent } from '../../shared/local/schedule-event.ts';
import { messageOf, type WorkItem } from '../../shared/reconcile/work-item.ts';
import { createBucket, createQueues } from '../aws/installation.ts';
import { installLambda, type LambdaPrograms } from '../aws/lambda-programs.ts';
import { LambdaWorker } from '../aws/lambda-worker.ts';
import { bundles } from '../aws/runtime-bundles.ts';
import { type AwsServers, credentials, region, startAwsServers } from '../aws/servers.ts';
import { createTable } from '../aws/table.ts';
import { type Figure, median } from './table.ts';

const run = promisify(execFile);
const rounds = 7;

/**
 * For each function: milliseconds to load its bundle in a fresh process, and to answer its first event in a fresh environment,
 * from the event to the answer (start of Node, loading, and work that asks each of the services it needs once); medians.
 */
export async function benchColdStart(): Promise<Figure[]> {
  const [folders, programs, servers] = await Promise.all([bundles(), installLambda(), startAwsServers()]);
  try {
    const env = await installation(servers);
    const figures: Figure[] = [];
    for (const name of Object.keys(functions) as FunctionName[]) {
      const folder = folders[name]!;
      const imports: number[] = [];
      const firsts: number[] = [];
      for (let i = 0; i < rounds; i++) {
        imports.push(await importMs(folder));
        firsts.push(await firstInvokeMs(name, folder, env, programs));
      }
      figures.push(
        { name: `${name}: bundle`, value: bundleBytes(folder) / 2 ** 20, unit: 'MiB' },
        { name: `${name}: import`, value: median(imports), unit: 'ms' },
        { name: `${name}: first invocation`, value: median(firsts), unit: 'ms' },
      );
    }
    return figures;
  } finally {
    await servers.close();
  }
}

async function installation(servers: AwsServers): Promise<Record<string, string>> {
  const name = `b${randomBytes(6).toString('hex')}`;
  const client = new DynamoDBClient({ endpoint: servers.dynamodb, region, credentials });
  const [queues] = await Promise.all([
    createQueues(servers, name, 30),
    createBucket(servers, `${name}-artifacts`),
    createTable(client, `${name}-index`),
  ]);
  client.destroy();
  return {
    ...servers.env,
    SLUICE_NAME: name,
    SLUICE_BUCKET: `${name}-artifacts`,
    SLUICE_TABLE: `${name}-index`,
    SLUICE_SOURCE_QUEUE_URL: queues.urls.source,
    SLUICE_KUSTOMIZE_QUEUE_URL: queues.urls.kustomize,
    SLUICE_NOTIFICATION_QUEUE_URL: queues.urls.notification,
    SLUICE_TIMER_QUEUE_URL: queues.urls.timer,
    SLUICE_ARTIFACTS_URL: 'http://127.0.0.1',
  };
}

async function importMs(folder: string): Promise<number> {
  const script = `globalThis.awslambda = { streamifyResponse: handler => handler };
const start = performance.now();
await import(${JSON.stringify(join(folder, 'index.mjs'))});
console.log(performance.now() - start);`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script]);
  return Number(stdout);
}

async function firstInvokeMs(
  name: FunctionName,
  folder: string,
  env: Record<string, string>,
  programs: LambdaPrograms,
): Promise<number> {
  const worker = await LambdaWorker.start({
    ...programs,
    name,
    folder,
    env,
    timeoutSeconds: 30,
    memoryMb: 1024,
    onLine: () => undefined,
    onInit: () => undefined,
  });
  try {
    const event = firstEvent[name]();
    const start = performance.now();
    await worker.invoke(event);
    return performance.now() - start;
  } finally {
    await worker.close();
  }
}

/** Events that take the whole way through a handler and its ports, but to no cluster: none is registered. */
const firstEvent: Record<FunctionName, () => unknown> = {
  webhook: () => request('POST', '/hook/none', '{}'),
  artifact: () => request('GET', `/artifacts/${'a'.repeat(43)}/${'0'.repeat(64)}.tar.gz`),
  source: () => message('source', reconcile('GitRepository')),
  kustomize: () => message('kustomize', reconcile('Kustomization')),
  notification: () => message('notification', reconcile('Receiver')),
  timer: () => message('timer', JSON.stringify(messageOf(item('GitRepository')))),
  schedule: () => scheduleEvent(new Date()),
  'dead-letter': () => message('source-dlq', reconcile('GitRepository')),
  'cloud-event': () => ({
    id: randomUUID(),
    source: 'aws.codecommit',
    'detail-type': 'CodeCommit Repository State Change',
    account: '000000000000',
    region,
    time: new Date().toISOString(),
    detail: { repositoryName: 'none' },
  }),
};

function item(kind: string): WorkItem {
  const key = { cluster: 'none', kind, namespace: 'a', name: 'b' };
  return { type: 'reconcile', ...key, reason: 'interval', trace: '0'.repeat(32), sentAt: Date.now() };
}

function reconcile(kind: string): string {
  return JSON.stringify(item(kind));
}

function message(queue: string, body: string): unknown {
  const attributes = { ApproximateReceiveCount: '1', MessageGroupId: 'none', SentTimestamp: String(Date.now()) };
  const record = { messageId: randomBytes(8).toString('hex'), receiptHandle: 'x', body, attributes };
  return {
    Records: [{ ...record, eventSource: 'aws:sqs', eventSourceARN: `arn:aws:sqs:${region}:000000000000:${queue}` }],
  };
}

function request(method: string, rawPath: string, body?: string): unknown {
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString: '',
    headers: { 'content-type': 'application/json' },
    requestContext: { http: { method, path: rawPath, sourceIp: '127.0.0.1' } },
    ...(body && { body }),
    isBase64Encoded: false,
  };
}
