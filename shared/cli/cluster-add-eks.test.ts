import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { parse } from 'yaml';
import { selfSigned } from '../../test/scenario/certificate.ts';
import { EksEndpoint } from '../aws/testing/eks-endpoint.ts';
import { awsEnvironment } from '../aws/testing/environment.ts';
import { account, type Description, LoopbackAws, type Refusal } from '../aws/testing/loopback-aws.ts';
import type { Keys } from '../aws/testing/token-check.ts';
import { type Sandbox, startSandbox } from '../sandbox/server.ts';

const scratch = mkdtempSync(join(tmpdir(), 'sluice-eks-'));
const user = `arn:aws:iam::${account}:user/someone`;
const role = `arn:aws:iam::${account}:role/apps/sluice`;
const policy = 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy';
const keys: Keys = {
  accessKeyId: 'AKIASOMEONE',
  secretAccessKey: 'someones/secret+key',
  sessionToken: 'some/token+==',
};
const closed = 'https://127.0.0.1:1';
const entry = (principal: string) => `--cluster-name main --region eu-west-1 --principal-arn ${principal}`;

let aws: LoopbackAws;
let sandbox: Sandbox;
let endpoint: EksEndpoint;
let tls: { key: string; cert: string };
let behind: { server: string; ca: string; token: string };
let description: Description;
let restore = () => {};
let states = 0;
let dir = '';

before(async () => {
  aws = await LoopbackAws.start();
  sandbox = await startSandbox({ dir: join(scratch, 'sandbox'), simulate: false });
  tls = await selfSigned();
  const { clusters, users } = parse(sandbox.kubeconfig);
  const ca = Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64').toString();
  behind = { server: sandbox.url, ca, token: users[0].user.token };
});

after(async () => {
  await sandbox?.close();
  await aws?.close();
  rmSync(scratch, { recursive: true, force: true });
});

/** The account has a cluster "main", and someone who may do everything there but is not in it. */
beforeEach(async () => {
  dir = join(scratch, `state-${states++}`);
  endpoint = await EksEndpoint.start({ aws, clusterName: 'main', region: 'eu-west-1', tls, behind });
  aws.reset();
  aws.know(user, keys);
  description = {
    name: 'main',
    status: 'ACTIVE',
    endpoint: endpoint.url,
    certificateAuthority: { data: btoa(tls.cert) },
    resourcesVpcConfig: { endpointPublicAccess: true, publicAccessCidrs: ['0.0.0.0/0', '::/0'] },
    accessConfig: { authenticationMode: 'API_AND_CONFIG_MAP' },
  };
  aws.clusters.set('main', description);
  restore = awsEnvironment(process.env, aws.url, keys, { AWS_MAX_ATTEMPTS: '1' });
});

afterEach(async () => {
  restore();
  await endpoint.close();
});

async function sluice(name: 'cluster' | 'install' | 'check', ...args: string[]) {
  const { run } = await import(`./${name}.ts`);
  const out: string[] = [];
  const err: string[] = [];
  const lines = { out: (line: string) => out.push(line), err: (line: string) => err.push(line) };
  const exit = await run([...args, '--dir', dir], { ...lines, env: {}, cwd: scratch });
  const result = { exit, out: out.join('\n'), err: err.join('\n') };
  assertNoSecret(`${result.out}\n${result.err}`);
  return result;
}

const add = (...more: string[]) => sluice('cluster', 'add', 'prod', '--eks', 'main', '--region', 'eu-west-1', ...more);

function assertNoSecret(text: string): void {
  for (const secret of ['k8s-aws-v1', keys.secretAccessKey, keys.sessionToken!, 'role/secret', 'role//session'])
    assert.ok(!text.includes(secret), `it tells ${secret}:\n${text}`);
}

function assertNoSecretKept(): void {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter(file => file.isFile());
  assert.ok(files.length > 0);
  for (const file of files) assertNoSecret(readFileSync(join(file.parentPath, file.name), 'latin1'));
}

describe('cluster add --eks', () => {
  it('registers a cluster that works from then on', async () => {
    aws.entries.set(user, [policy]);
    const added = await add();
    assert.deepEqual(added, {
      exit: 0,
      out: `cluster "prod" registered: ${endpoint.url}\nnext: \`sluice install --cluster prod\` puts the definitions of Flux's kinds into it`,
      err: '',
    });
    assert.deepEqual(aws.operations(), ['GetCallerIdentity', 'DescribeCluster']);
    const list = await sluice('cluster', 'list');
    assert.match(list.out, /^prod +eks eu-west-1\/main +watch /m);
    aws.asked.length = 0;
    const installed = await sluice('install', '--cluster', 'prod');
    assert.equal(installed.exit, 0, installed.err);
    const checked = await sluice('check', '--cluster', 'prod');
    assert.match(checked.out, /✔ the API server answers\n✔ \d+ of \d+ kinds are defined as needed\n✔ the credentials/);
    assert.deepEqual(aws.asked, [], 'signing in asks AWS nothing');
    assert.deepEqual(
      endpoint.tokens.filter(({ refused }) => refused),
      [],
    );
    assertNoSecretKept();
  });

  it('signs in as a role, and describes the cluster as who you are', async () => {
    aws.roles.set(role, [user]);
    aws.entries.set(role, [policy]);
    assert.deepEqual((await add('--role-arn', role)).err, '');
    assert.deepEqual(
      aws.asked.map(({ operation, accessKeyId }) => `${operation} ${accessKeyId.replace(/\d+$/, '')}`),
      [
        'GetCallerIdentity AKIASOMEONE',
        'AssumeRole AKIASOMEONE',
        'GetCallerIdentity ASIASESSION',
        'DescribeCluster AKIASOMEONE',
      ],
    );
    const checked = await sluice('check', '--cluster', 'prod');
    assert.match(checked.out, /✔ the API server answers/);
    assert.equal(aws.operations().at(-1), 'AssumeRole');
    assertNoSecretKept();
  });

  it('describes the cluster as the role, when the cluster is in another account', async () => {
    const foreign = 'arn:aws:iam::444455556666:role/sluice';
    aws.roles.set(foreign, [user]);
    aws.entries.set(foreign, [policy]);
    assert.deepEqual((await add('--role-arn', foreign)).err, '');
    assert.match(aws.asked.at(-1)!.accessKeyId, /^ASIASESSION/);
  });

  it('makes an access entry when asked to, and waits until it is in effect', async () => {
    endpoint.unseen = 2;
    const { exit, out, err } = await add('--create-access-entry');
    assert.deepEqual([exit, err], [0, '']);
    assert.equal(out.split('\n')[0], `made an access entry for ${user}, with the policy AmazonEKSClusterAdminPolicy`);
    assert.deepEqual([...aws.entries], [[user, [policy]]]);
    const created = aws.asked.find(({ operation }) => operation === 'CreateAccessEntry');
    assert.deepEqual(created?.parameters.type, 'STANDARD');
    const distinct = new Set(endpoint.tokens.map(({ token }) => token));
    assert.ok(distinct.size > 1, 'a refused token is not shown again and again');
  });

  it('makes the access entry for the role with its path', async () => {
    aws.roles.set(role, [user]);
    assert.deepEqual((await add('--role-arn', role, '--create-access-entry')).err, '');
    assert.deepEqual([...aws.entries], [[role, [policy]]]);
    assert.equal(aws.operations().filter(operation => operation === 'AssumeRole').length, 1);
  });

  it('makes no access entry when there is no need', async () => {
    aws.entries.set(user, []);
    const { exit, out } = await add('--create-access-entry');
    assert.equal(exit, 0);
    assert.match(out, /^note: these credentials are not those of a cluster administrator/m);
    assert.ok(!aws.operations().includes('CreateAccessEntry'));
  });

  it('signs in when the clock of this machine is wrong', async () => {
    aws.clockAheadMs = -3600_000;
    aws.entries.set(user, [policy]);
    assert.deepEqual((await add()).err, '');
  });
});

interface Case {
  title: string;
  /** Makes the world as it is in this case. */
  given?: () => unknown;
  args?: string[];
  says: (string | RegExp)[];
}

const describing = (change: () => Partial<Description>) => () => Object.assign(description, change());
const refuse = (operation: string, refusal: Refusal) => () => aws.refuse(operation, refusal);

function identity(arn: string): void {
  aws.know(arn, keys);
}

function environment(more: Record<string, string | undefined>): void {
  restore();
  restore = awsEnvironment(process.env, aws.url, keys, { AWS_MAX_ATTEMPTS: '1', ...more });
}

const sso = 'AWSReservedSSO_Admin_0123456789abcdef';

const refusals: Case[] = [
  {
    title: 'no access entry',
    says: [
      `the cluster does not know ${user}: it has no access entry. Give the same command --create-access-entry, or make one:\n`,
      `  aws eks create-access-entry ${entry(user)}\n`,
      `  aws eks associate-access-policy ${entry(user)} --access-scope type=cluster \\\n    --policy-arn ${policy}`,
      /ClusterAdminPolicy$/,
    ],
  },
  {
    title: 'no access entry for a session of a role',
    given: () => identity(`arn:aws:sts::${account}:assumed-role/${sso}/someone`),
    says: [
      `aws eks create-access-entry ${entry(`arn:aws:iam::${account}:role/${sso}`)}`,
      `aws iam get-role --role-name ${sso} --query Role.Arn`,
    ],
  },
  {
    title: 'a role whose path is not known',
    given: () => identity(`arn:aws:sts::${account}:assumed-role/${sso}/someone`),
    args: ['--create-access-entry'],
    says: [
      /EKS does not take arn:\S+ for an access entry: The specified principalArn is invalid/,
      `aws iam get-role --role-name ${sso} --query Role.Arn`,
    ],
  },
  ...[`arn:aws:iam::${account}:root`, `arn:aws:sts::${account}:federated-user/someone`].flatMap(arn =>
    [[], ['--create-access-entry']].map(args => ({
      title: `an identity that can have no access entry: ${arn.split(':').at(-1)} ${args.join('')}`,
      given: () => identity(arn),
      args,
      says: [`the cluster does not know ${arn}, which can have no access entry; sign in as`, '--role-arn'],
    })),
  ),
  ...[[], ['--create-access-entry']].map(args => ({
    title: `a cluster without access entries ${args.join('')}`,
    given: describing(() => ({ accessConfig: { authenticationMode: 'CONFIG_MAP' } })),
    args,
    says: [
      'ruled by the ConfigMap aws-auth alone',
      'aws eks update-cluster-config --name main --region eu-west-1 --access-config authenticationMode=API_AND_CONFIG_MAP',
    ],
  })),
  {
    title: 'an access entry that is of no use',
    given: refuse('CreateAccessEntry', { status: 409, code: 'ResourceInUseException', message: 'in use' }),
    args: ['--create-access-entry'],
    says: [`${user} has an access entry already`, `aws eks delete-access-entry ${entry(user)}`, 'within a minute'],
  },
  {
    title: 'no permission to make an access entry',
    given: refuse('CreateAccessEntry', { status: 403, code: 'AccessDeniedException', message: 'User: x may not' }),
    args: ['--create-access-entry'],
    says: [
      /may not make an access entry for \S+ \(eks:CreateAccessEntry\): User: x may not\. Let someone/,
      `\n  aws eks create-access-entry ${entry(user)}\n`,
    ],
  },
  {
    title: 'no permission to give the access entry its policy',
    given: refuse('AssociateAccessPolicy', { status: 403, code: 'AccessDeniedException', message: 'User: x may not' }),
    args: ['--create-access-entry'],
    says: ['eks:AssociateAccessPolicy', 'which is made now', `\n  aws eks associate-access-policy ${entry(user)} `],
  },
  {
    title: 'a cluster that is not there',
    given: () => aws.clusters.clear(),
    says: [`there is no EKS cluster "main" in eu-west-1 in the account ${account}`, 'aws eks list-clusters'],
  },
  {
    title: 'a cluster that is being made',
    given: describing(() => ({ status: 'CREATING', endpoint: undefined, certificateAuthority: {} })),
    says: ['the cluster main is CREATING and has no API endpoint', 'aws eks describe-cluster --name main'],
  },
  {
    title: 'no permission to describe the cluster',
    given: refuse('DescribeCluster', { status: 403, code: 'AccessDeniedException', message: 'User: x may not' }),
    says: [`add a policy that allows eks:DescribeCluster on the cluster to ${user}`],
  },
  {
    title: 'a role that may not be assumed',
    given: () => aws.roles.set(role, []),
    args: ['--role-arn', role],
    says: [`these AWS credentials may not assume the role ${role}`, 'trust policy', 'sts:AssumeRole'],
  },
  {
    title: 'credentials that have run out',
    given: refuse('GetCallerIdentity', {
      status: 403,
      code: 'ExpiredToken',
      message: `The security token included in the request is expired\n'POST\n/\nx-amz-security-token:${keys.sessionToken}'`,
    }),
    says: ['AWS refuses the credentials to say whose credentials these are', 'is expired; renew them (`aws sso login`'],
  },
  {
    title: 'no credentials',
    given: () => environment({ AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined }),
    says: ['there are no AWS credentials', 'AWS_PROFILE', 'aws sso login'],
  },
  {
    title: 'too many requests',
    given: refuse('DescribeCluster', { status: 429, code: 'TooManyRequestsException', message: 'Rate exceeded' }),
    says: ['AWS limits the requests of this account', 'try again in a minute'],
  },
  {
    title: 'an AWS that cannot be reached',
    given: () => environment({ AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:1' }),
    says: ['AWS could not be asked to say whose credentials these are', "check the region's name"],
  },
  {
    title: 'something else in the place of STS',
    given: refuse('GetCallerIdentity', { status: 200, text: '<html><body>Sign in to the network</body></html>' }),
    says: [/^error: AWS did not say whose credentials these are; see whether something else answers/],
  },
  {
    title: 'something else in the place of EKS',
    given: refuse('DescribeCluster', { status: 200, text: '<html>\u001b[31mSign in</html>' }),
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that there is none is what is looked for
    says: [/^error: AWS could not be asked to describe the cluster main [^\n\u001b]+; check .*proxy/],
  },
  {
    title: 'an answer about nothing',
    given: refuse('DescribeCluster', { status: 200, text: '{}' }),
    says: ['AWS describes the cluster main in a way that is not understood'],
  },
  {
    title: 'an endpoint without encryption',
    given: describing(() => ({ endpoint: endpoint.url.replace('https', 'http') })),
    says: ['in a way that is not understood', 'endpoint'],
  },
  {
    title: 'a certificate authority that is none',
    given: describing(() => ({ certificateAuthority: { data: btoa('garbage') } })),
    says: ['in a way that is not understood', 'is no certificate'],
  },
  {
    title: 'a server with another certificate',
    given: describing(() => ({ certificateAuthority: { data: btoa(behind.ca) } })),
    says: ['does not answer as it should', 'certificate is not trusted'],
  },
  {
    title: 'a private endpoint that cannot be reached',
    given: describing(() => ({ endpoint: closed, resourcesVpcConfig: { endpointPublicAccess: false } })),
    says: [`the API server of "prod" (${closed}) does not answer as it should; its endpoint is private`],
  },
  {
    title: 'an endpoint that is open to others',
    given: describing(() => ({ endpoint: closed, resourcesVpcConfig: { publicAccessCidrs: ['203.0.113.0/24'] } })),
    says: ['its endpoint is open to 203.0.113.0/24 alone', 'the address of this machine'],
  },
  {
    title: 'an open endpoint that does not answer',
    given: describing(() => ({ endpoint: closed })),
    says: [/does not answer as it should: cluster "prod" at \S+ cannot be reached: .*ECONNREFUSED/],
  },
];

describe('cluster add --eks says what is wrong, and what to do', () => {
  for (const { title, given, args = [], says } of refusals)
    it(title, async () => {
      given?.();
      const { exit, err } = await add(...args);
      assert.equal(exit, 1);
      for (const part of says)
        if (typeof part === 'string') assert.ok(err.includes(part), `no "${part}" in:\n${err}`);
        else assert.match(err, part);
      const list = await sluice('cluster', 'list');
      assert.match(list.out, /no cluster is registered/);
      assertNoSecretKept();
    });
});

describe('a registered EKS cluster', () => {
  it('is said to be away when AWS gives no credentials any more', async () => {
    aws.roles.set(role, [user]);
    aws.entries.set(role, [policy]);
    assert.equal((await add('--role-arn', role)).exit, 0);
    aws.roles.set(role, []);
    const { exit, out } = await sluice('check', '--cluster', 'prod');
    assert.equal(exit, 1);
    assert.match(out, /✗ the cluster cannot be asked: cluster "prod" cannot be signed in to: .*trust policy/);
  });

  it('is said to refuse who is not admitted any more', async () => {
    aws.entries.set(user, [policy]);
    assert.equal((await add()).exit, 0);
    aws.entries.clear();
    const { exit, out } = await sluice('check', '--cluster', 'prod');
    assert.equal(exit, 1);
    assert.match(out, /✗ the cluster cannot be asked: Unauthorized/);
  });
});
