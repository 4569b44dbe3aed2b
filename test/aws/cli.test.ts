/** The command line on an installation on AWS: its commands as they are, and every service they ask. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CloudFormationClient, CreateStackCommand } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ListSecretsCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { parse, stringify } from 'yaml';
import { EksEndpoint } from '../../shared/aws/testing/eks-endpoint.ts';
import { LoopbackAws } from '../../shared/aws/testing/loopback-aws.ts';
import { connect } from '../../shared/kube/client.ts';
import { accessFromKubeconfig } from '../../shared/kube/kubeconfig.ts';
import { startSandbox } from '../../shared/sandbox/server.ts';
import { selfSigned } from '../scenario/certificate.ts';
import { createQueues } from './installation.ts';
import { credentials, region, startAwsServers } from './servers.ts';
import { createTable } from './table.ts';

const servers = await startAwsServers();
const env: Record<string, string> = {
  ...servers.env,
  AWS_ENDPOINT_URL_CLOUDFORMATION: servers.moto,
  PATH: process.env.PATH ?? '',
};
const scratch = mkdtempSync(join(tmpdir(), 'sluice-cli-aws-'));
const sandbox = await startSandbox({ dir: join(scratch, 'sandbox'), simulate: false });
writeFileSync(join(scratch, 'kubeconfig'), sandbox.kubeconfig);
// Servers that other files of the run ask, too.
const name = `cli-${randomUUID().slice(0, 8)}`;
const queues = await createQueues(servers, name, 30);
const client = { region, credentials };
const cloudFormation = new CloudFormationClient({ ...client, endpoint: servers.moto });
const secretsManager = new SecretsManagerClient({ ...client, endpoint: servers.secrets });
const sqs = new SQSClient({ ...client, endpoint: servers.sqs, useQueueUrlAsEndpoint: false });
const dynamo = new DynamoDBClient({ ...client, endpoint: servers.dynamodb });
await createTable(dynamo, name);

const outputs: Record<string, string> = {
  WebhookUrl: 'https://hooks.example/',
  ArtifactsUrl: 'https://artifacts.example/',
  BucketName: name,
  TableName: name,
  SourceQueueUrl: queues.urls.source,
  KustomizeQueueUrl: queues.urls.kustomize,
  NotificationQueueUrl: queues.urls.notification,
  TimerQueueUrl: queues.urls.timer,
  SourceDeadLettersUrl: queues.deadLetters.source,
  KustomizeDeadLettersUrl: queues.deadLetters.kustomize,
  NotificationDeadLettersUrl: queues.deadLetters.notification,
  TimerDeadLettersUrl: queues.deadLetters.timer,
  ClusterRoleArn: 'arn:aws:iam::123456789012:role/clusters',
  LogGroupPrefix: `/sluice/${name}/`,
};
const template = {
  Resources: { Topic: { Type: 'AWS::SNS::Topic' } },
  Outputs: Object.fromEntries(Object.entries(outputs).map(([key, Value]) => [key, { Value }])),
};
await cloudFormation.send(new CreateStackCommand({ StackName: name, TemplateBody: JSON.stringify(template) }));

after(async () => {
  for (const each of [cloudFormation, secretsManager, sqs, dynamo]) each.destroy();
  await sandbox.close();
  await servers.close();
  rmSync(scratch, { recursive: true, force: true });
});

const main = fileURLToPath(new URL('../../shared/cli/main.ts', import.meta.url));

/** A process of its own, as a user has it: it has to end by itself, too. */
async function sluice(args: string[], more: Record<string, string> = {}) {
  const child = spawn(process.execPath, [main, ...args], { cwd: scratch, env: { ...env, ...more } });
  const limit = setTimeout(() => child.kill('SIGKILL'), 120_000);
  const [out, err, [exit]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  clearTimeout(limit);
  return { exit, out: out.trimEnd(), err: err.trimEnd() };
}
const there = (...args: string[]) => sluice([...args, '--aws', name]);

async function secretNames(): Promise<string[]> {
  const filter = { Filters: [{ Key: 'name' as const, Values: [`sluice/${name}/`] }] };
  const { SecretList = [] } = await secretsManager.send(new ListSecretsCommand(filter));
  return SecretList.map(secret => secret.Name!);
}

// In order: each builds on what the one before has left.
describe('an installation on AWS, from the first command on', async () => {
  it('has no cluster at first', async () => {
    assert.deepEqual(await there('cluster', 'list'), {
      exit: 0,
      out: 'no cluster is registered; add one with `sluice cluster add NAME --kubeconfig FILE`',
      err: '',
    });
    assert.match((await there('check')).err, /no cluster is registered/);
  });

  it('refuses what the functions could not work with, and keeps nothing', async () => {
    const config = parse(sandbox.kubeconfig);
    config.users[0].user = { exec: { command: 'gke-gcloud-auth-plugin' } };
    writeFileSync(join(scratch, 'plugin'), stringify(config));
    const table: [string[], number, RegExp][] = [
      [
        ['--kubeconfig', 'plugin'],
        1,
        /signs in by the exec plugin "gke-gcloud-auth-plugin", which the functions on AWS/,
      ],
      [['--kubeconfig', 'kubeconfig', '--changes', 'watch'], 2, /--changes watch keeps a connection open/],
      [['--kubeconfig', 'kubeconfig', '--dir', 'x'], 2, /--aws and --dir name two installations/],
    ];
    for (const [args, exit, message] of table) {
      const refused = await there('cluster', 'add', 'main', ...args);
      assert.equal(refused.exit, exit, refused.err);
      assert.match(refused.err, message);
    }
    const own = await sluice(['cluster', 'add', 'main', '--kubeconfig', 'kubeconfig', '--aws', name], {
      SLUICE_ALLOW_LOOPBACK: 'false',
    });
    assert.match(own.err, /The functions on AWS cannot reach it there/);
    assert.match((await there('cluster', 'list')).out, /no cluster is registered/);
    assert.deepEqual(await secretNames(), []);
  });

  it('registers a cluster, with its credentials in Secrets Manager', async () => {
    const added = await there('cluster', 'add', 'main', '--kubeconfig', 'kubeconfig');
    assert.equal(added.exit, 0, added.err);
    assert.match(added.out, /^cluster "main" registered: https?:\/\/127\.0\.0\.1/);
    assert.match(added.out, new RegExp(`^next: \`sluice install --cluster main --aws ${name}\``, 'm'));
    const names = await secretNames();
    assert.equal(names.length, 1);
    assert.match(names[0]!, new RegExp(`^sluice/${name}/cluster-main-[0-9a-f]{8}$`));
    assert.match((await there('cluster', 'list')).out, /^main +kubeconfig \(\S+\) +sweep /m);
    const again = await there('cluster', 'add', 'main', '--kubeconfig', 'kubeconfig');
    assert.equal(again.exit, 1);
    assert.match(again.err, /a cluster "main" is registered already/);
    assert.equal((await secretNames()).length, 1);
  });

  it('is chosen by the environment as well, with its region', async () => {
    const elsewhere = { SLUICE_AWS: `${name}@${region}`, AWS_REGION: 'us-east-1' };
    assert.match((await sluice(['cluster', 'list'], elsewhere)).out, /^main /m);
    const absent = await sluice(['cluster', 'list'], { SLUICE_AWS: name, AWS_REGION: 'us-east-1' });
    assert.equal(absent.exit, 1);
    assert.match(absent.err, new RegExp(`^error: there is no stack "${name}" in us-east-1 in the account \\d{12}`));
  });

  it('installs into the cluster and finds all in order', async () => {
    const installed = await there('install', '--cluster', 'main');
    assert.equal(installed.exit, 0, installed.err);
    const checked = await there('check');
    assert.equal(checked.exit, 0, checked.out);
    assert.match(
      checked.out,
      /^installation cli-\w+@eu-west-1\n✔ webhooks are taken at https:\/\/hooks\.example\ncluster main\n✔ the API server answers\n✔ (\d+) of \1 kinds are defined as needed\n✔ .*\nqueues\n✔ no message was given up$/,
    );
  });

  it('reads the index from the cluster, and knows where its own artifacts are', async () => {
    const cluster = connect('main', await accessFromKubeconfig(sandbox.kubeconfig));
    const source = (own: string, url: string) => ({
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'GitRepository',
      metadata: { name: own, namespace: 'flux-system' },
      spec: { url: 'https://git.example/apps.git', interval: '10m' },
      status: {
        observedGeneration: 1,
        conditions: [
          {
            type: 'Ready',
            status: 'True',
            reason: 'Succeeded',
            message: 'stored',
            lastTransitionTime: '2026-01-01T00:00:00Z',
            observedGeneration: 1,
          },
        ],
        artifact: {
          url,
          path: 'a',
          revision: 'main@sha1:1',
          digest: `sha256:${'0'.repeat(64)}`,
          lastUpdateTime: '2026-01-01T00:00:00Z',
        },
      },
    });
    for (const object of [
      source('ours', 'https://artifacts.example/artifacts/x/y.tar.gz'),
      source('flux', 'http://source-controller.flux-system.svc/gitrepository/x.tar.gz'),
    ]) {
      const { status: _, ...bare } = object;
      await cluster.apply(bare, { fieldManager: 'test', force: true });
      await cluster.apply(object, { fieldManager: 'test', force: true, subresource: 'status' });
    }
    cluster.close();
    assert.deepEqual(await there('resync'), { exit: 0, out: 'main: 2 objects, 1 to be reconciled', err: '' });
    const { out } = await there('status');
    assert.match(out, /GitRepository\/flux +True/);
    assert.match(out, /GitRepository\/ours +True/);
    // Without ages, and without columns that are as wide as they.
    const ageless = (table: string) => table.replace(/ +\d+[sm] +/g, ' ').replace(/ +/g, ' ');
    assert.equal(ageless((await there('status', '--live')).out), ageless(out));
    const asked = new GetQueueAttributesCommand({
      QueueUrl: queues.urls.source,
      AttributeNames: ['ApproximateNumberOfMessages'],
    });
    assert.equal((await sqs.send(asked)).Attributes?.ApproximateNumberOfMessages, '1');
  });

  it('counts what was given up', async () => {
    for (const id of ['1', '2'])
      await sqs.send(
        new SendMessageCommand({
          QueueUrl: queues.deadLetters.kustomize,
          MessageBody: '{}',
          MessageGroupId: 'g',
          MessageDeduplicationId: id,
        }),
      );
    const { exit, out } = await there('check');
    assert.equal(exit, 1);
    assert.match(out, /^✗ 2 messages of the queue kustomize /m);
  });

  it('registers an EKS cluster for the role of the functions, and asks it with the own credentials', async () => {
    const aws = await LoopbackAws.start();
    const tls = await selfSigned();
    const { clusters, users } = parse(sandbox.kubeconfig);
    const ca = Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64').toString();
    const behind = { server: sandbox.url, ca, token: users[0].user.token };
    const endpoint = await EksEndpoint.start({ aws, clusterName: 'main', region, tls, behind });
    const operator = 'arn:aws:iam::123456789012:user/someone';
    aws.know(operator, credentials);
    aws.roles.set(outputs.ClusterRoleArn!, []);
    aws.entries.set(operator, ['arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy']);
    aws.clusters.set('main', {
      name: 'main',
      status: 'ACTIVE',
      endpoint: endpoint.url,
      certificateAuthority: { data: btoa(tls.cert) },
      accessConfig: { authenticationMode: 'API' },
    });
    const asking = { AWS_ENDPOINT_URL_STS: aws.url, AWS_ENDPOINT_URL_EKS: aws.url, SLUICE_AWS: name };
    try {
      const add = ['cluster', 'add', 'eks', '--eks', 'main'];
      const refused = await sluice(add, asking);
      assert.match(refused.err, /the cluster does not know \S+role\/clusters: it has no access entry/);
      const added = await sluice([...add, '--create-access-entry'], asking);
      assert.deepEqual([added.exit, added.err], [0, '']);
      assert.match(added.out, /^made an access entry for arn:aws:iam::123456789012:role\/clusters, /);
      assert.match(added.out, /^next: `sluice install --cluster eks` /m);
      assert.match((await sluice(['cluster', 'list'], asking)).out, /^eks +eks eu-west-1\/main +sweep /m);
      const checked = await sluice(['check', '--cluster', 'eks'], asking);
      assert.match(checked.out, /cluster eks\n✔ the API server answers/);
      assert.match(
        checked.err,
        /^note: cluster "eks" is asked with your own credentials, since you may not assume .*$/,
      );
      assert.equal((await sluice(['cluster', 'remove', 'eks', '--yes'], asking)).exit, 0);
    } finally {
      await endpoint.close();
      await aws.close();
    }
  });

  it('forgets a cluster, and its credentials', async () => {
    assert.match((await there('cluster', 'remove', 'main')).err, /the reconciling of 2 objects/);
    assert.deepEqual(await there('cluster', 'remove', 'main', '--yes'), {
      exit: 0,
      out: 'cluster "main" removed; what runs in it stays as it is',
      err: '',
    });
    assert.deepEqual(await secretNames(), []);
    assert.match((await there('status')).err, /no cluster is registered/);
  });
});
