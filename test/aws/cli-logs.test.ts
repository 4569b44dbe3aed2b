/** `sluice logs` on the logs of Lambda functions. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { CloudFormationClient, CreateStackCommand } from '@aws-sdk/client-cloudformation';
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { openFunctionLogs } from '../../shared/aws/cloudwatch-logs.ts';
import { run } from '../../shared/cli/logs.ts';
import { region, startAwsServers } from './servers.ts';

const servers = await startAwsServers();
Object.assign(process.env, servers.env, {
  AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: servers.moto,
  AWS_ENDPOINT_URL_CLOUDFORMATION: servers.moto,
});
const client = new CloudWatchLogsClient({});
after(() => {
  client.destroy();
  return servers.close();
});

// Servers that other files of the run ask, too.
const name = `logs-${randomUUID().slice(0, 8)}`;
const prefix = `/sluice/${name}/`;
const start = Date.now();

const line = (ago: number, level: string, message: string, fields: object = {}): [number, string] => [
  start - ago,
  JSON.stringify({ time: new Date(start - ago).toISOString(), level, message, ...fields }),
];
const web = { object: 'prod/Kustomization/apps/web', trace: 'aaaa' };

const written: Record<string, [number, string][]> = {
  source: [
    line(9_000, 'info', 'stored artifact', { object: 'prod/GitRepository/apps/web', trace: 'aaaa' }),
    [start - 8_900, 'REPORT RequestId: x\tDuration: 3 ms'],
    line(3_000, 'error', 'fetch failed', { object: 'prod/GitRepository/apps/api', trace: 'bbbb' }),
  ],
  kustomize: [
    line(7_200_000, 'info', 'long ago', web),
    line(8_000, 'info', 'reconciled', { ...web, _aws: { Timestamp: 1 }, Name: name, Kind: 'Kustomization' }),
    [
      start - 2_000,
      JSON.stringify({
        time: new Date(start - 2_000).toISOString(),
        type: 'platform.report',
        record: { requestId: 'r1', status: 'timeout', metrics: { durationMs: 120_000 } },
      }),
    ],
  ],
  notification: [line(7_000, 'warn', 'posted', { object: 'Kustomization/apps/web', cluster: 'prod', trace: 'aaaa' })],
};

async function put(group: string, events: [number, string][]): Promise<void> {
  const logEvents = events.map(([timestamp, message]) => ({ timestamp, message }));
  await client.send(new PutLogEventsCommand({ logGroupName: prefix + group, logStreamName: 's', logEvents }));
}

before(async () => {
  for (const [group, events] of Object.entries(written)) {
    await client.send(new CreateLogGroupCommand({ logGroupName: prefix + group }));
    await client.send(new CreateLogStreamCommand({ logGroupName: prefix + group, logStreamName: 's' }));
    await put(group, events);
  }
  // The log of another installation, whose name begins alike.
  await client.send(new CreateLogGroupCommand({ logGroupName: `/sluice/${name}-2/source` }));
  const keys = ['WebhookUrl', 'ArtifactsUrl', 'BucketName', 'TableName', 'ClusterRoleArn'];
  for (const queue of ['Source', 'Kustomize', 'Notification', 'Timer'])
    keys.push(`${queue}QueueUrl`, `${queue}DeadLettersUrl`);
  const outputs = { ...Object.fromEntries(keys.map(key => [key, { Value: 'x' }])), LogGroupPrefix: { Value: prefix } };
  const template = { Resources: { Topic: { Type: 'AWS::SNS::Topic' } }, Outputs: outputs };
  const cloudFormation = new CloudFormationClient({});
  await cloudFormation.send(new CreateStackCommand({ StackName: name, TemplateBody: JSON.stringify(template) }));
  cloudFormation.destroy();
});

async function logs(...args: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const io = { out: (text: string) => out.push(text), err: (text: string) => err.push(text), env: {}, cwd: '/' };
  const exit = await run(args.includes('--aws') ? args : [...args, '--aws', name], io);
  return { exit, out, err: err.join('\n') };
}

describe('sluice logs on AWS', () => {
  const timeout = 'an invocation was cut off: it took longer than its timeout';
  const table: [string[], string[]][] = [
    [[], ['stored artifact', 'reconciled', 'posted', 'fetch failed', timeout]],
    [
      ['--since', '3h', '--tail', '6'],
      ['long ago', 'stored artifact', 'reconciled', 'posted', 'fetch failed', timeout],
    ],
    [
      ['--tail', '2'],
      ['fetch failed', timeout],
    ],
    [
      ['--trace', 'aaaa'],
      ['stored artifact', 'reconciled', 'posted'],
    ],
    [
      ['--level', 'warn'],
      ['posted', 'fetch failed', timeout],
    ],
    [
      ['--kind', 'kustomization', '--name', 'web'],
      ['reconciled', 'posted'],
    ],
    [['--cluster', 'prod', '-n', 'apps', '--name', 'api'], ['fetch failed']],
    [['--cluster', 'other'], []],
    [['--name', 'w"b'], []],
  ];
  for (const [args, expected] of table)
    it(`shows the lines of all functions by time: ${args.join(' ') || 'all'}`, async () => {
      const { exit, out, err } = await logs(...args, '-o', 'json');
      assert.deepEqual([exit, err], [0, '']);
      assert.deepEqual(
        out.map(text => JSON.parse(text).message),
        expected,
      );
    });

  it('looks as it does on one machine', async () => {
    const { out } = await logs('--kind', 'Kustomization', '--level', 'info', '--trace', 'aaaa');
    const time = new Date(start - 8_000).toISOString();
    assert.equal(out[0], `${time} info  prod/Kustomization/apps/web reconciled trace=aaaa Kind=Kustomization`);
  });

  it('goes on with what comes in, also late, and tells each line once', { timeout: 60_000 }, async () => {
    const opened = await openFunctionLogs(region, prefix);
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const event of opened.follow({ from: start - 5_000 }, stop.signal)) {
      seen.push(event.text);
      // Written after the first look, and dated before what that has shown.
      if (seen.length === 2) await put('notification', [line(4_000, 'info', 'late'), line(0, 'info', 'new')]);
      if (seen.length === 4) stop.abort();
    }
    opened.close();
    const told = seen.map(text => JSON.parse(text)).map(({ message, type }) => message ?? type);
    assert.deepEqual(told, ['fetch failed', 'platform.report', 'late', 'new']);
  });

  it('says that there is no log', async () => {
    await assert.rejects(openFunctionLogs(region, '/sluice/nobody/'), {
      code: 'LogsMissing',
      message: /there is no log in eu-west-1 whose name begins with \/sluice\/nobody\/; /,
    });
  });

  it('says where there is none of that name', async () => {
    const { exit, err } = await logs('--aws', 'absent');
    assert.equal(exit, 1);
    assert.match(err, /there is no stack/);
  });
});
