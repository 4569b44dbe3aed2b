import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { functions as local, mappings as localMappings } from '../../shared/local/functions.ts';
import { functionNames as bundled } from '../bundles.ts';
import { type FunctionName, functionNames } from '../function-settings.ts';
import { pascalCase } from '../pascal-case.ts';
import { shortName } from '../testing/granted.ts';
import { type Resource, resourcesOf, templatesOf } from '../testing/synthesized.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const { service } = templatesOf();

const all = (type: string, template = service) =>
  resourcesOf(template, type).map(([, resource]) => resource.Properties);
const functionOf = (name: FunctionName, template = service) =>
  resourcesOf(template, 'AWS::Lambda::Function').find(([id]) =>
    id.startsWith(`Functions${pascalCase(name)}Function`),
  )![1].Properties;
const queues = new Map(resourcesOf(service, 'AWS::SQS::Queue').map(([id, queue]) => [shortName({ Ref: id }), queue]));
const queueOf = (name: string): Resource['Properties'] => queues.get(name)!.Properties;
const workQueues = ['source', 'kustomize', 'notification'];

test('there is a function for each folder of functions/, with the time that it has on one machine', () => {
  assert.deepEqual(functionNames.toSorted(), bundled);
  assert.equal(all('AWS::Lambda::Function').length, functionNames.length);
  for (const name of functionNames) assert.equal(functionOf(name).Timeout, local[name].timeoutSeconds, name);
});

test('functions run on Node 24: on arm64, except the one whose layer is built for x86-64', () => {
  for (const name of functionNames) {
    const { Runtime, Architectures, Handler, Layers } = functionOf(name);
    assert.equal(Runtime, 'nodejs24.x');
    assert.equal(Handler, 'index.handler');
    assert.deepEqual(Architectures, [name === 'kustomize' ? 'x86_64' : 'arm64'], name);
    assert.equal(Layers?.length ?? 0, name === 'kustomize' ? 1 : 0, name);
  }
});

test('each function logs JSON to a group of its own, which forgets', () => {
  const groups = all('AWS::Logs::LogGroup');
  for (const group of groups) assert.equal(group.RetentionInDays, 30);
  for (const name of functionNames) {
    assert.ok(
      groups.some(group => group.LogGroupName === `/sluice/sluice/${name}`),
      name,
    );
    const { LogFormat, LogGroup, ApplicationLogLevel } = functionOf(name).LoggingConfig;
    assert.equal(LogFormat, 'JSON');
    assert.equal(ApplicationLogLevel, 'INFO', 'a higher one would drop the metrics');
    assert.match(LogGroup.Ref, new RegExp(`^Functions${pascalCase(name)}Logs`));
  }
});

test('queues are encrypted, refuse plain HTTP, and give up after three receives into a queue of their kind', () => {
  assert.deepEqual(
    [...queues.keys()].sort(),
    [...workQueues, 'timer'].flatMap(name => [`dead-letters:${name}`, `queue:${name}`]).sort(),
  );
  for (const [name, { Properties: queue }] of queues) {
    assert.equal(queue.SqsManagedSseEnabled, true, name);
    assert.equal(queue.FifoQueue, name.endsWith(':timer') ? undefined : true, name);
    if (!name.startsWith('queue:')) continue;
    assert.equal(queue.RedrivePolicy.maxReceiveCount, 3, name);
    assert.equal(shortName(queue.RedrivePolicy.deadLetterTargetArn), name.replace('queue:', 'dead-letters:'));
  }
  const refused = all('AWS::SQS::QueuePolicy').filter(policy =>
    JSON.stringify(policy).includes('"aws:SecureTransport":"false"'),
  );
  assert.equal(refused.length, queues.size);
});

test('FIFO queues have the throughput of many groups', () => {
  for (const name of workQueues) {
    assert.equal(queueOf(`queue:${name}`).DeduplicationScope, 'messageGroup');
    assert.equal(queueOf(`queue:${name}`).FifoThroughputLimit, 'perMessageGroupId');
  }
});

test('a message is hidden for longer than its function may work, and seen again within minutes', () => {
  for (const template of [service, templatesOf('timeout: { source: 300, timer: 5 }').service])
    for (const [id, { Properties }] of resourcesOf(template, 'AWS::SQS::Queue')) {
      const [kind, name] = shortName({ Ref: id }).split(':') as [string, FunctionName];
      if (kind !== 'queue') continue;
      const spare = Properties.VisibilityTimeout - functionOf(name, template).Timeout;
      assert.ok(spare >= 30 && spare <= 60, `${id}: ${spare}`);
    }
  for (const name of [...workQueues, 'timer']) assert.ok(queueOf(`queue:${name}`).VisibilityTimeout <= 180, name);
});

test('what is given up is kept for two weeks, and looked at again each quarter of an hour', () => {
  for (const name of [...workQueues, 'timer']) {
    const letters = queueOf(`dead-letters:${name}`);
    assert.equal(letters.MessageRetentionPeriod, 14 * 86_400);
    assert.equal(letters.VisibilityTimeout, 900);
    assert.ok(letters.VisibilityTimeout >= functionOf('dead-letter').Timeout);
  }
});

test('queues feed the functions that they feed on one machine, with partial failures and a limit', () => {
  const mappings = all('AWS::Lambda::EventSourceMapping');
  const seen = mappings.map(mapping => {
    assert.deepEqual(mapping.FunctionResponseTypes, ['ReportBatchItemFailures']);
    assert.ok(mapping.ScalingConfig.MaximumConcurrency >= 2);
    assert.equal(mapping.MaximumBatchingWindowInSeconds, undefined);
    const [kind, name] = shortName(mapping.EventSourceArn).split(':');
    const target = /^Functions(\w+?)Function[0-9A-F]{8}$/.exec(mapping.FunctionName.Ref)?.[1];
    return `${kind === 'queue' ? name : `${name}-dlq`} ${target} ${mapping.BatchSize}`;
  });
  const wanted = localMappings.map(
    ({ queue, function: name, batchSize }) => `${queue} ${pascalCase(name)} ${batchSize}`,
  );
  assert.deepEqual(seen.sort(), wanted.sort());
});

test('the schedule runs each minute, and a minute that was missed is not made up for', () => {
  const [rule, ...others] = all('AWS::Events::Rule').filter(each => each.ScheduleExpression !== undefined);
  assert.equal(others.length, 0);
  assert.equal(rule!.ScheduleExpression, 'rate(1 minute)');
  assert.equal(rule!.State, 'ENABLED');
  assert.deepEqual(rule!.Targets[0].RetryPolicy, { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 });
  const [invoke] = all('AWS::Lambda::EventInvokeConfig').filter(each => /Schedule/.test(each.FunctionName.Ref));
  assert.equal(invoke!.MaximumRetryAttempts, 0);
  assert.equal(invoke!.MaximumEventAgeInSeconds, 60);
});

test('pushes and changes at AWS reach their function, those that are asked for', () => {
  const [example, none] = ['awsEvents: { s3: [config, charts] }', 'awsEvents: { ecr: false, codeCommit: false }'].map(
    yaml => all('AWS::Events::Rule', templatesOf(yaml).service).filter(rule => rule.EventPattern !== undefined),
  );
  assert.deepEqual(none, []);
  assert.deepEqual(
    example!.map(rule => rule.EventPattern),
    [
      {
        source: ['aws.ecr'],
        'detail-type': ['ECR Image Action'],
        detail: { 'action-type': ['PUSH'], result: ['SUCCESS'] },
      },
      { source: ['aws.codecommit'], 'detail-type': ['CodeCommit Repository State Change'] },
      {
        source: ['aws.s3'],
        'detail-type': ['Object Created', 'Object Deleted'],
        detail: { bucket: { name: ['config', 'charts'] } },
      },
    ],
  );
  for (const { Targets, State } of example!) {
    assert.equal(State, 'ENABLED');
    assert.match(JSON.stringify(Targets[0].Arn), /FunctionsCloudEventFunction/);
    assert.deepEqual(Targets[0].RetryPolicy, { MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 10 });
  }
  assert.equal(
    all('AWS::Events::Rule').filter(rule => rule.EventPattern !== undefined).length,
    2,
    'of S3 when it is asked for',
  );
  const [invoke] = all('AWS::Lambda::EventInvokeConfig').filter(each => /CloudEvent/.test(each.FunctionName.Ref));
  assert.equal(invoke!.MaximumRetryAttempts, 2);
});

test('artifacts are streamed from a function URL that is open to all', () => {
  const [url] = all('AWS::Lambda::Url');
  assert.equal(url!.AuthType, 'NONE');
  assert.equal(url!.InvokeMode, 'RESPONSE_STREAM');
  const open = all('AWS::Lambda::Permission').filter(permission => permission.Principal === '*');
  // Both are needed: a URL without the second answers 403.
  assert.deepEqual(open.map(permission => permission.Action).sort(), [
    'lambda:InvokeFunction',
    'lambda:InvokeFunctionUrl',
  ]);
  for (const permission of open) {
    assert.match(JSON.stringify(permission.FunctionName), /FunctionsArtifactFunction/);
    assert.ok(permission.FunctionUrlAuthType === 'NONE' || permission.InvokedViaFunctionUrl === true);
  }
});

test('webhooks come in at /hook only, throttled, and are logged without their headers', () => {
  assert.deepEqual(
    all('AWS::ApiGatewayV2::Route').map(route => route.RouteKey),
    ['ANY /hook/{path+}'],
  );
  const [stage] = all('AWS::ApiGatewayV2::Stage');
  assert.deepEqual(stage!.DefaultRouteSettings, { ThrottlingBurstLimit: 100, ThrottlingRateLimit: 50 });
  assert.ok(stage!.AccessLogSettings.DestinationArn);
  const format = Object.values(JSON.parse(stage!.AccessLogSettings.Format) as Record<string, string>);
  for (const field of format) assert.doesNotMatch(field, /header|authorizer|query/i);
});

test('a domain of your own gets its certificate, its mapping and its record', () => {
  const domain =
    'domain: { name: hooks.example.com, certificateArn: "arn:aws:acm:eu-west-1:111122223333:certificate/0123abcd-0123"';
  const without = templatesOf(`${domain} }`).service;
  assert.equal(all('AWS::Route53::RecordSet', without).length, 0);
  assert.ok(without.toJSON().Outputs.DomainTarget);
  const { service: template } = templatesOf(`${domain}, hostedZoneId: Z0123456789ABCDEFGHIJ }`);
  const [name] = all('AWS::ApiGatewayV2::DomainName', template);
  assert.equal(name!.DomainName, 'hooks.example.com');
  assert.equal(name!.DomainNameConfigurations[0].SecurityPolicy, 'TLS_1_2');
  assert.equal(all('AWS::ApiGatewayV2::ApiMapping', template).length, 1);
  const [record] = all('AWS::Route53::RecordSet', template);
  assert.equal(record!.HostedZoneId, 'Z0123456789ABCDEFGHIJ');
});

test('a VPC takes in the functions that talk to clusters, and no others', () => {
  const { service: template } = templatesOf('vpc: { id: vpc-0123456789abcdef0, subnets: [subnet-0123456789abcdef0] }');
  const inside = functionNames.filter(name => functionOf(name, template).VpcConfig);
  assert.deepEqual(inside, ['webhook', 'source', 'kustomize', 'notification', 'schedule', 'dead-letter']);
  const [group] = all('AWS::EC2::SecurityGroup', template);
  assert.equal(group!.SecurityGroupIngress, undefined);
  assert.deepEqual(functionOf('source', template).VpcConfig.SubnetIds, ['subnet-0123456789abcdef0']);
  assert.equal(functionOf('source').VpcConfig, undefined);
});

/** What functions read but the stack does not set, and why. */
const unset: Record<string, string> = {
  SLUICE_S3_PATH_STYLE: 'AWS knows buckets by host name',
  SLUICE_ALLOW_LOOPBACK: 'users must not reach the runtime API',
  SLUICE_KUBECTL: "the layer's is found by itself",
};

test("functions are given every variable that they read, and none that they don't", () => {
  const { service: template } = templatesOf(
    'clusterRequests: 5\ntenancy: { defaultServiceAccount: apply }\nsources: { aws: ["arn:aws:s3:::x"] }',
  );
  const read = (file: string) => readFileSync(join(root, file), 'utf8').match(/\bSLUICE_[A-Z0-9_]+/g) ?? [];
  const byAll = read('functions/ports-aws.ts');
  for (const name of functionNames) {
    const own = globSync(`functions/${name}/config.ts`, { cwd: root }).flatMap(read);
    const wanted = new Set([...byAll, ...own].filter(variable => !(variable in unset)));
    if (!['source', 'schedule', 'kustomize'].includes(name)) wanted.delete('SLUICE_ARTIFACTS_URL');
    // Of the clouds' variables, shared/cloud is the reader.
    if (name === 'source') wanted.add('SLUICE_SOURCES_ROLE_ARN');
    const given = Object.keys(functionOf(name, template).Environment.Variables).filter(
      variable => variable !== 'NODE_OPTIONS',
    );
    assert.deepEqual(given.sort(), [...wanted].sort(), name);
  }
});

test('the command line finds what it asks for among the outputs', () => {
  const outputs = Object.keys(service.toJSON().Outputs);
  const urls = ['Source', 'Kustomize', 'Notification', 'Timer'].flatMap(key => [
    `${key}QueueUrl`,
    `${key}DeadLettersUrl`,
  ]);
  const wanted = [
    'WebhookUrl',
    'ArtifactsUrl',
    'BucketName',
    'TableName',
    'ClusterRoleArn',
    'LogGroupPrefix',
    'DashboardUrl',
  ];
  assert.deepEqual(outputs.sort(), [...wanted, ...urls].sort());
  assert.equal(service.toJSON().Outputs.LogGroupPrefix.Value, '/sluice/sluice/');
});

test('nothing of one installation has a name of another', () => {
  const other = templatesOf('name: other').service;
  const named = (template: typeof service) =>
    resourcesOf(template).flatMap(([, { Properties }]) =>
      Object.entries(Properties ?? {}).flatMap(([key, value]) =>
        /Name$/.test(key) && typeof value === 'string' ? [value] : [],
      ),
    );
  const names = new Set(named(service).filter(name => name !== '$default'));
  assert.ok(names.size > 30);
  assert.deepEqual(
    named(other).filter(
      name => names.has(name) && !/^(AWS|Errors|Throttles|Approximate|5xx)/.test(name) && name !== 'SweepAge',
    ),
    [],
  );
});
