import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { localPorts } from '../local/local-ports.ts';
import { defaultStateDir, statePaths } from '../local/state-dir.ts';
import type { Ports } from '../ports/ports.ts';
import { CommandError, type Io } from './command.ts';

/** An installation of Sluice, as commands work on it: beside the host, if that runs, not through it. */
export interface Installation {
  ports: Ports;
  /** Messages that no worker could deal with, by queue. */
  deadLetters(): Record<string, number>;
  close(): void;
}

const queues = ['source', 'kustomize', 'notification', 'timer'] as const;

/**
 * Opens the installation in the state directory: `--dir`, else SLUICE_DIR, else `.sluice`. With `create` it may be a new one
 * (a cluster can be registered before the first start); otherwise one that is not there is an error.
 */
export function openInstallation(io: Io, dir: string | undefined, options: { create?: boolean } = {}): Installation {
  const paths = statePaths(resolve(io.cwd, dir ?? io.env.SLUICE_DIR ?? defaultStateDir));
  if (!options.create && !existsSync(paths.index))
    throw new CommandError(
      `there is no installation in ${paths.root}; start one with \`sluice start\`, register a cluster with \`sluice cluster add\`, or name its directory with --dir`,
    );
  const ports = localPorts({ dir: paths.root, publicUrl: '', level: 'error' });
  return {
    ports,
    deadLetters: () => Object.fromEntries(queues.map(name => [name, ports.queue.depth(`${name}-dlq`)])),
    close: () => ports.close(),
  };
}

/** Opens, acts, closes. */
export async function withInstallation<T>(
  io: Io,
  dir: string | undefined,
  act: (installation: Installation) => Promise<T>,
  options: { create?: boolean } = {},
): Promise<T> {
  const installation = openInstallation(io, dir, options);
  try {
    return await act(installation);
  } finally {
    installation.close();
  }
}

/** The clusters a command is about: the named one, which must be registered, or all. */
export async function chosenClusters(ports: Ports, name: string | undefined): Promise<string[]> {
  const names = await ports.clusters.names();
  if (name === undefined) {
    if (names.length === 0)
      throw new CommandError('no cluster is registered; add one with `sluice cluster add NAME --kubeconfig FILE`');
    return names.sort();
  }
  if (!names.includes(name))
    throw new CommandError(`no cluster "${name}" is registered; there is ${names.sort().join(', ') || 'none'}`);
  return [name];
}
