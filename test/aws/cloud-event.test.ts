import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DynamoIndex } from '../../shared/aws/dynamo-index.ts';
import { systemClock } from '../../shared/ports/clock.ts';
import { recordOf } from '../../shared/reconcile/record.ts';
import type { WorkItem } from '../../shared/reconcile/work-item.ts';
import { codeCommitPush, ecrAction } from '../fixtures/aws-events.ts';
import { until } from '../scenario/world.ts';
import { createQueues, type Queues } from './installation.ts';
import { type FunctionError, type FunctionLine, type Lambda, startLambda } from './lambda.ts';
import { installLambda } from './lambda-programs.ts';
import { freshTable } from './open-index.ts';
import { bundles } from './runtime-bundles.ts';
import { type AwsServers, startAwsServers } from './servers.ts';
import { SqsConsumer } from './sqs-consumer.ts';

let servers: AwsServers;
let queues: Queues;
let consumer: SqsConsumer;
let lambda: Lambda;
const lines: FunctionLine[] = [];
const dir = mkdtempSync(join(tmpdir(), 'sluice-cloud-event-'));

before(async () => {
  const [folders, programs, started] = await Promise.all([bundles(), installLambda(), startAwsServers()]);
  servers = started;
  Object.assign(process.env, servers.env);
  const table = await freshTable(servers.dynamodb);
  queues = await createQueues(servers, `event-${process.pid}`, 30);
  consumer = new SqsConsumer(queues, servers.sqs);
  const index = new DynamoIndex({ table, endpoint: servers.dynamodb, clock: systemClock });
  for (const cluster of ['east', 'west']) {
    const key = { cluster, kind: 'OCIRepository', namespace: 'apps', name: 'app' };
    const url = 'oci://123456789012.dkr.ecr.us-west-2.amazonaws.com/my-repository-name';
    const object = { apiVersion: 'x/v1', kind: key.kind, metadata: { name: 'app', namespace: 'apps' }, spec: { url } };
    await index.putObject(recordOf(key, object, 0));
  }
  lambda = startLambda({
    ...programs,
    name: 'cloud-event',
    folder: folders['cloud-event']!,
    env: {
      ...servers.env,
      TMPDIR: dir,
      SLUICE_NAME: 'event',
      SLUICE_BUCKET: 'none',
      SLUICE_TABLE: table,
      SLUICE_SOURCE_QUEUE_URL: queues.urls.source,
      SLUICE_KUSTOMIZE_QUEUE_URL: queues.urls.kustomize,
      SLUICE_NOTIFICATION_QUEUE_URL: queues.urls.notification,
      SLUICE_TIMER_QUEUE_URL: queues.urls.timer,
    },
    timeoutSeconds: 30,
    memoryMb: 256,
    concurrency: 1,
    onLine: line => void lines.push(line),
  });
});
after(async () => {
  await lambda?.close();
  consumer?.close();
  await servers?.close();
  rmSync(dir, { recursive: true, force: true });
});

test('the bundle finds whom a push to ECR concerns, and sends each of them one message, however often it is told', async () => {
  await lambda.invoke(ecrAction());
  await lambda.invoke(ecrAction());
  const found: WorkItem[] = [];
  for (;;) {
    const messages = await consumer.receive('source', { max: 10, visibilitySeconds: 30 });
    if (messages.length === 0) break;
    for (const { body, handle } of messages) {
      found.push(JSON.parse(body));
      await consumer.delete('source', handle);
    }
  }
  assert.deepEqual(found.map(({ cluster, kind, name, reason }) => [cluster, kind, name, reason]).sort(), [
    ['east', 'OCIRepository', 'app', 'event'],
    ['west', 'OCIRepository', 'app', 'event'],
  ]);
  const linesOfEvents = () => lines.flatMap(line => (line.json?.message === 'event' ? [line.json] : []));
  // A line comes by another way than the answer.
  const told = await until('both are told', () => (linesOfEvents().length >= 2 ? linesOfEvents() : undefined));
  assert.deepEqual(
    told.map(({ event, objects }) => [event, objects]),
    [
      ['ECR Image Action of my-repository-name', 2],
      ['ECR Image Action of my-repository-name', 2],
    ],
  );
});

test('what is no event of AWS is an error of the invocation, for Lambda to try again', async () => {
  await assert.rejects(lambda.invoke({ ...codeCommitPush, source: 'aws.ec2' }), (error: FunctionError) => {
    assert.match(error.message, /aws.codecommit|Invalid/);
    return true;
  });
});
