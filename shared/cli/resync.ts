import { resync } from '../reconcile/changes.ts';
import { messageOfError } from '../reconcile/errors.ts';
import { command, dirOption, type ExitCode, type Io, readArgs } from './command.ts';
import { chosenClusters, withInstallation } from './installation.ts';

export const summary = 'rebuild the index from the clusters';

const help = `
Rebuilds the index from the clusters: lists every toolkit kind, records what is there, forgets what is gone, and has
reconciled what is not as its spec wants it. Nothing but the registry of clusters is needed for it.

Usage:
  sluice resync [--cluster NAME]

Options:
  --cluster NAME  only this cluster
  --dir DIR       state directory (default: $SLUICE_DIR, or .sluice)

Examples:
  # After the index was lost
  sluice resync

  # One cluster, after it was restored from a backup
  sluice resync --cluster production
`;

const options = { cluster: { type: 'string' }, ...dirOption } as const;

export function run(args: string[], io: Io): Promise<number> {
  return command('resync', help, args, io, async () => {
    const { values } = readArgs(args, options);
    return withInstallation(io, values.dir, async ({ ports }) => {
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
