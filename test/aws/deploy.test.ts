import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ACMClient, RequestCertificateCommand } from '@aws-sdk/client-acm';
import { CloudFormationClient, CreateStackCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { CreateSecurityGroupCommand, CreateSubnetCommand, CreateVpcCommand, EC2Client } from '@aws-sdk/client-ec2';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { type AwsServers, credentials, region, startAwsServers } from './servers.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'sluice-deploy-'));
let servers: AwsServers;
let env: NodeJS.ProcessEnv;

before(async () => {
  servers = await startAwsServers();
  env = { ...process.env, ...servers.env, AWS_ENDPOINT_URL: servers.moto };
});
after(async () => {
  rmSync(dir, { recursive: true, force: true });
  await servers.close();
});

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a script of infra/ with a configuration, as npm does. */
function run(
  script: 'deploy' | 'destroy',
  yaml: string,
  args: string[] = [],
  more: NodeJS.ProcessEnv = {},
): Promise<Ran> {
  const file = join(dir, `${Math.random().toString(36).slice(2)}.yaml`);
  writeFileSync(file, yaml);
  return new Promise(resolve =>
    execFile(
      process.execPath,
      [`infra/${script}.ts`, '-c', `config=${file}`, ...args],
      { cwd: root, env: { ...env, ...more } },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    ),
  );
}

const check = (yaml: string, more?: NodeJS.ProcessEnv) => run('deploy', yaml, ['--check'], more);
const client = () => ({ endpoint: servers.moto, region, credentials });

async function bootstrap(version: string): Promise<void> {
  await new SSMClient(client()).send(
    new PutParameterCommand({
      Name: '/cdk-bootstrap/hnb659fds/version',
      Value: version,
      Type: 'String',
      Overwrite: true,
    }),
  );
}

test('a region that is not bootstrapped is told the command', async () => {
  const { code, stderr } = await check('region: eu-north-1');
  assert.equal(code, 1);
  assert.match(
    stderr,
    /error: the CDK is not bootstrapped in eu-north-1 of the account \d{12}; run `npx cdk bootstrap aws:\/\/\d{12}\/eu-north-1`/,
  );
  assert.match(stderr, /Nothing was changed/);
});

test('a bootstrap that is too old is told, and one that will do lets the check pass', async () => {
  await bootstrap('5');
  assert.match((await check('')).stderr, /has version 5, at least 6 is needed/);
  await bootstrap('21');
  const { code, stdout, stderr } = await check('');
  assert.equal(code, 0, stderr);
  assert.match(stdout, new RegExp(`sluice: account \\d{12}, region ${region}, as arn:`));
});

test('a configuration that is wrong is told before AWS is asked', async () => {
  const { code, stderr } = await check('memory: { kustomise: 1 }', { AWS_ENDPOINT_URL: 'http://127.0.0.1:1' });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /memory\.kustomise: there is no such option; did you mean kustomize\?\nNothing was changed\.\n$/,
  );
});

test('credentials of another account, none at all, and an AWS that does not answer', async () => {
  assert.match(
    (await check('account: "999999999999"')).stderr,
    /the credentials are of the account \d{12} .* says `account: "999999999999"`/,
  );
  const none = await check('', { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_EC2_METADATA_DISABLED: 'true' });
  assert.match(none.stderr, /no AWS credentials were found/);
  const away = await check('', { AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:1' });
  assert.match(away.stderr, /AWS cannot be reached in eu-west-1 \(ECONNREFUSED\); see whether the region is enabled/);
  const nowhere = await check('', { AWS_REGION: '', AWS_DEFAULT_REGION: '' });
  assert.match(nowhere.stderr, /no region is known; set `region` in sluice\.yaml, or AWS_REGION/);
});

test('credentials that AWS refuses, and permissions that are missing', async () => {
  for (const [type, expected] of [
    ['ExpiredToken', /the AWS credentials have expired; sign in again/],
    ['InvalidClientTokenId', /AWS does not accept the credentials/],
    ['AccessDenied', /the credentials may not sts:GetCallerIdentity/],
  ] as const) {
    const refusing = createServer((_, answer) => {
      answer.writeHead(403, { 'content-type': 'text/xml' });
      answer.end(
        `<ErrorResponse><Error><Type>Sender</Type><Code>${type}</Code><Message>no</Message></Error></ErrorResponse>`,
      );
    });
    await new Promise<void>(resolve => refusing.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(refusing.address() as AddressInfo).port}`;
    assert.match((await check('', { AWS_ENDPOINT_URL_STS: url })).stderr, expected, type);
    refusing.close();
  }
});

test('subnets and security groups have to be there, and in the VPC', async () => {
  await bootstrap('21');
  const ec2 = new EC2Client(client());
  const vpcOf = async (cidr: string) => (await ec2.send(new CreateVpcCommand({ CidrBlock: cidr }))).Vpc!.VpcId!;
  const [vpc, other] = [await vpcOf('10.1.0.0/16'), await vpcOf('10.2.0.0/16')];
  const subnetOf = async (VpcId: string, CidrBlock: string) =>
    (await ec2.send(new CreateSubnetCommand({ VpcId, CidrBlock }))).Subnet!.SubnetId!;
  const [good, elsewhere] = [await subnetOf(vpc, '10.1.1.0/24'), await subnetOf(other, '10.2.1.0/24')];
  const group = (await ec2.send(new CreateSecurityGroupCommand({ GroupName: 'x', Description: 'x', VpcId: vpc })))
    .GroupId!;
  const fine = await check(`vpc: { id: ${vpc}, subnets: [${good}], securityGroups: [${group}] }`);
  assert.equal(fine.code, 0, fine.stderr);
  const wrong = await check(
    `vpc: { id: ${vpc}, subnets: [${good}, ${elsewhere}, subnet-0123456789abcdef0], securityGroups: [sg-0123456789abcdef0] }`,
  );
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, new RegExp(`error: vpc\\.subnets\\.1: ${elsewhere} belongs to ${other}, not to ${vpc}\n`));
  assert.match(wrong.stderr, /error: vpc\.subnets\.2: there is no subnet-0123456789abcdef0 in eu-west-1/);
  assert.match(wrong.stderr, /error: vpc\.securityGroups\.0: there is no sg-0123456789abcdef0/);
  assert.doesNotMatch(wrong.stderr, new RegExp(good));
  const absent = await check(`vpc: { id: vpc-0123456789abcdef0, subnets: [${good}] }`);
  assert.match(absent.stderr, /error: vpc\.id: there is no vpc-0123456789abcdef0 in eu-west-1/);
});

test('the certificate has to be there, issued, and for the domain', async () => {
  await bootstrap('21');
  const acm = new ACMClient(client());
  const domain = (name: string, arn: string) => `domain: { name: ${name}, certificateArn: "${arn}" }`;
  const asked = await acm.send(new RequestCertificateCommand({ DomainName: '*.example.com', ValidationMethod: 'DNS' }));
  const pending = await check(domain('a.b.example.com', asked.CertificateArn!));
  assert.match(pending.stderr, /the certificate is for \*\.example\.com, not for a\.b\.example\.com/);
  const absent = asked.CertificateArn!.replace(/[0-9a-f-]+$/, '00000000-0000-0000-0000-000000000000');
  assert.match((await check(domain('hooks.example.com', absent))).stderr, /there is no certificate arn:aws:acm/);
  const foreign = asked.CertificateArn!.replace(region, 'us-east-1');
  assert.match(
    (await check(domain('hooks.example.com', foreign))).stderr,
    /the certificate is in us-east-1, and this is deployed to eu-west-1/,
  );
});

test('who cannot be asked has to say yes', async () => {
  const { code, stderr } = await run('deploy', '');
  assert.equal(code, 1);
  assert.match(stderr, /nobody to be asked .* add `-- --yes`/);
});

test('destroy deletes the functions, keeps the state, and says how to remove that, too', async t => {
  const cloudFormation = new CloudFormationClient(client());
  const create = (StackName: string, resources: object, EnableTerminationProtection = false) =>
    cloudFormation.send(
      new CreateStackCommand({
        StackName,
        TemplateBody: JSON.stringify({ Resources: resources }),
        EnableTerminationProtection,
      }),
    );
  const bucket = { Type: 'AWS::S3::Bucket', DeletionPolicy: 'Retain', Properties: { BucketName: 'gone-artifacts' } };
  await create('gone-state', { B: bucket }, true);
  await create('gone', { Q: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'gone-queue' } } });
  const unprotected = await protectionProxy(servers.moto);
  t.after(() => unprotected.close());
  env = { ...env, AWS_ENDPOINT_URL_CLOUDFORMATION: unprotected.url };
  const unsure = await run('destroy', 'name: gone');
  assert.match(unsure.stderr, /nobody to be asked/);
  const { code, stdout, stderr } = await run('destroy', 'name: gone', ['--yes']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /deleting gone …\n\nDeleted\. What stays/);
  assert.match(stdout, /the bucket gone-artifacts: artifacts/);
  assert.match(stdout, /aws s3 rb s3:\/\/gone-artifacts --force/);
  const left = await cloudFormation.send(new DescribeStacksCommand({ StackName: 'gone-state' }));
  assert.equal(left.Stacks?.[0]?.StackStatus, 'CREATE_COMPLETE');
  assert.deepEqual(unprotected.asked, [], 'the state stays protected');
  const all = await run('destroy', 'name: gone', ['--yes', '--all']);
  assert.equal(all.code, 0, all.stderr);
  assert.match(all.stdout, /deleting gone-state/);
  assert.deepEqual(unprotected.asked, ['gone-state=false']);
  const nothing = await run('destroy', 'name: gone', ['--yes', '--all']);
  assert.equal(nothing.code, 1);
  assert.match(nothing.stderr, /there is no stack gone or gone-state in eu-west-1 of the account \d{12}/);
});

/** moto in front, which does not know UpdateTerminationProtection: that is answered here, and noted. */
async function protectionProxy(moto: string): Promise<{ url: string; asked: string[]; close: () => void }> {
  const asked: string[] = [];
  const server = createServer(async (request, answer) => {
    const body = new URLSearchParams(await text(request));
    if (body.get('Action') === 'UpdateTerminationProtection') {
      const name = body.get('StackName');
      asked.push(`${name}=${body.get('EnableTerminationProtection')}`);
      const result = `<UpdateTerminationProtectionResult><StackId>${name}</StackId></UpdateTerminationProtectionResult>`;
      answer.end(`<UpdateTerminationProtectionResponse>${result}</UpdateTerminationProtectionResponse>`);
      return;
    }
    const { authorization = '', 'content-type': type = '' } = request.headers;
    const headers = { authorization, 'content-type': type };
    const forwarded = await fetch(moto, { method: 'POST', headers, body: body.toString() });
    const said = await forwarded.text();
    answer.writeHead(forwarded.status, { 'content-type': forwarded.headers.get('content-type') ?? 'text/xml' });
    answer.end(said);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, close: () => server.close() };
}
