import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { findInstallation } from './cloudformation-installation.ts';
import { awsEnvironment } from './testing/environment.ts';

const keys = { accessKeyId: 'AKIASOMEONE', secretAccessKey: 'secret' };
const outputs: Record<string, string> = {
  WebhookUrl: 'https://hooks.example/',
  ArtifactsUrl: 'https://artifacts.example/',
  BucketName: 'bucket',
  TableName: 'table',
  SourceQueueUrl: 'https://sqs.example/source.fifo',
  KustomizeQueueUrl: 'https://sqs.example/kustomize.fifo',
  NotificationQueueUrl: 'https://sqs.example/notification.fifo',
  TimerQueueUrl: 'https://sqs.example/timer',
  SourceDeadLettersUrl: 'https://sqs.example/source-dead.fifo',
  KustomizeDeadLettersUrl: 'https://sqs.example/kustomize-dead.fifo',
  NotificationDeadLettersUrl: 'https://sqs.example/notification-dead.fifo',
  TimerDeadLettersUrl: 'https://sqs.example/timer-dead',
  ClusterRoleArn: 'arn:aws:iam::111122223333:role/clusters',
  LogGroupPrefix: '/sluice/gitops',
};

/** What the services answer, in the form of AWS's query protocol. */
let answers: Record<string, { status: number; text: string }> = {};
let asked: URLSearchParams[] = [];
const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const parameters = new URLSearchParams(body);
  asked.push(parameters);
  const { status, text } = answers[parameters.get('Action') ?? ''] ?? { status: 500, text: '' };
  response.writeHead(status, { 'content-type': 'text/xml', connection: 'close' }).end(text);
});
let restore = () => {};

before(() => new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve)));
after(() => server.close());
beforeEach(() => {
  asked = [];
  answers = { GetCallerIdentity: { status: 200, text: identity } };
  environment({ AWS_REGION: 'eu-west-1' });
});
afterEach(() => restore());

function environment(more: Record<string, string | undefined>): void {
  restore();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const own = { AWS_ENDPOINT_URL_CLOUDFORMATION: url, AWS_MAX_ATTEMPTS: '1' };
  restore = awsEnvironment(process.env, url, keys, { ...own, ...more });
}

const identity =
  '<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/a</Arn><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>';

function stack(status: string, values: Record<string, string> = outputs, reason = ''): void {
  const members = Object.entries(values).map(
    ([key, value]) => `<member><OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue></member>`,
  );
  const why = reason && `<StackStatusReason>${reason}</StackStatusReason>`;
  const found = `<member><StackName>gitops</StackName><StackStatus>${status}</StackStatus>${why}<Outputs>${members.join('')}</Outputs></member>`;
  answer(200, `<DescribeStacksResult><Stacks>${found}</Stacks></DescribeStacksResult>`, 'DescribeStacksResponse');
}

function refuse(status: number, code: string, message: string): void {
  answer(
    status,
    `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`,
    'ErrorResponse',
  );
}

function answer(status: number, text: string, root: string): void {
  answers.DescribeStacks = { status, text: `<${root}>${text}<RequestId>r-1</RequestId></${root}>` };
}

describe('an installation on AWS', () => {
  it('is what the outputs of its stack say', async () => {
    stack('UPDATE_ROLLBACK_COMPLETE');
    const found = await findInstallation('gitops', undefined);
    assert.deepEqual(found, {
      name: 'gitops',
      region: 'eu-west-1',
      bucket: 'bucket',
      table: 'table',
      queues: {
        source: outputs.SourceQueueUrl,
        kustomize: outputs.KustomizeQueueUrl,
        notification: outputs.NotificationQueueUrl,
        timer: outputs.TimerQueueUrl,
      },
      deadLetters: {
        source: outputs.SourceDeadLettersUrl,
        kustomize: outputs.KustomizeDeadLettersUrl,
        notification: outputs.NotificationDeadLettersUrl,
        timer: outputs.TimerDeadLettersUrl,
      },
      artifactsUrl: 'https://artifacts.example',
      webhookUrl: 'https://hooks.example',
      clusterRoleArn: outputs.ClusterRoleArn,
      logGroupPrefix: '/sluice/gitops/',
    });
    assert.equal(asked[0]?.get('StackName'), 'gitops');
  });

  it('is looked for in the region that is named', async () => {
    stack('CREATE_COMPLETE');
    assert.equal((await findInstallation('gitops', 'us-east-2')).region, 'us-east-2');
  });

  const { ClusterRoleArn: _, LogGroupPrefix: __, ...older } = outputs;
  const table: [string, () => void, string, (string | RegExp)[]][] = [
    [
      'no such stack',
      () => refuse(400, 'ValidationError', 'Stack with id gitops does not exist'),
      'InstallationNotFound',
      ['there is no stack "gitops" in eu-west-1 in the account 111122223333', '--aws NAME@REGION', 'npm run deploy'],
    ],
    [
      'no such stack, and nobody says in which account',
      () => {
        answers = {};
        refuse(400, 'ValidationError', 'Stack with id gitops does not exist');
      },
      'InstallationNotFound',
      ['in eu-west-1 in the account of these credentials'],
    ],
    [
      'a stack that is being made',
      () => stack('CREATE_IN_PROGRESS'),
      'InstallationNotReady',
      ['the stack gitops in eu-west-1 is CREATE_IN_PROGRESS; wait'],
    ],
    [
      'a stack that could not be made',
      () => stack('ROLLBACK_COMPLETE', outputs, 'The following resource(s) failed to create: [Table]'),
      'InstallationNotReady',
      ['ROLLBACK_COMPLETE (The following resource', 'describe-stack-events --stack-name gitops --region eu-west-1'],
    ],
    ['a stack that is gone', () => stack('DELETE_COMPLETE'), 'InstallationNotReady', ['is DELETE_COMPLETE']],
    [
      'a stack of something else',
      () => stack('CREATE_COMPLETE', { Other: 'x' }),
      'InstallationNotFound',
      ['is not one of Sluice'],
    ],
    [
      'a stack of an older version',
      () => stack('CREATE_COMPLETE', older),
      'InstallationOutdated',
      ['lacks the outputs ClusterRoleArn, LogGroupPrefix: it comes from another version'],
    ],
    [
      'no permission',
      () => refuse(403, 'AccessDenied', 'User: a is not authorized to perform: cloudformation:DescribeStacks'),
      'AccessDenied',
      ['may not read the stack gitops in eu-west-1 (cloudformation:DescribeStacks)', 'docs/aws.md'],
    ],
    [
      'credentials that have run out',
      () => refuse(403, 'ExpiredToken', 'The security token included in the request is expired'),
      'CredentialsRefused',
      ['is expired; renew them'],
    ],
    [
      'no credentials',
      () => environment({ AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined }),
      'CredentialsMissing',
      ['there are no AWS credentials to read the stack gitops', 'aws sso login'],
    ],
    ['no region', () => environment({ AWS_REGION: undefined }), 'RegionMissing', ['--aws NAME@REGION', 'AWS_REGION']],
    [
      'an AWS that cannot be reached',
      () => environment({ AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL_CLOUDFORMATION: 'http://127.0.0.1:1' }),
      'Unreachable',
      ['AWS could not be asked to read the stack gitops'],
    ],
  ];
  for (const [title, given, code, says] of table)
    it(`is not found, and it is said why: ${title}`, async () => {
      given();
      await assert.rejects(findInstallation('gitops', undefined), (error: Error & { code: string }) => {
        assert.equal(error.code, code, error.message);
        for (const part of says) assert.ok(error.message.includes(String(part)), `no "${part}" in: ${error.message}`);
        return true;
      });
    });
});
