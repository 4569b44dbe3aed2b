import { AwsError } from '../aws/aws-error.ts';
import { adminPolicy, type Eks, type EksCluster } from '../aws/eks.ts';
import { CommandError } from './command.ts';

/** The cluster, as AWS's commands name it. */
export interface Named {
  clusterName: string;
  region: string;
}

/** Who is to be let in: who signs in, or who will. */
export type Principal = Pick<Eks['identity'], 'arn' | 'principal' | 'pathUnknown'>;

/** Makes an access entry for who was refused; a CommandError says why there can be none, or what else is to be done. */
export async function admit(named: Named, cluster: EksCluster, eks: Eks, who: Principal): Promise<void> {
  if ((await makeEntry(named, cluster, eks, who)) === 'exists')
    throw new CommandError(entryOfNoUse(named, who.principal ?? who.arn));
}

/** Like {@link admit}, when it is not known that there is no entry. */
export async function makeEntry(
  named: Named,
  cluster: EksCluster,
  eks: Eks,
  who: Principal,
): Promise<'made' | 'exists'> {
  const { principal } = who;
  if (!cluster.accessEntries || !principal) throw new CommandError(notAdmitted(named, cluster, who));
  try {
    await eks.admit(principal);
    return 'made';
  } catch (error) {
    if (error instanceof AwsError && error.code === 'PrincipalInvalid' && who.pathUnknown)
      throw new CommandError(
        `${error.message.replace(/\.$/, '')}. ${wholeArn(principal)}, and make the entry with the ARN it shows`,
      );
    if (error instanceof AwsError && error.code === 'EntryExists') return 'exists';
    if (error instanceof AwsError && error.code === 'AccessDenied')
      throw new CommandError(
        [`${error.message}. Let someone who may run:`, ...entryCommands(named, principal)].join('\n'),
      );
    throw error;
  }
}

/** The cluster refuses who signs in; what to do about it. */
export function notAdmitted(named: Named, { accessEntries }: EksCluster, who: Principal): string {
  const { clusterName, region } = named;
  const { principal, arn, pathUnknown } = who;
  if (!principal)
    return `the cluster does not know ${arn}, which can have no access entry; sign in as an IAM user or role, or name a role with --role-arn`;
  if (!accessEntries)
    return `the cluster does not know ${principal}. Its access is ruled by the ConfigMap aws-auth alone; let it have access entries, too: \`aws eks update-cluster-config --name ${clusterName} --region ${region} --access-config authenticationMode=API_AND_CONFIG_MAP\``;
  return [
    `the cluster does not know ${principal}: it has no access entry. Give the same command --create-access-entry, or make one:`,
    ...entryCommands(named, principal),
    ...(pathUnknown ? [`${wholeArn(principal)}; entries need the whole one`] : []),
  ].join('\n');
}

function entryOfNoUse(named: Named, principal: string): string {
  const entry = entryOptions(named, principal);
  return [
    `${principal} has an access entry already, and still the cluster refuses it. An entry that was just made takes effect within a minute;`,
    `one of a user or role that was deleted and made again stays without effect: \`aws eks delete-access-entry ${entry}\`,`,
    'then run the same command again',
  ].join('\n');
}

function entryCommands(named: Named, principal: string): string[] {
  const entry = entryOptions(named, principal);
  return [
    `  aws eks create-access-entry ${entry}`,
    `  aws eks associate-access-policy ${entry} --access-scope type=cluster \\`,
    `    --policy-arn ${adminPolicy(principal)}`,
  ];
}

function entryOptions({ clusterName, region }: Named, principal: string): string {
  return `--cluster-name ${clusterName} --region ${region} --principal-arn ${principal}`;
}

/** STS leaves the path out, as roles of IAM Identity Center have one. */
function wholeArn(principal: string): string {
  const name = principal.split('/').at(-1);
  return `If the role has a path, it is missing in this ARN: look it up with \`aws iam get-role --role-name ${name} --query Role.Arn --output text\``;
}
