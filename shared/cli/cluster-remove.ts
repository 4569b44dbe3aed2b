import { CommandError, type ExitCode, type Io, UsageError } from './command.ts';
import { chosenClusters, withInstallation } from './installation.ts';
import { placeOf, placeOptions, readPlaceArgs } from './place.ts';

const options = { yes: { type: 'boolean' }, ...placeOptions } as const;

/** `sluice cluster remove`: forgets the registration, the credentials and what is indexed; the cluster is left alone. */
export async function remove(args: string[], io: Io): Promise<ExitCode> {
  const { values, positionals } = readPlaceArgs(args, options, 1);
  const name = positionals[0];
  if (!name) throw new UsageError('name the cluster: sluice cluster remove NAME');
  return withInstallation(io, placeOf(io, values), async ({ ports }): Promise<ExitCode> => {
    await chosenClusters(ports, name);
    if (!values.yes) {
      let objects = 0;
      for await (const _ of ports.index.objects(name)) objects++;
      throw new CommandError(
        `removing "${name}" stops the reconciling of ${objects} objects and deletes its credentials here; in the cluster nothing is deleted. Say it again with --yes`,
      );
    }
    const record = await ports.index.cluster(name);
    // The registration names the secret, so it goes last: what was interrupted can be done again, and no credentials stay behind.
    if (record?.access.type === 'kubeconfig') await ports.secrets.delete(record.access.secret);
    await ports.index.removeCluster(name);
    io.out(`cluster "${name}" removed; what runs in it stays as it is`);
    return 0;
  });
}
