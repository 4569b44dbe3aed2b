import { resync } from '../reconcile/changes.ts';
import { messageOfError } from '../reconcile/errors.ts';
import { command, type ExitCode, type Io } from './command.ts';
import { chosenClusters, withInstallation } from './installation.ts';
import { placeOf, placeOptions, readPlaceArgs } from './place.ts';

export const summary = 'rebuild the index from the clusters';

const help = `
Rebuilds the index from the clusters: lists every toolkit kind, records what is there, forgets what is gone, and has
reconciled what is not as its spec wants it. Nothing but the registry of clusters is needed for it.

Usage:
  sluice resync [--cluster NAME]

Options:
  --cluster NAME  only this cluster
  --dir DIR       state directory of one on this machine (default: $SLUICE_DIR, or .sluice)
  --aws [NAME][@REGION]
                  one on AWS instead (default: $SLUICE_AWS; NAME: sluice; REGION: $AWS_REGION, or that of the profile)

Examples:
  # After the index was lost
  sluice resync

  # One cluster, after it was restored from a backup
  sluice resync --cluster production
`;

const options = { cluster: { type: 'string' }, ...placeOptions } as const;

export function run(args: string[], io: Io): Promise<number> {
  return command('resync', help, args, io, async () => {
    const { values } = readPlaceArgs(args, options);
    return withInstallation(io, placeOf(io, values), async ({ ports }) => {
      let exit: ExitCode = 0;
      for (const name of await chosenClusters(ports, values.cluster)) {
        try {
          const { objects, enqueued } = await resync(name, ports);
          io.out(`${name}: ${objects} objects, ${enqueued} to be reconciled`);
        } catch (error) {
          exit = 1;
          io.err(`error: cluster "${name}": ${messageOfError(error)}`);
        }
      }
      return exit;
    });
  });
}
