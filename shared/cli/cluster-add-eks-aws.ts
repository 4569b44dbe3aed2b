import { AwsError } from '../aws/aws-error.ts';
import { type Eks, type EksCluster, openEks } from '../aws/eks.ts';
import { ApiError } from '../ports/cluster.ts';
import type { EksAccess } from '../ports/index.ts';
import { findError } from '../reconcile/errors.ts';
import { ask, isRefused, type Located, letIn, unanswered } from './cluster-add-eks.ts';
import { makeEntry, notAdmitted, type Principal } from './cluster-add-eks-entry.ts';
import { CommandError, type Io } from './command.ts';
import type { Reached } from './reached.ts';

/**
 * Reaches an EKS cluster for an installation on AWS, whose functions sign in as a role of theirs. Who may assume that role signs in
 * as it, which shows all there is to know. As a rule nobody else may: then EKS is asked whether the role has an access entry, and the
 * API server, with one's own credentials, whether it answers at all.
 */
export async function reachForFunctions(request: Located, clusterRoleArn: string, io: Io): Promise<Reached> {
  const roleArn = request.roleArn ?? clusterRoleArn;
  const { name, clusterName, region } = request;
  const { eks, asRole } = await open(request, roleArn);
  const cluster = await eks.describe();
  const { server, ca } = cluster;
  const access: EksAccess = { type: 'eks', region, clusterName, roleArn, server, ca };
  const { roleArn: _, ...asOneself } = access;
  const asked = () => ask(name, eks.access(name, asRole ? access : asOneself));
  const notes = request.roleArn === undefined || request.roleArn === clusterRoleArn ? [] : [otherRole(roleArn)];
  try {
    const rights = await asked();
    if (asRole) return { server, rights, notes, eks: access };
  } catch (error) {
    if (asRole && isRefused(error))
      return { server, rights: await letIn(request, cluster, eks, asked, io), notes, eks: access };
    // Refused or not, there is an answer.
    if (!findError(error, ApiError)) notes.push(notFromHere(name, cluster, error));
    else if (asRole) throw unanswered(name, cluster, error);
  }
  notes.push(...(await entryFor(request, cluster, eks, roleArn, io)));
  return { server, rights: 'unknown', notes, eks: access };
}

/** Opens the API as the role or, where that may not be, as oneself. */
async function open(request: Located, roleArn: string): Promise<{ eks: Eks; asRole: boolean }> {
  const { clusterName, region } = request;
  try {
    return { eks: await openEks({ clusterName, region, roleArn }), asRole: true };
  } catch (error) {
    if (!(error instanceof AwsError) || error.code !== 'RoleRefused') throw error;
    const eks = await openEks({ clusterName, region });
    // A cluster of another account can only be asked for as the role.
    if (eks.identity.account !== roleArn.split(':')[4]) throw error;
    return { eks, asRole: false };
  }
}

/** An endpoint that is closed to this machine may be open to the functions; one that is open to all has to answer here, too. */
function notFromHere(name: string, cluster: EksCluster, error: unknown): string {
  const { publicAccess, publicCidrs, server } = cluster;
  if (findError(error, AwsError)) throw unanswered(name, cluster, error);
  if (!publicAccess)
    return `${server} does not answer here, since its endpoint is private; the functions have to be in its VPC, or in one that is connected to it (option vpc of the stack, docs/aws.md)`;
  if (publicCidrs.length > 0 && !publicCidrs.some(cidr => cidr === '0.0.0.0/0' || cidr === '::/0'))
    return `${server} does not answer here, since its endpoint is open to ${publicCidrs.join(', ')} alone; the address by which the functions leave their VPC has to be among them`;
  throw unanswered(name, cluster, error);
}

/** Sees to it that EKS knows the role. Gives back what could not be found out. */
async function entryFor(request: Located, cluster: EksCluster, eks: Eks, roleArn: string, io: Io): Promise<string[]> {
  const who: Principal = { arn: roleArn, principal: roleArn, pathUnknown: false };
  const later = `\`sluice logs --cluster ${request.name} --level warn\` shows it when not`;
  if (!cluster.accessEntries) {
    if (request.createEntry) throw new CommandError(notAdmitted(request, cluster, who));
    return [
      `access to the cluster is ruled by the ConfigMap aws-auth alone; whether that names ${roleArn} shows when the functions sign in: ${later}`,
    ];
  }
  const state = await eks.entry(roleArn);
  if (state === 'there') return [`${roleArn} has an access entry; whether its rights suffice shows at work: ${later}`];
  if (state === 'unknown' && !request.createEntry)
    return [
      `you may not see whether ${roleArn} has an access entry (eks:DescribeAccessEntry); whether the cluster knows it shows when the functions sign in: ${later}`,
    ];
  if (!request.createEntry) throw new CommandError(notAdmitted(request, cluster, who));
  if ((await makeEntry(request, cluster, eks, who)) === 'exists')
    return [`${roleArn} has an access entry already; whether its rights suffice shows at work: ${later}`];
  io.out(`made an access entry for ${roleArn}, with the policy AmazonEKSClusterAdminPolicy`);
  return [];
}

function otherRole(roleArn: string): string {
  return `the functions sign in as ${roleArn}: their roles have to be allowed to assume it (option clusters of the stack, docs/aws.md), and its trust policy has to let them`;
}
