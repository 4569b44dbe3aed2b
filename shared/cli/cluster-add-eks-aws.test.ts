import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { parse } from 'yaml';
import { selfSigned } from '../../test/scenario/certificate.ts';
import { operatorAccess } from '../aws/operator-access.ts';
import { EksEndpoint } from '../aws/testing/eks-endpoint.ts';
import { awsEnvironment } from '../aws/testing/environment.ts';
import { account, type Description, LoopbackAws } from '../aws/testing/loopback-aws.ts';
import type { Keys } from '../aws/testing/token-check.ts';
import { connect } from '../kube/client.ts';
import { systemClock } from '../ports/clock.ts';
import { type Sandbox, startSandbox } from '../sandbox/server.ts';
import { reachForFunctions } from './cluster-add-eks-aws.ts';
import { explain } from './command.ts';

const scratch = mkdtempSync(join(tmpdir(), 'sluice-eks-aws-'));
const operator = `arn:aws:iam::${account}:user/someone`;
const clusterRole = `arn:aws:iam::${account}:role/sluice-clusters`;
const foreign = 'arn:aws:iam::444455556666:role/sluice';
const policy = 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy';
const keys: Keys = { accessKeyId: 'AKIASOMEONE', secretAccessKey: 'someones/secret+key' };
const closed = 'https://127.0.0.1:1';

let aws: LoopbackAws;
let sandbox: Sandbox;
let endpoint: EksEndpoint;
let description: Description;
let start: () => Promise<EksEndpoint>;
let restore = () => {};

before(async () => {
  aws = await LoopbackAws.start();
  sandbox = await startSandbox({ dir: join(scratch, 'sandbox'), simulate: false });
  const tls = await selfSigned();
  const { clusters, users } = parse(sandbox.kubeconfig);
  const ca = Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64').toString();
  const behind = { server: sandbox.url, ca, token: users[0].user.token };
  start = () => EksEndpoint.start({ aws, clusterName: 'main', region: 'eu-west-1', tls, behind });
  description = { name: 'main', status: 'ACTIVE', certificateAuthority: { data: btoa(tls.cert) } };
});
after(async () => {
  await sandbox?.close();
  await aws?.close();
  rmSync(scratch, { recursive: true, force: true });
});

/** An account with a cluster "main" and a role for the functions, which nobody else may assume. */
beforeEach(async () => {
  endpoint = await start();
  aws.reset();
  aws.know(operator, keys);
  aws.roles.set(clusterRole, []);
  describeAs({});
  restore = awsEnvironment(process.env, aws.url, keys, { AWS_MAX_ATTEMPTS: '1' });
});
afterEach(async () => {
  restore();
  await endpoint.close();
});

function describeAs(change: Partial<Description>): void {
  const open = { endpointPublicAccess: true, publicAccessCidrs: ['0.0.0.0/0'] };
  const usual = { endpoint: endpoint.url, resourcesVpcConfig: open, accessConfig: { authenticationMode: 'API' } };
  aws.clusters.set('main', { ...description, ...usual, ...change });
}

async function reach(options: { createEntry?: boolean; roleArn?: string } = {}) {
  const out: string[] = [];
  const io = { out: (line: string) => out.push(line), err: () => {}, env: {}, cwd: scratch };
  const request = { name: 'prod', clusterName: 'main', region: 'eu-west-1', roleArn: undefined, createEntry: false };
  const reached = await reachForFunctions({ ...request, ...options }, clusterRole, io);
  assert.ok('eks' in reached);
  return { ...reached, out: out.join('\n'), notes: (reached.notes ?? []).join('\n') };
}

const refusedWith = (parts: (string | RegExp)[]) => (error: unknown) => {
  const text = explain(error);
  for (const part of parts)
    assert.ok(typeof part === 'string' ? text.includes(part) : part.test(text), `no ${part} in:\n${text}`);
  return true;
};

describe('cluster add --eks for an installation on AWS', () => {
  it('registers the role of the functions, also for those who may not assume it', async () => {
    aws.entries.set(clusterRole, [policy]);
    const { eks, rights, notes, out } = await reach();
    assert.deepEqual([eks.roleArn, eks.server, rights, out], [clusterRole, endpoint.url, 'unknown', '']);
    assert.match(notes, /^\S+sluice-clusters has an access entry; .*`sluice logs --cluster prod --level warn`/);
  });

  it('looks as the functions do, for those who may assume the role', async () => {
    aws.roles.set(clusterRole, [operator]);
    aws.entries.set(clusterRole, [policy]);
    const { rights, notes } = await reach();
    assert.deepEqual([rights, notes], ['all', '']);
    assert.ok(!aws.operations().includes('DescribeAccessEntry'), 'what the cluster says is enough');
  });

  for (const assumes of [false, true]) {
    const whose = assumes ? 'of those who may assume the role' : 'of others';
    it(`asks for an access entry for the role, and not for the own one: ${whose}`, async () => {
      if (assumes) aws.roles.set(clusterRole, [operator]);
      aws.entries.set(operator, [policy]);
      const says = [
        `the cluster does not know ${clusterRole}: it has no access entry. Give the same command --create-access-entry`,
        `--principal-arn ${clusterRole}\n`,
      ];
      await assert.rejects(reach(), refusedWith(says));
    });

    it(`makes the access entry for the role: ${whose}`, async () => {
      if (assumes) aws.roles.set(clusterRole, [operator]);
      const { out, rights } = await reach({ createEntry: true });
      assert.equal(out, `made an access entry for ${clusterRole}, with the policy AmazonEKSClusterAdminPolicy`);
      assert.deepEqual([...aws.entries], [[clusterRole, [policy]]]);
      assert.equal(rights, assumes ? 'all' : 'unknown');
    });
  }

  it('leaves an access entry that it may not see as it is', async () => {
    aws.entries.set(clusterRole, [policy]);
    aws.refuse('DescribeAccessEntry', { status: 403, code: 'AccessDeniedException', message: 'you may not' });
    assert.match((await reach()).notes, /^you may not see whether .*eks:DescribeAccessEntry/);
    const again = await reach({ createEntry: true });
    assert.deepEqual([again.out, aws.entries.get(clusterRole)], ['', [policy]]);
    assert.match(again.notes, /has an access entry already/);
  });

  it('tells what it cannot know of a cluster without access entries', async () => {
    describeAs({ accessConfig: { authenticationMode: 'CONFIG_MAP' } });
    assert.match((await reach()).notes, /ConfigMap aws-auth alone; whether that names \S+sluice-clusters shows when/);
    await assert.rejects(reach({ createEntry: true }), refusedWith(['authenticationMode=API_AND_CONFIG_MAP']));
  });

  it('registers a private cluster that cannot be reached from here', async () => {
    aws.entries.set(clusterRole, [policy]);
    describeAs({ endpoint: closed, resourcesVpcConfig: { endpointPublicAccess: false } });
    assert.match(
      (await reach()).notes,
      /does not answer here, since its endpoint is private; the functions have to be/,
    );
    aws.roles.set(clusterRole, [operator]);
    const asRole = await reach();
    assert.match(asRole.notes, /endpoint is private.*\n.*has an access entry/);
    assert.equal(asRole.rights, 'unknown');
    describeAs({ endpoint: closed, resourcesVpcConfig: { publicAccessCidrs: ['203.0.113.0/24'] } });
    assert.match((await reach()).notes, /open to 203\.0\.113\.0\/24 alone; the address by which the functions leave/);
  });

  it('refuses a cluster that should answer and does not', async () => {
    aws.entries.set(clusterRole, [policy]);
    describeAs({ endpoint: closed });
    await assert.rejects(reach(), refusedWith([/does not answer as it should: .*ECONNREFUSED/]));
  });

  it('takes a role of another account only from those who may assume it', async () => {
    aws.roles.set(foreign, []);
    await assert.rejects(
      reach({ roleArn: foreign }),
      refusedWith([`may not assume the role ${foreign}`, 'trust policy']),
    );
    aws.roles.set(foreign, [operator]);
    aws.entries.set(foreign, [policy]);
    const { eks, notes } = await reach({ roleArn: foreign });
    assert.equal(eks.roleArn, foreign);
    assert.match(notes, /their roles have to be allowed to assume it/);
  });
});

describe('the operator of an installation on AWS', () => {
  const server = async (told: string[]) => {
    const { eks } = await reach();
    return connect(
      'prod',
      operatorAccess('prod', eks, systemClock, role => told.push(role)),
      { maxRetries: 0 },
    );
  };
  const namespaces = { apiVersion: 'v1', kind: 'Namespace' };

  it('asks clusters with the own credentials, when the role may not be assumed', async () => {
    aws.entries.set(clusterRole, [policy]).set(operator, [policy]);
    const told: string[] = [];
    const cluster = await server(told);
    const lists = await Promise.all([cluster.list(namespaces), cluster.list(namespaces)]);
    cluster.close();
    assert.ok(lists.every(({ items }) => items.length > 0));
    assert.deepEqual(told, [clusterRole]);
  });

  it('asks clusters as the role, when it may be assumed', async () => {
    aws.entries.set(clusterRole, [policy]);
    aws.roles.set(clusterRole, [operator]);
    const told: string[] = [];
    const cluster = await server(told);
    assert.ok((await cluster.list(namespaces)).items.length > 0);
    cluster.close();
    assert.deepEqual(told, []);
  });
});
