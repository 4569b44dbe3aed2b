/** `sluice dead-letters` on queues of SQS, beside a function that receives from them, too. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { CloudFormationClient, CreateStackCommand } from '@aws-sdk/client-cloudformation';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { sqsId } from '../../shared/aws/sqs-ids.ts';
import { run } from '../../shared/cli/dead-letters.ts';
import type { ReceivedMessage } from '../../shared/local/queue-consumer.ts';
import type { DeadLetterQueue } from '../../shared/ports/dead-letters.ts';
import { createQueues, type Queues } from './installation.ts';
import { startAwsServers } from './servers.ts';
import { SqsConsumer } from './sqs-consumer.ts';

const servers = await startAwsServers();
Object.assign(process.env, servers.env, { AWS_ENDPOINT_URL_CLOUDFORMATION: servers.moto });
const scratch = mkdtempSync(join(tmpdir(), 'sluice-dead-letters-aws-'));
const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
const cloudFormation = new CloudFormationClient({});
after(async () => {
  sqs.destroy();
  cloudFormation.destroy();
  rmSync(scratch, { recursive: true, force: true });
  await servers.close();
});

let name = '';
let queues: Queues;
/** The other side of the queues: the dead-letter function's pollers, and those of the workers. */
let others: SqsConsumer;

async function install(): Promise<void> {
  // Servers that other files of the run ask, too.
  name = `letters-${randomUUID().slice(0, 8)}`;
  queues = await createQueues(servers, name, 30);
  others = new SqsConsumer(queues, servers.sqs);
  const keys = ['WebhookUrl', 'ArtifactsUrl', 'BucketName', 'TableName', 'ClusterRoleArn', 'LogGroupPrefix'];
  const outputs: Record<string, string> = Object.fromEntries(keys.map(key => [key, 'x']));
  for (const queue of ['source', 'kustomize', 'notification', 'timer'] as const) {
    const key = queue.replace(/^./, first => first.toUpperCase());
    outputs[`${key}QueueUrl`] = queues.urls[queue];
    outputs[`${key}DeadLettersUrl`] = queues.deadLetters[queue];
  }
  const template = {
    Resources: { Topic: { Type: 'AWS::SNS::Topic' } },
    Outputs: Object.fromEntries(Object.entries(outputs).map(([key, Value]) => [key, { Value }])),
  };
  await cloudFormation.send(new CreateStackCommand({ StackName: name, TemplateBody: JSON.stringify(template) }));
}

async function letter(queue: DeadLetterQueue, group: string, body: string): Promise<void> {
  const fifo = queue !== 'timer' && { MessageGroupId: sqsId(group), MessageDeduplicationId: randomUUID() };
  await sqs.send(new SendMessageCommand({ QueueUrl: queues.deadLetters[queue], MessageBody: body, ...fifo }));
}

/** Each operator has a cache of their own. */
async function sluice(args: string[], operator = name) {
  const out: string[] = [];
  const err: string[] = [];
  const io = {
    out: (line: string) => out.push(line),
    err: (line: string) => err.push(line),
    env: { XDG_CACHE_HOME: join(scratch, operator) },
    cwd: scratch,
  };
  const exit = await run([...args, '--aws', name], io);
  return { exit, out: out.join('\n'), err: err.join('\n') };
}
async function found(args: string[] = [], operator = name): Promise<{ ids: string[]; hidden: number }> {
  const { exit, out, err } = await sluice(['list', '-o', 'json', ...args], operator);
  assert.equal(exit, 0, err);
  const { letters, hidden } = JSON.parse(out);
  return { ids: letters.map(({ id }: { id: string }) => id), hidden };
}
const receive = (queue: Parameters<SqsConsumer['receive']>[0]): Promise<ReceivedMessage[]> =>
  others.receive(queue, { max: 10, visibilitySeconds: 600 });

describe('sluice dead-letters on AWS', () => {
  beforeEach(install);
  afterEach(() => others.close());

  it('lists, shows and holds what it has found, for the next command and from everybody else', async () => {
    await letter('source', 'g1', '{"type":"novel"}');
    await letter('source', 'g1', '{"type":"novel","n":2}');
    await letter('source', 'g2', '{}');
    await letter('timer', '', '{"queue":"source","group":"g","dedup":"d","body":"{}"}');
    const first = await found();
    assert.deepEqual([first.ids.length, first.hidden], [4, 0]);
    assert.deepEqual(await found(), first);
    assert.deepEqual([await receive('source-dlq'), await receive('timer-dlq')], [[], []]);
    assert.deepEqual(await found([], 'somebody-else'), { ids: [], hidden: 4 });
    assert.match(
      (await sluice([], 'somebody-else')).out,
      /^no dead letter can be had now\n4 more are being looked at right now, .*--wait 20m$/s,
    );
    const { out } = await sluice(['show', first.ids[0]!.slice(0, 8)]);
    assert.match(out, new RegExp(`^id: +${first.ids[0]}\nqueue: +source\ngroup: +g1\n`));
    const cache = join(scratch, name, 'sluice');
    for (const file of readdirSync(cache)) assert.equal(statSync(join(cache, file)).mode & 0o077, 0);
  });

  it('sends again to the same group, also one that was hashed, and with a new id', async () => {
    const group = `prod/Kustomization/apps/${'x'.repeat(200)}`;
    await letter('kustomize', group, '{"n":1}');
    await letter('kustomize', group, '{"n":2}');
    const { ids } = await found();
    const { exit, out } = await sluice(['resend', ...ids]);
    assert.equal(exit, 0);
    assert.deepEqual(
      out.split('\n'),
      ids.map(id => `sent again: kustomize ${id} (unknown)`),
    );
    const received = await receive('kustomize');
    assert.deepEqual(
      received.map(({ group, body }) => [group, body]),
      ['{"n":1}', '{"n":2}'].map(body => [sqsId(group), body]),
    );
    assert.ok(received.every(({ id }) => !ids.includes(id)));
    assert.deepEqual(await found(), { ids: [], hidden: 0 });
    assert.deepEqual(readdirSync(join(scratch, name, 'sluice')), [], 'nothing of them is kept');
  });

  it('sends timers again to their queue, which is none of FIFO', async () => {
    await letter('timer', '', '{"queue":"source"}');
    assert.equal((await sluice(['resend', '--all'])).exit, 0);
    assert.deepEqual(
      (await receive('timer')).map(({ body }) => body),
      ['{"queue":"source"}'],
    );
  });

  it('gets through a group that is longer than what SQS gives at once', async () => {
    const bodies = Array.from({ length: 23 }, (_, n) => `{"n":${n}}`);
    for (const body of bodies) await letter('notification', 'g', body);
    const { ids, hidden } = await found();
    assert.equal(ids.length + hidden, 23);
    assert.deepEqual(await found(['--wait', '20m']), { ids, hidden }, 'it does not wait for what waits for it');
    assert.equal((await sluice(['resend', '--all', '--queue', 'source'])).out, 'there is no dead letter');
    const { exit, out } = await sluice(['resend', '--all']);
    assert.deepEqual([exit, out.split('\n').length], [0, 23]);
    const seen: string[] = [];
    for (let batch = await receive('notification'); batch.length > 0; batch = await receive('notification'))
      for (const { body, handle } of batch) {
        seen.push(body);
        await others.delete('notification', handle);
      }
    assert.deepEqual(seen, bodies);
  });

  it('counts what the function has, and can wait for it', async () => {
    await letter('source', 'g', '{}');
    await letter('source', 'h', '{}');
    const held = await receive('source-dlq');
    assert.equal(held.length, 2);
    assert.deepEqual(await found(), { ids: [], hidden: 2 });
    const absent = await sluice(['drop', held[0]!.id]);
    assert.equal(absent.exit, 1);
    assert.match(
      absent.err,
      /there is no dead letter ".*" that could be had now; 2 more are being looked at right now/,
    );
    for (const { handle } of held) assert.equal(await others.release('source-dlq', handle, 2), true);
    const { ids, hidden } = await found(['--wait', '2m']);
    assert.deepEqual([ids.sort(), hidden], [held.map(({ id }) => id).sort(), 0]);
    assert.equal((await sluice(['drop', '--all'])).exit, 0);
    assert.deepEqual(await found(), { ids: [], hidden: 0 });
  });

  it('does nothing to what somebody else has taken meanwhile', async () => {
    await letter('source', 'g', '{"n":1}');
    const { ids } = await found();
    const file = join(scratch, name, 'sluice', readdirSync(join(scratch, name, 'sluice'))[0]!);
    const kept = JSON.parse(readFileSync(file, 'utf8'));
    // As when the hold had ended, and the function had taken it, before this command came to it.
    assert.equal(await others.release('source-dlq', kept[0].handle), true);
    assert.equal((await receive('source-dlq')).length, 1);
    writeFileSync(file, JSON.stringify(kept));
    for (const command of ['resend', 'drop']) {
      writeFileSync(file, JSON.stringify(kept));
      const { exit, err } = await sluice([command, ids[0]!]);
      assert.equal(exit, 1);
      assert.match(err, /somebody else has it by now, or it is gone/);
    }
    assert.deepEqual(await receive('source'), [], 'nothing was sent');
    assert.deepEqual(await found(), { ids: [], hidden: 1 });
  });

  it('does its work where nothing can be kept for the next command, and says so', async () => {
    await letter('source', 'g', '{}');
    writeFileSync(join(scratch, 'file'), '');
    const listed = await sluice(['list'], 'file');
    assert.equal(listed.exit, 0);
    assert.match(listed.out, /^source +\w{8} /m);
    assert.match(listed.err, /^warning: what was found cannot be kept for the next command \(.*set XDG_CACHE_HOME/);
    assert.equal((await sluice(['list'], 'file')).out.split('\n')[0], 'no dead letter can be had now');
    await letter('source', 'h', '{}');
    const dropped = await sluice(['drop', '--all'], 'file');
    assert.match(dropped.out, /^dropped: source .*\n1 more is being looked at right now/);
  });
});
