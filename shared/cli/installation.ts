import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { registeredClusters } from '../kube/registered.ts';
import { FileSecrets } from '../local/file-secrets.ts';
import { FileStore } from '../local/file-store.ts';
import { makeLog } from '../local/log.ts';
import { SqliteIndex } from '../local/sqlite-index.ts';
import { SqliteQueue } from '../local/sqlite-queue.ts';
import { defaultStateDir, statePaths } from '../local/state-dir.ts';
import { systemClock } from '../ports/clock.ts';
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
  if (io.env.SLUICE_RUNTIME !== undefined && io.env.SLUICE_RUNTIME !== 'local')
    throw new CommandError(
      `SLUICE_RUNTIME is "${io.env.SLUICE_RUNTIME}", but commands work on a local installation only; unset it`,
    );
  const paths = statePaths(resolve(io.cwd, dir ?? io.env.SLUICE_DIR ?? defaultStateDir));
  if (!options.create && !existsSync(paths.index))
    throw new CommandError(
      `there is no installation in ${paths.root}; start one with \`sluice start\`, register a cluster with \`sluice cluster add\`, or name its directory with --dir`,
    );
  const index = new SqliteIndex(paths.index, systemClock);
  const queue = new SqliteQueue(paths.queue, systemClock);
  const secrets = new FileSecrets(paths.secrets);
  return {
    ports: {
      store: new FileStore(paths.store),
      queue,
      index,
      secrets,
      clusters: registeredClusters(index, secrets),
      clock: systemClock,
      publicUrl: '',
      log: makeLog(line => io.err(`${line.level}: ${line.message}`), systemClock, 'error'),
    },
    deadLetters: () => Object.fromEntries(queues.map(name => [name, queue.depth(`${name}-dlq`)])),
    close: () => {
      queue.close();
      index.close();
    },
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
