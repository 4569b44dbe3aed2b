import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { stringify } from 'yaml';
import { installObjects } from '../api/install/objects.ts';
import { connect } from '../kube/client.ts';
import { accessFromKubeconfig } from '../kube/kubeconfig.ts';
import type { Cluster } from '../ports/cluster.ts';
import { CommandError, command, type ExitCode, type Io, UsageError } from './command.ts';
import { fluxControllers } from './flux-controllers.ts';
import { installInto } from './install-apply.ts';
import { chosenClusters, withInstallation } from './installation.ts';
import { placeOf, placeOptions, readPlaceArgs } from './place.ts';

export const summary = "put the definitions of Flux's kinds and Sluice's roles into a cluster";

const help = `
Puts what Sluice needs into a cluster: the definitions of Flux's kinds, a namespace, roles and a service account, by
server-side apply. Definitions that come from a later release of Flux are left alone. Safe to repeat; this is also how to upgrade.

Usage:
  sluice install [--cluster NAME | --kubeconfig FILE [--context CONTEXT]] [--namespace NAMESPACE] [--dry-run]
  sluice install --export

Options:
  --cluster NAME       a registered cluster (default: the only one that is registered)
  --kubeconfig FILE    a cluster that need not be registered
  --context CONTEXT    context of the kubeconfig (default: its current-context)
  --namespace NAME     namespace for the service account (default: flux-system)
  --dry-run            ask the API server what would change, and change nothing
  --export             print the objects as YAML, and talk to no cluster
  --dir DIR            state directory of one on this machine (default: $SLUICE_DIR, or .sluice)
  --aws [NAME][@REGION]
                       one on AWS instead (default: $SLUICE_AWS; NAME: sluice; REGION: $AWS_REGION, or that of the profile)

Examples:
  # Prepare a registered cluster
  sluice install --cluster production

  # See what an upgrade would change
  sluice install --cluster production --dry-run

  # Keep the objects in Git and apply them by other means
  sluice install --export > flux-system/sluice.yaml
`;

const options = {
  cluster: { type: 'string' },
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  namespace: { type: 'string' },
  'dry-run': { type: 'boolean' },
  export: { type: 'boolean' },
  ...placeOptions,
} as const;

export function run(args: string[], io: Io): Promise<number> {
  return command('install', help, args, io, async () => {
    const { values } = readPlaceArgs(args, options);
    if (values.cluster !== undefined && values.kubeconfig !== undefined)
      throw new UsageError('--cluster and --kubeconfig name two clusters; give one of them');
    if (values.context !== undefined && values.kubeconfig === undefined)
      throw new UsageError('--context chooses within a kubeconfig; give --kubeconfig, too');
    const namespace = values.namespace ?? 'flux-system';
    if (values.export) {
      if (values['dry-run']) throw new UsageError('--export talks to no cluster; leave out --dry-run');
      io.out(
        installObjects({ namespace })
          .map(object => stringify(object, { lineWidth: 0 }))
          .join('---\n')
          .trimEnd(),
      );
      return 0;
    }
    const act = (cluster: Cluster) => install(cluster, namespace, values['dry-run'] ?? false, io);
    if (values.kubeconfig !== undefined)
      return act(await connectTo(resolve(io.cwd, values.kubeconfig), values.context));
    return withInstallation(io, placeOf(io, values), async ({ ports }) => {
      const names = await chosenClusters(ports, values.cluster);
      if (names.length > 1)
        throw new UsageError(`several clusters are registered; choose one with --cluster: ${names.join(', ')}`);
      return act(await ports.clusters.get(names[0]!));
    });
  });
}

async function connectTo(file: string, context: string | undefined): Promise<Cluster> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`the kubeconfig cannot be read: ${(error as Error).message}`);
  }
  return connect(context ?? 'kubeconfig', await accessFromKubeconfig(text, context));
}

async function install(cluster: Cluster, namespace: string, dryRun: boolean, io: Io): Promise<ExitCode> {
  const counts = await installInto(cluster, installObjects({ namespace }), { dryRun, report: line => io.out(line) });
  const suffix = dryRun ? ' (dry run: nothing was changed)' : '';
  const text = Object.entries(counts)
    .map(([action, count]) => `${count} ${action}`)
    .join(', ');
  io.out(`${text}${suffix}`);
  for (const line of await fluxControllers(cluster)) io.err(`warning: ${line}`);
  return 0;
}
