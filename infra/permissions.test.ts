import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type FunctionName, functionNames } from './function-settings.ts';
import { pascalCase } from './pascal-case.ts';
import { grantsOf, listed, shortName, statementsOf } from './testing/granted.ts';
import { resourcesOf, templatesOf } from './testing/synthesized.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const log = ['logs:CreateLogStream log', 'logs:PutLogEvents log'];
const indexRead = ['dynamodb:GetItem table', 'dynamodb:Query table'];
const indexWrite = [
  ...indexRead,
  'dynamodb:PutItem table',
  'dynamodb:UpdateItem table',
  'dynamodb:DeleteItem table',
  'dynamodb:ConditionCheckItem table',
];
const clusters = ['secretsmanager:GetSecretValue secret:sluice/sluice/cluster-*', 'sts:AssumeRole cluster-role'];
const addresses = ['GetSecretValue', 'CreateSecret'].map(
  action => `secretsmanager:${action} secret:sluice/sluice/artifact-url-key*`,
);
const send = (...queues: string[]) => queues.map(queue => `sqs:SendMessage queue:${queue}`);
const receive = (...queues: string[]) =>
  queues.flatMap(queue =>
    ['ReceiveMessage', 'DeleteMessage', 'ChangeMessageVisibility', 'GetQueueAttributes'].map(
      action => `sqs:${action} ${queue}`,
    ),
  );
const get = (...folders: string[]) => [
  ...folders.map(folder => `s3:GetObject bucket/${folder}/*`),
  's3:ListBucket bucket',
];
const put = (...folders: string[]) =>
  folders.flatMap(folder => [`s3:PutObject bucket/${folder}/*`, `s3:AbortMultipartUpload bucket/${folder}/*`]);
const remove = (...folders: string[]) => folders.map(folder => `s3:DeleteObject bucket/${folder}/*`);
const readKey = ['kms:Decrypt key'];
const writeKey = [...readKey, 'kms:GenerateDataKey key'];
const fifo = ['source', 'kustomize', 'notification'];

/** All that each function may do. Who changes what a function does changes this, and sees what it costs. */
const expected: Record<FunctionName, string[]> = {
  webhook: [...log, ...indexRead, ...put('pending'), ...writeKey, ...send(...fifo, 'timer'), ...clusters],
  artifact: [...log, ...get('artifacts'), ...readKey, ...addresses],
  source: [
    ...[...log, ...receive('queue:source'), ...indexWrite, ...send(...fifo, 'timer'), ...clusters],
    ...[...get('artifacts', 'sources'), ...put('artifacts', 'sources'), ...writeKey, ...addresses],
  ],
  kustomize: [
    ...[...log, ...receive('queue:kustomize'), ...indexWrite, ...send(...fifo, 'timer'), ...clusters],
    ...[...get('artifacts', 'builds', 'applying'), ...put('builds', 'applying'), ...remove('applying'), ...writeKey],
  ],
  notification: [
    ...[...log, ...receive('queue:notification'), ...indexWrite, ...send(...fifo, 'timer'), ...clusters],
    ...[...get('pending'), ...remove('pending'), ...readKey],
  ],
  timer: [...log, ...receive('queue:timer'), ...send(...fifo)],
  schedule: [
    ...[...log, ...indexWrite, 'dynamodb:Query table/index/due', 'dynamodb:BatchGetItem table', ...send(...fifo)],
    ...[
      ...get('sweep'),
      ...put('sweep'),
      ...remove('artifacts', 'builds', 'applying', 'pending', 'sources'),
      ...writeKey,
    ],
    ...clusters,
  ],
  'dead-letter': [
    ...log,
    ...receive(...[...fifo, 'timer'].map(queue => `dead-letters:${queue}`)),
    ...indexWrite,
    ...send('notification'),
    ...clusters,
  ],
  'cloud-event': [...log, ...indexRead, ...send('source')],
};

const { service, state } = templatesOf();

for (const name of functionNames)
  test(`the function ${name} may do what it needs, and nothing else`, () => {
    assert.deepEqual(grantsOf(service, pascalCase(name)), expected[name].toSorted());
  });

test('a configuration adds the roles that it names, and a VPC its network, to those that see clusters', () => {
  const template = templatesOf(`
clusters: [{ name: east, roleArn: "arn:aws:iam::444455556666:role/x" }, { name: west, roleArn: "arn:aws:iam::444455556666:role/x" }]
vpc: { id: vpc-0123456789abcdef0, subnets: [subnet-0123456789abcdef0], securityGroups: [sg-0123456789abcdef0] }
`).service;
  for (const name of functionNames) {
    const more = grantsOf(template, pascalCase(name)).filter(grant => !expected[name].includes(grant));
    const seesClusters = expected[name].includes('sts:AssumeRole cluster-role');
    assert.equal(more.includes('sts:AssumeRole arn:aws:iam::444455556666:role/x'), seesClusters, name);
    assert.equal(more.includes('ec2:CreateNetworkInterface *'), seesClusters, name);
    assert.equal(more.includes('not ec2:CreateNetworkInterface *'), seesClusters, name);
    assert.equal(more.length, seesClusters ? 13 : 0, more.join('\n'));
  }
});

test('the sources at AWS add their role, to the function that reads them', () => {
  const template = templatesOf('sources: { aws: ["arn:aws:s3:::config"] }').service;
  for (const name of functionNames) {
    const more = grantsOf(template, pascalCase(name)).filter(grant => !expected[name].includes(grant));
    assert.deepEqual(more, name === 'source' ? ['sts:AssumeRole sources-role'] : [], name);
  }
});

test('no statement allows an action by a wildcard, or any resource', () => {
  for (const template of [service, state])
    for (const [id, role] of resourcesOf(template, 'AWS::IAM::Role'))
      for (const statement of statementsOf(role)) {
        assert.doesNotMatch(listed(statement.Action).join(' '), /\*/, id);
        for (const resource of listed(statement.Resource)) assert.notEqual(shortName(resource), '*', id);
      }
  assert.equal(
    resourcesOf(service, 'AWS::IAM::ManagedPolicy').length + resourcesOf(service, 'AWS::IAM::Policy').length,
    0,
  );
  const managed = resourcesOf(service, 'AWS::IAM::Role').filter(([, role]) => role.Properties.ManagedPolicyArns);
  assert.deepEqual(managed, []);
});

test('each function has a role of its own, and only the functions may become the cluster role', () => {
  const used = resourcesOf(service, 'AWS::Lambda::Function').map(([, { Properties }]) =>
    JSON.stringify(Properties.Role),
  );
  assert.equal(new Set(used).size, functionNames.length);
  const [, clusterRole] = resourcesOf(state, 'AWS::IAM::Role')[0]!;
  const [trust] = clusterRole.Properties.AssumeRolePolicyDocument.Statement;
  assert.match(JSON.stringify(trust.Condition.ArnLike['aws:PrincipalArn']), /:role\/sluice\/sluice\/\*/);
  for (const [, role] of resourcesOf(service, 'AWS::IAM::Role')) assert.equal(role.Properties.Path, '/sluice/sluice/');
  assert.deepEqual(clusterRole.Properties.Policies, undefined);
});

/** What calls of the SDK need, by the command. Those that several actions stand for, or that need none, say so. */
const needed: Record<string, string | undefined> = {
  GetItem: 'dynamodb:GetItem',
  BatchGetItem: 'dynamodb:BatchGetItem',
  Query: 'dynamodb:Query',
  PutItem: 'dynamodb:PutItem',
  UpdateItem: 'dynamodb:UpdateItem',
  DeleteItem: 'dynamodb:DeleteItem',
  // Its actions are checked one by one, as PutItem, UpdateItem, DeleteItem, ConditionCheckItem.
  TransactWriteItems: 'dynamodb:ConditionCheckItem',
  GetObject: 's3:GetObject',
  HeadObject: 's3:GetObject',
  ListObjectsV2: 's3:ListBucket',
  PutObject: 's3:PutObject',
  CreateMultipartUpload: 's3:PutObject',
  UploadPart: 's3:PutObject',
  CompleteMultipartUpload: 's3:PutObject',
  AbortMultipartUpload: 's3:AbortMultipartUpload',
  DeleteObjects: 's3:DeleteObject',
  DeleteObject: 's3:DeleteObject',
  SendMessage: 'sqs:SendMessage',
  SendMessageBatch: 'sqs:SendMessage',
  GetSecretValue: 'secretsmanager:GetSecretValue',
  CreateSecret: 'secretsmanager:CreateSecret',
  AssumeRole: 'sts:AssumeRole',
  // Everybody may ask who he is.
  GetCallerIdentity: undefined,
};

/** Calls that only the command line makes, with the rights of who types. */
const byOperators = new Set([
  ...['Scan', 'BatchWriteItem', 'PutSecretValue', 'UpdateSecret', 'DeleteSecret', 'RestoreSecret', 'DescribeSecret'],
  ...[
    'DescribeStacks',
    'GetQueueAttributes',
    'ReceiveMessage',
    'DeleteMessage',
    'DeleteMessageBatch',
    'ChangeMessageVisibility',
    'ChangeMessageVisibilityBatch',
    'FilterLogEvents',
    'DescribeLogGroups',
    'DescribeAlarms',
    'ListSecrets',
  ],
  ...['DescribeCluster', 'CreateAccessEntry', 'AssociateAccessPolicy', 'DescribeAccessEntry', 'ListAccessEntries'],
]);

test('there is no call of AWS in the ports that no function may make', () => {
  const granted = new Set(Object.values(expected).flatMap(grants => grants.map(grant => grant.split(' ')[0])));
  const files = globSync('shared/aws/*.ts', { cwd: root }).filter(file => !file.endsWith('.test.ts'));
  const commands = new Set(
    files.flatMap(file =>
      [...readFileSync(join(root, file), 'utf8').matchAll(/new (\w+)Command\(/g)].map(([, name]) => name!),
    ),
  );
  assert.ok(commands.size > 10, [...commands].join());
  for (const command of commands) {
    if (byOperators.has(command)) continue;
    assert.ok(command in needed, `say in this test what ${command} needs, and give it to those who call it`);
    if (needed[command]) assert.ok(granted.has(needed[command]), `${command} needs ${needed[command]}`);
  }
});
