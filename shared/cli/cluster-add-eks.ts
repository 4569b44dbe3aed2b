import { setTimeout as delay } from 'node:timers/promises';
import { AwsError } from '../aws/aws-error.ts';
import { type Eks, type EksCluster, openEks } from '../aws/eks.ts';
import type { ClusterAccess } from '../kube/access.ts';
import { connect } from '../kube/client.ts';
import { ApiError } from '../ports/cluster.ts';
import type { EksAccess } from '../ports/index.ts';
import { findError } from '../reconcile/errors.ts';
import { rightsOf } from './access-review.ts';
import { admit, notAdmitted } from './cluster-add-eks-entry.ts';
import { CommandError, type Io, UsageError } from './command.ts';
import { checkRegion } from './place.ts';
import type { Reached } from './reached.ts';

export interface EksRequest {
  /** What the cluster is to be called here. */
  name: string;
  clusterName: string;
  region: string | undefined;
  roleArn: string | undefined;
  /** Whether an access entry may be made for who signs in, when there is none. */
  createEntry: boolean;
}

/** The names as AWS allows them. They go into requests and their signatures. */
const clusterNames = /^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$/;
const roleArns = /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/;

/** A UsageError for what cannot be meant: told before anything is asked. */
export function checkEks({ clusterName, region, roleArn }: EksRequest): void {
  if (region) checkRegion(region);
  if (!clusterNames.test(clusterName))
    throw new UsageError(
      `"${clusterName}" cannot be the name of an EKS cluster: letters, digits, hyphens and underscores, at most 100`,
    );
  if (roleArn !== undefined && !roleArns.test(roleArn))
    throw new UsageError(`"${roleArn}" is no ARN of a role: arn:aws:iam::ACCOUNT:role/NAME`);
}

export type Located = EksRequest & { region: string };

/**
 * Reaches an EKS cluster with the AWS credentials of where this runs: asks AWS where it is, signs in, and asks it what we may do.
 * For an installation on AWS, whose functions sign in as a role of theirs, see cluster-add-eks-aws.ts.
 */
export async function reachEks(request: Located, io: Io): Promise<Reached> {
  const { name, clusterName, region, roleArn } = request;
  const eks = await openEks({ clusterName, region, roleArn });
  const cluster = await eks.describe();
  const { server, ca } = cluster;
  const access: EksAccess = { type: 'eks', region, clusterName, ...(roleArn && { roleArn }), server, ca };
  const asked = () => ask(name, eks.access(name, access));
  try {
    return { server, rights: await asked(), eks: access };
  } catch (error) {
    if (!isRefused(error)) throw unanswered(name, cluster, error);
    return { server, rights: await letIn(request, cluster, eks, asked, io), eks: access };
  }
}

/** After the cluster refused who signs in: makes an access entry, if it may be made, and asks again. */
export async function letIn(
  request: Located,
  cluster: EksCluster,
  eks: Eks,
  asked: () => Promise<Reached['rights']>,
  io: Io,
): Promise<Reached['rights']> {
  if (!request.createEntry) throw new CommandError(notAdmitted(request, cluster, eks.identity));
  await admit(request, cluster, eks, eks.identity);
  io.out(`made an access entry for ${eks.identity.principal}, with the policy AmazonEKSClusterAdminPolicy`);
  return untilAdmitted(asked);
}

/** Asks the cluster what we may do there. */
export async function ask(name: string, access: ClusterAccess): Promise<'all' | 'limited'> {
  const client = connect(name, access, { maxRetries: 1, timeoutMs: 15_000 });
  try {
    return await rightsOf(client);
  } finally {
    client.close();
  }
}

/** EKS says that an entry may take some seconds to come into effect. */
const admissionMs = 60_000;

/** Each time with a new token: API servers may remember for a while which ones were refused. */
async function untilAdmitted<T>(asked: () => Promise<T>): Promise<T> {
  const end = Date.now() + admissionMs;
  for (let pause = 500; ; pause = Math.min(2 * pause, 5_000)) {
    await delay(pause);
    try {
      return await asked();
    } catch (error) {
      if (!isRefused(error) || Date.now() > end)
        throw new CommandError(
          'the access entry is made, but the cluster does not know it yet; run the same command again in a minute',
          { cause: error },
        );
    }
  }
}

export function isRefused(error: unknown): boolean {
  return findError(error, ApiError)?.status === 401;
}

/** Why the API server did not answer, as far as what EKS says of its endpoint tells. */
export function unanswered(name: string, cluster: EksCluster, cause: unknown): Error {
  const { server, publicAccess, publicCidrs } = cluster;
  const failed = findError(cause, AwsError);
  if (failed) return failed;
  // An answer, of whatever kind, has come through.
  const away = findError(cause, ApiError) === undefined;
  const open = publicCidrs.length === 0 || publicCidrs.some(cidr => cidr === '0.0.0.0/0' || cidr === '::/0');
  const reason = !publicAccess
    ? '; its endpoint is private, so this has to run in its network, or in one that is connected to it'
    : open
      ? ''
      : `; its endpoint is open to ${publicCidrs.join(', ')} alone, so the address of this machine has to be among them`;
  const message = `the API server of "${name}" (${server}) does not answer as it should${away ? reason : ''}`;
  return new CommandError(message, { cause });
}
