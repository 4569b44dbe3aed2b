import { setTimeout as delay } from 'node:timers/promises';
import { AwsError } from '../aws/aws-error.ts';
import { adminPolicy, type Eks, type EksCluster, openEks } from '../aws/eks.ts';
import type { ClusterAccess } from '../kube/access.ts';
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
  const asked = () => ask(name, eks.access(name, access));
  try {
    return { server, rights: await asked(), eks: access };
  } catch (error) {
    if (!isRefused(error)) throw unanswered(request, cluster, error);
    if (!request.createEntry) throw new CommandError(notAdmitted(request, cluster, eks));
    await admit(request, cluster, eks);
    io.out(`made an access entry for ${eks.identity.principal}, with the policy AmazonEKSClusterAdminPolicy`);
    return { server, rights: await untilAdmitted(asked), eks: access };
  }
}

async function ask(name: string, access: ClusterAccess): Promise<Reached['rights']> {
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

function isRefused(error: unknown): boolean {
  return findError(error, ApiError)?.status === 401;
}

async function admit(request: Located, cluster: EksCluster, eks: Eks): Promise<void> {
  const { principal } = eks.identity;
  if (!cluster.accessEntries || !principal) throw new CommandError(notAdmitted(request, cluster, eks));
  await eks.admit(principal).catch(error => {
    if (error instanceof AwsError && error.code === 'PrincipalInvalid' && eks.identity.pathUnknown)
      throw new CommandError(
        `${error.message.replace(/\.$/, '')}. ${wholeArn(principal)}, and make the entry with the ARN it shows`,
      );
    if (error instanceof AwsError && error.code === 'EntryExists')
      throw new CommandError(entryOfNoUse(request, principal));
    if (error instanceof AwsError && error.code === 'AccessDenied')
      throw new CommandError(
        [`${error.message}. Let someone who may run:`, ...entryCommands(request, principal)].join('\n'),
      );
    throw error;
  });
}

/** The cluster refuses who signs in; what to do about it. */
function notAdmitted(request: Located, { accessEntries }: EksCluster, { identity }: Eks): string {
  const { clusterName, region } = request;
  const { principal, arn, pathUnknown } = identity;
  if (!principal)
    return `the cluster does not know ${arn}, which can have no access entry; sign in as an IAM user or role, or name a role with --role-arn`;
  if (!accessEntries)
    return `the cluster does not know ${principal}. Its access is ruled by the ConfigMap aws-auth alone; let it have access entries, too: \`aws eks update-cluster-config --name ${clusterName} --region ${region} --access-config authenticationMode=API_AND_CONFIG_MAP\``;
  return [
    `the cluster does not know ${principal}: it has no access entry. Give the same command --create-access-entry, or make one:`,
    ...entryCommands(request, principal),
    ...(pathUnknown ? [`${wholeArn(principal)}; entries need the whole one`] : []),
  ].join('\n');
}

function entryOfNoUse(request: Located, principal: string): string {
  const entry = entryOptions(request, principal);
  return [
    `${principal} has an access entry already, and still the cluster refuses it. An entry that was just made takes effect within a minute;`,
    `one of a user or role that was deleted and made again stays without effect: \`aws eks delete-access-entry ${entry}\`,`,
    'then run the same command again',
  ].join('\n');
}

function entryCommands(request: Located, principal: string): string[] {
  const entry = entryOptions(request, principal);
  return [
    `  aws eks create-access-entry ${entry}`,
    `  aws eks associate-access-policy ${entry} --access-scope type=cluster \\`,
    `    --policy-arn ${adminPolicy(principal)}`,
  ];
}

function entryOptions({ clusterName, region }: Located, principal: string): string {
  return `--cluster-name ${clusterName} --region ${region} --principal-arn ${principal}`;
}

/** STS leaves the path out, as roles of IAM Identity Center have one. */
function wholeArn(principal: string): string {
  const name = principal.split('/').at(-1);
  return `If the role has a path, it is missing in this ARN: look it up with \`aws iam get-role --role-name ${name} --query Role.Arn --output text\``;
}

function unanswered({ name }: Located, cluster: EksCluster, cause: unknown): Error {
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
