import { X509Certificate } from 'node:crypto';
import type { EKSClient } from '@aws-sdk/client-eks';
import * as z from 'zod';
import type { ClusterAccess } from '../kube/access.ts';
import { systemClock } from '../ports/clock.ts';
import type { EksAccess } from '../ports/index.ts';
import { AwsError, awsError, notAws } from './aws-error.ts';
import { eksAccess } from './eks-access.ts';
import { sdkSettings } from './sdk-settings.ts';
import { callerIdentity, type Identity, openSts, type SignIn } from './sts.ts';

/** An EKS cluster, by what AWS calls it. */
export interface EksName extends SignIn {
  clusterName: string;
}

/** What is needed of an EKS cluster to connect to it, or to say why that does not work. */
export interface EksCluster {
  arn: string;
  server: string;
  /** PEM. */
  ca: string;
  /** Whether the endpoint can be reached from outside of the cluster's network, and from where. */
  publicAccess: boolean;
  publicCidrs: string[];
  /** False: only the ConfigMap aws-auth says who may sign in. */
  accessEntries: boolean;
}

/** The EKS API, for one cluster. */
export interface Eks {
  /** Who signs in to the cluster. */
  identity: Identity;
  /** The way into the cluster for who signs in; each has a token of its own. */
  access(name: string, to: EksAccess): ClusterAccess;
  describe(): Promise<EksCluster>;
  /** Whether the principal has an access entry; 'unknown' to those who may not ask that. */
  entry(principal: string): Promise<'there' | 'absent' | 'unknown'>;
  /** Makes an access entry for the principal, which must have none, and makes it an administrator of the cluster. */
  admit(principal: string): Promise<void>;
}

/**
 * Opens the API. A role signs in to the cluster, and manages it only when it is another account's: in its own account, you are
 * more likely to be allowed that than a role that is made for Sluice.
 */
export async function openEks(name: EksName): Promise<Eks> {
  const { clusterName, region, roleArn } = name;
  const own = await openSts({ region });
  const caller = await callerIdentity(own);
  const role = roleArn === undefined ? undefined : await openSts({ region, roleArn });
  const signsIn = role && (await callerIdentity(role));
  const manager = role && signsIn!.account !== caller.account ? role : own;
  const managedBy = manager === own ? caller : signsIn!;
  const { EKSClient } = await import('@aws-sdk/client-eks');
  const client = new EKSClient({ region, ...sdkSettings, credentials: manager.config.credentials });
  // The ARN that was given has the role's path, which STS does not say.
  const identity = signsIn ? { ...signsIn, principal: roleArn, pathUnknown: false } : caller;
  return {
    identity,
    access: (name, to) => eksAccess(name, to, systemClock, role ?? own),
    describe: () => describe(client, name, managedBy),
    entry: principal => entryOf(client, clusterName, principal),
    admit: principal => admit(client, clusterName, principal),
  };
}

const pem = z
  .base64()
  .transform(data => Buffer.from(data, 'base64').toString('utf8'))
  .refine(isCertificate, 'is no certificate');

const Described = z.object({
  arn: z.string(),
  status: z.string(),
  endpoint: z.url({ protocol: /^https$/ }).optional(),
  certificateAuthority: z.object({ data: pem.optional() }).optional(),
  resourcesVpcConfig: z
    .object({ endpointPublicAccess: z.boolean().default(true), publicAccessCidrs: z.array(z.string()).default([]) })
    .default({ endpointPublicAccess: true, publicAccessCidrs: [] }),
  accessConfig: z.object({ authenticationMode: z.string().optional() }).optional(),
});

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).raw.length > 0;
  } catch {
    return false;
  }
}

async function describe(client: EKSClient, name: EksName, by: Identity): Promise<EksCluster> {
  const { clusterName, region } = name;
  const { DescribeClusterCommand } = await import('@aws-sdk/client-eks');
  const answer = await client.send(new DescribeClusterCommand({ name: clusterName })).catch(error => {
    throw describeError(error, name, by);
  });
  const parsed = Described.safeParse(answer.cluster);
  if (!parsed.success)
    throw new AwsError(
      'Unexpected',
      `AWS describes the cluster ${clusterName} in a way that is not understood (${z.prettifyError(parsed.error)}); ${notAws}`,
    );
  const { arn, status, endpoint, certificateAuthority, resourcesVpcConfig, accessConfig } = parsed.data;
  if (!endpoint || !certificateAuthority?.data)
    throw new AwsError(
      'ClusterNotReady',
      `the cluster ${clusterName} is ${status} and has no API endpoint; wait until \`aws eks describe-cluster --name ${clusterName} --region ${region}\` shows ACTIVE`,
    );
  return {
    arn,
    server: endpoint,
    ca: certificateAuthority.data,
    publicAccess: resourcesVpcConfig.endpointPublicAccess,
    publicCidrs: resourcesVpcConfig.publicAccessCidrs,
    // A cluster that says nothing is older than access entries.
    accessEntries: accessConfig?.authenticationMode?.startsWith('API') ?? false,
  };
}

function describeError(error: unknown, { clusterName, region }: EksName, by: Identity): AwsError {
  if ((error as Error).name === 'ResourceNotFoundException')
    return new AwsError(
      'ClusterNotFound',
      `there is no EKS cluster "${clusterName}" in ${region} in the account ${by.account}; \`aws eks list-clusters --region ${region}\` shows those that are there`,
      { cause: error },
    );
  const plain = awsError(error, `describe the cluster ${clusterName} (eks:DescribeCluster)`);
  if (plain.code !== 'AccessDenied') return plain;
  return new AwsError(
    plain.code,
    `${plain.message}; add a policy that allows eks:DescribeCluster on the cluster to ${by.principal ?? by.arn}`,
    { cause: error },
  );
}

async function entryOf(client: EKSClient, clusterName: string, principal: string): ReturnType<Eks['entry']> {
  const { DescribeAccessEntryCommand } = await import('@aws-sdk/client-eks');
  try {
    await client.send(new DescribeAccessEntryCommand({ clusterName, principalArn: principal }));
    return 'there';
  } catch (error) {
    if ((error as Error).name === 'ResourceNotFoundException') return 'absent';
    const failed = awsError(error, `look up the access entry of ${principal} (eks:DescribeAccessEntry)`);
    if (failed.code === 'AccessDenied') return 'unknown';
    throw failed;
  }
}

async function admit(client: EKSClient, clusterName: string, principalArn: string): Promise<void> {
  const { AssociateAccessPolicyCommand, CreateAccessEntryCommand } = await import('@aws-sdk/client-eks');
  const entry = { clusterName, principalArn };
  await client.send(new CreateAccessEntryCommand({ ...entry, type: 'STANDARD' })).catch(error => {
    throw entryError(error, principalArn);
  });
  const policy = { policyArn: adminPolicy(principalArn), accessScope: { type: 'cluster' as const } };
  await client.send(new AssociateAccessPolicyCommand({ ...entry, ...policy })).catch(error => {
    throw awsError(
      error,
      `associate the policy with the access entry, which is made now (eks:AssociateAccessPolicy on the access entry of ${principalArn})`,
    );
  });
}

function entryError(error: unknown, principal: string): AwsError {
  const { name, message } = error as Error;
  if (name === 'ResourceInUseException')
    return new AwsError('EntryExists', `${principal} has an access entry already`, { cause: error });
  if (name === 'InvalidParameterException')
    return new AwsError('PrincipalInvalid', `EKS does not take ${principal} for an access entry: ${message}`, {
      cause: error,
    });
  return awsError(error, `make an access entry for ${principal} (eks:CreateAccessEntry)`);
}

/** EKS's policy that grants what the role cluster-admin does, in the partition of the ARN. */
export function adminPolicy(arn: string): string {
  return `arn:${arn.split(':')[1]}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy`;
}
