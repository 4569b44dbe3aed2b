import type { ClusterRecord } from '../ports/index.ts';
import type { ExitCode, Io } from './command.ts';
import { withInstallation } from './installation.ts';
import { outputFormat } from './output.ts';
import { placeOf, placeOptions, readPlaceArgs } from './place.ts';
import { age, table } from './table.ts';

const options = { output: { type: 'string', short: 'o' }, ...placeOptions } as const;

/** `sluice cluster list`. */
export async function list(args: string[], io: Io): Promise<ExitCode> {
  const { values } = readPlaceArgs(args, options);
  const format = outputFormat(values.output);
  return withInstallation(io, placeOf(io, values), async ({ ports }): Promise<ExitCode> => {
    const clusters = (await ports.index.clusters()).sort((a, b) => (a.name < b.name ? -1 : 1));
    if (format === 'json') {
      io.out(
        JSON.stringify(
          clusters.map(record => ({ ...record, addedAt: new Date(record.addedAt).toISOString() })),
          null,
          2,
        ),
      );
      return 0;
    }
    if (clusters.length === 0) {
      io.out('no cluster is registered; add one with `sluice cluster add NAME --kubeconfig FILE`');
      return 0;
    }
    const now = ports.clock.now();
    const rows = clusters.map(record => [record.name, accessText(record), record.changes, age(now - record.addedAt)]);
    for (const line of table(['NAME', 'ACCESS', 'CHANGES', 'AGE'], rows)) io.out(line);
    return 0;
  });
}

function accessText({ access }: ClusterRecord): string {
  if (access.type === 'eks') return `eks ${access.region}/${access.clusterName}`;
  return `kubeconfig${access.context ? ` (${access.context})` : ''}`;
}
