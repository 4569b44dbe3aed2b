import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Context, EventBridgeEvent } from 'aws-lambda';
import type { KubeObject } from '../../shared/api/object.ts';
import { localPorts } from '../../shared/local/local-ports.ts';
import { recordOf } from '../../shared/reconcile/record.ts';
import type { WorkItem } from '../../shared/reconcile/work-item.ts';
import { codeCommitPush, ecrAction, s3Change } from '../../test/fixtures/aws-events.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-cloud-event-'));
process.env.SLUICE_DIR = dir;
const { handler } = await import('./handler.ts');
const local = localPorts({ dir, publicUrl: '' });
after(() => {
  local.close();
  rmSync(dir, { recursive: true, force: true });
});

const call = (event: unknown) => handler(event as EventBridgeEvent<string, unknown>, {} as Context);
/** The same happens once more, as another event. */
const again = (event: Record<string, unknown>) => ({ ...event, id: randomUUID() });

async function indexed(cluster: string, kind: string, name: string, spec: object): Promise<void> {
  const object: KubeObject = { apiVersion: 'x/v1', kind, metadata: { name, namespace: 'apps' }, spec };
  await local.index.putObject(recordOf({ cluster, kind, namespace: 'apps', name }, object, 0));
}

/** What lies in the source queue, sorted; it is empty afterwards. */
async function sent(): Promise<WorkItem[]> {
  const found: WorkItem[] = [];
  for (;;) {
    const messages = await local.queue.receive('source', { max: 10, visibilitySeconds: 60 });
    if (messages.length === 0) break;
    for (const { body, handle } of messages) {
      found.push(JSON.parse(body));
      await local.queue.delete('source', handle);
    }
  }
  return found.sort((a, b) => `${a.cluster}${a.kind}${a.name}`.localeCompare(`${b.cluster}${b.kind}${b.name}`));
}

const names = (items: WorkItem[]) => items.map(({ cluster, kind, name }) => `${cluster} ${kind} ${name}`);

before(async () => {
  const ecr = '123456789012.dkr.ecr.us-west-2.amazonaws.com';
  await indexed('east', 'OCIRepository', 'app', { url: `oci://${ecr}/team/app` });
  await indexed('west', 'OCIRepository', 'app', { url: `oci://${ecr}/team/app` });
  await indexed('east', 'OCIRepository', 'fips', {
    url: 'oci://123456789012.dkr.ecr-fips.us-west-2.amazonaws.com/team/app',
  });
  await indexed('east', 'OCIRepository', 'other', { url: `oci://${ecr}/team/other` });
  await indexed('east', 'OCIRepository', 'elsewhere', {
    url: 'oci://123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app',
  });
  await indexed('east', 'HelmRepository', 'charts', { type: 'oci', url: `oci://${ecr}/team` });
  await indexed('east', 'HelmChart', 'app', { sourceRef: { kind: 'HelmRepository', name: 'charts' } });
  const commit = 'git-codecommit.us-east-2.amazonaws.com/v1/repos';
  await indexed('east', 'GitRepository', 'https', { url: `https://${commit}/MyDemoRepo` });
  await indexed('east', 'GitRepository', 'ssh', { url: `ssh://APKAEXAMPLE@${commit}/MyDemoRepo` });
  await indexed('east', 'GitRepository', 'other', { url: `https://${commit}/Other` });
  await indexed('east', 'Bucket', 'config', {
    provider: 'aws',
    endpoint: 's3.amazonaws.com',
    bucketName: 'amzn-s3-demo-bucket1',
  });
  await indexed('east', 'Bucket', 'minio', {
    provider: 'generic',
    endpoint: 'minio:9000',
    bucketName: 'amzn-s3-demo-bucket1',
  });
});
afterEach(async () => assert.deepEqual(await sent(), [], 'nothing is left'));

describe('functions/cloud-event', () => {
  test('a push to ECR has those reconciled that fetch the repository, in all clusters', async () => {
    await call(ecrAction({ 'repository-name': 'team/app' }));
    const items = await sent();
    assert.deepEqual(
      names(items).filter(name => !name.includes('HelmChart')),
      ['east OCIRepository app', 'east OCIRepository fips', 'west OCIRepository app'],
    );
    const { reason, trace, sentAt } = items[0]!;
    assert.deepEqual({ reason, trace }, { reason: 'event', trace: '13cde686328b61171af20e5667168a0a' });
    assert.equal(sentAt, Date.parse('2019-11-16T01:54:34.999Z'), 'what is read later than the event shows it');
  });

  test('and the charts that are below an address of a HelmRepository', async () => {
    await call(again(ecrAction({ 'repository-name': 'team/app' })));
    const charts = names(await sent()).filter(name => name.includes('HelmChart'));
    assert.deepEqual(charts, ['east HelmChart app']);
  });

  test('a push to CodeCommit reaches sources over https and ssh', async () => {
    await call(codeCommitPush);
    assert.deepEqual(names(await sent()), ['east GitRepository https', 'east GitRepository ssh']);
  });

  test('a change in S3 reaches the Buckets at AWS, not those of the name elsewhere', async () => {
    for (const type of ['Object Created', 'Object Deleted']) {
      await call(again(s3Change(type)));
      assert.deepEqual(names(await sent()), ['east Bucket config'], type);
    }
  });

  test('an event that is delivered twice is one', async () => {
    const event = again(codeCommitPush);
    await call(event);
    await call(event);
    assert.equal((await sent()).length, 2);
  });

  test('what failed, what was deleted and what nobody uses wakes nobody', async () => {
    await call(again(ecrAction({ 'repository-name': 'team/app', result: 'FAILURE' })));
    await call(again(ecrAction({ 'repository-name': 'team/app', 'action-type': 'DELETE' })));
    await call(ecrAction({ 'repository-name': 'unused' }));
    assert.equal(local.queue.depth('source'), 0);
  });

  test('what is no such event fails, so that it is tried again and rings', async () => {
    for (const event of [{}, { ...codeCommitPush, source: 'aws.ec2' }, { ...codeCommitPush, account: 'x' }, null])
      await assert.rejects(call(event), { name: 'ZodError' });
  });

  test('the log says what happened and how many it concerned', async () => {
    await call(ecrAction({ 'repository-name': 'unused' }));
    const lines = readFileSync(join(dir, 'logs', 'sluice.log'), 'utf8')
      .trim()
      .split('\n');
    const { trace, event, objects } = JSON.parse(lines.at(-1)!);
    assert.deepEqual([trace, event, objects], ['13cde686328b61171af20e5667168a0a', 'ECR Image Action of unused', 0]);
  });
});
