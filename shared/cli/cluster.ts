import { add } from './cluster-add.ts';
import { list } from './cluster-list.ts';
import { remove } from './cluster-remove.ts';
import { command, type Io, UsageError } from './command.ts';

export const summary = 'register, list and remove the clusters that Sluice reconciles';

const help = `
Registers, lists and removes the clusters that Sluice reconciles.

Usage:
  sluice cluster add NAME --kubeconfig FILE [--context CONTEXT] [--changes sweep|watch]
  sluice cluster add NAME --eks CLUSTER [--region REGION] [--role-arn ARN] [--create-access-entry] [--changes sweep|watch]
  sluice cluster list [-o table|json]
  sluice cluster remove NAME [--yes]

Options:
  --kubeconfig FILE    how to reach the cluster; only what the context needs is kept
  --context CONTEXT    context of the kubeconfig (default: its current-context)
  --eks CLUSTER        name of an EKS cluster; Sluice signs in with the AWS credentials of where it runs
  --region REGION      AWS region of the EKS cluster (default: $AWS_REGION; with --aws: that of the installation)
  --role-arn ARN       role to assume before signing in (with --aws: that of the functions)
  --create-access-entry
                       when EKS does not know who signs in, make an access entry with the policy AmazonEKSClusterAdminPolicy
  --changes HOW        how changes in the cluster are seen: sweep (every minute) or watch (at once; default). On AWS: sweep
  -o, --output FORMAT  table (default) or json
  --yes                remove without asking
  --dir DIR            state directory of one on this machine (default: $SLUICE_DIR, or .sluice)
  --aws [NAME][@REGION]
                       one on AWS instead (default: $SLUICE_AWS; NAME: sluice; REGION: $AWS_REGION, or that of the profile)

Examples:
  # Register the cluster of the current context as "production"
  sluice cluster add production --kubeconfig ~/.kube/config

  # Register another context of the same file
  sluice cluster add staging --kubeconfig ~/.kube/config --context staging

  # Register an EKS cluster, and let Sluice into it
  sluice cluster add main --eks main --region eu-west-1 --create-access-entry

  # The same for an installation on AWS, whose functions sign in as a role of their own
  sluice cluster add main --eks main --create-access-entry --aws

  # Forget a cluster; what runs in it stays as it is
  sluice cluster remove staging --yes
`;

const commands: Record<string, (args: string[], io: Io) => Promise<0 | 1 | 2>> = { add, list, remove };

export function run(args: string[], io: Io): Promise<number> {
  return command('cluster', help, args, io, async () => {
    const [name = '', ...rest] = args;
    const act = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (!act)
      throw new UsageError(
        name
          ? `unknown command "cluster ${name}"; there is add, list and remove`
          : 'name a command: add, list or remove',
      );
    return act(rest, io);
  });
}
