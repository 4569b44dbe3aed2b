import { setTimeout as delay } from 'node:timers/promises';
import { AwsError } from '../aws/aws-error.ts';
import { adminPolicy, type Eks, type EksCluster, openEks } from '../aws/eks.ts';
import { eksAccess } from '../aws/eks-access.ts';
import { connect } from '../kube/client.ts';
import { ApiError } from '../ports/cluster.ts';
import type { EksAccess } from '../ports/index.ts';
import { findError } from '../reconcile/errors.ts';
import { rightsOf } from './access-review.ts';
import { CommandError, type Io, UsageError } from './command.ts';
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
const regions = /^[a-z]{2,8}(-[a-z]{2,12}){1,3}-\d{1,2}$/;
const roleArns = /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/;

/**
 * Reaches an EKS cluster with the AWS credentials of where this runs. The command line is checked at once; the function that
 * is given back asks AWS where the cluster is, signs in, and asks it what we may do.
 */
export function reachEks(request: EksRequest, io: Io): () => Promise<Reached> {
  const { clusterName, roleArn } = request;
  const region = request.region ?? io.env.AWS_REGION ?? io.env.AWS_DEFAULT_REGION;
  if (!region) throw new UsageError('say in which region the cluster is: --region REGION (or set AWS_REGION)');
  if (!regions.test(region))
    throw new UsageError(`"${region}" is no AWS region; one is called, for example, eu-west-1`);
  if (!clusterNames.test(clusterName))
    throw new UsageError(
      `"${clusterName}" cannot be the name of an EKS cluster: letters, digits, hyphens and underscores, at most 100`,
    );
  if (roleArn !== undefined && !roleArns.test(roleArn))
    throw new UsageError(`"${roleArn}" is no ARN of a role: arn:aws:iam::ACCOUNT:role/NAME`);
  return async () => {
    try {
      return await reach({ ...request, region }, io);
    } catch (error) {
      if (error instanceof AwsError) throw new CommandError(error.message);
      throw error;
    }
  };
}

type Located = EksRequest & { region: string };

async function reach(request: Located, io: Io): Promise<Reached> {
  const { name, clusterName, region, roleArn } = request;
  const eks = await openEks({ clusterName, region, roleArn });
  const cluster = await eks.describe();
  const { server, ca } = cluster;
  const access: EksAccess = { type: 'eks', region, clusterName, ...(roleArn && { roleArn }), server, ca };
  let rights: Reached['rights'];
  try {
    rights = await ask(name, access);
  } catch (error) {
    if (findError(error, ApiError)?.status !== 401) throw unanswered(request, cluster, error);
    if (!request.createEntry) throw new CommandError(notAdmitted(request, cluster, eks), { cause: error });
    await admit(request, cluster, eks);
    io.out(`made an access entry for ${eks.identity.principal}, with the policy AmazonEKSClusterAdminPolicy`);
    rights = await askUntilAdmitted(name, access);
  }
  return { server, rights, eks: access };
}

async function ask(name: string, access: EksAccess): Promise<Reached['rights']> {
  const client = connect(name, eksAccess(name, access), { maxRetries: 1, timeoutMs: 15_000 });
  try {
    return await rightsOf(client);
  } finally {
    client.close();
  }
}

/** EKS says that an entry may take some seconds to come into effect. */
const admissionMs = 60_000;

async function askUntilAdmitted(name: string, access: EksAccess): Promise<Reached['rights']> {
  const end = Date.now() + admissionMs;
  for (;;) {
    try {
      return await ask(name, access);
    } catch (error) {
      if (findError(error, ApiError)?.status !== 401 || Date.now() > end)
        throw new CommandError(
          'the access entry is made, but the cluster does not know it yet; run the same command again in a minute',
          { cause: error },
        );
      await delay(1_000);
    }
  }
}

async function admit(request: Located, { accessEntries }: EksCluster, eks: Eks): Promise<void> {
  const { principal, arn } = eks.identity;
  if (!accessEntries) throw new CommandError(noEntries(request));
  if (!principal)
    throw new CommandError(
      `${arn} can have no access entry; sign in as an IAM user or role, or name one with --role-arn`,
    );
  await eks.admit(principal).catch(error => {
    if (error instanceof AwsError && error.code === 'PrincipalInvalid' && eks.identity.pathUnknown)
      throw new CommandError(
        `${error.message}; if the role has a path, which AWS does not tell a session, name the whole ARN with --role-arn`,
      );
    if (error instanceof AwsError && error.code === 'EntryExists')
      throw new CommandError(
        `${error.message}, and still the cluster refuses it; look at the entry with \`aws eks describe-access-entry --cluster-name ${request.clusterName} --region ${request.region} --principal-arn ${principal}\``,
      );
    throw error;
  });
}

function notAdmitted(request: Located, { accessEntries }: EksCluster, { identity }: Eks): string {
  const { clusterName, region } = request;
  const who = identity.principal ?? identity.arn;
  if (!accessEntries) return `the cluster does not know ${who}. ${noEntries(request)}`;
  const entry = `--cluster-name ${clusterName} --region ${region} --principal-arn ${who}`;
  return [
    `the cluster does not know ${who}: it has no access entry. Give the same command --create-access-entry, or make one:`,
    `  aws eks create-access-entry ${entry}`,
    `  aws eks associate-access-policy ${entry} --access-scope type=cluster \\`,
    `    --policy-arn ${adminPolicy(who)}`,
    'The cluster answered',
  ].join('\n');
}

function noEntries({ clusterName, region }: Located): string {
  return `Its access is ruled by the ConfigMap aws-auth alone; let it have access entries, too: \`aws eks update-cluster-config --name ${clusterName} --region ${region} --access-config authenticationMode=API_AND_CONFIG_MAP\``;
}

function unanswered(
  { name }: Located,
  { server, publicAccess, publicCidrs }: EksCluster,
  cause: unknown,
): CommandError {
  const reasons = publicAccess
    ? publicCidrs.some(cidr => cidr !== '0.0.0.0/0')
      ? `; its endpoint is open to ${publicCidrs.join(', ')} alone, so the address of this machine has to be among them`
      : ''
    : '; its endpoint is private, so this has to run in its network, or in one that is connected to it';
  return new CommandError(`the API server of "${name}" (${server}) does not answer as it should${reasons}`, { cause });
}
