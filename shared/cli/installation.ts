import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { localPorts } from '../local/local-ports.ts';
import { defaultStateDir, statePaths } from '../local/state-dir.ts';
import { type DeadLetters, deadLetterQueues } from '../ports/dead-letters.ts';
import type { Ports } from '../ports/ports.ts';
import { CommandError, type Io } from './command.ts';
import { heldLetters } from './held-letters.ts';
import type { Place } from './place.ts';

/** An installation of Sluice, as commands work on it: beside what runs of it, not through it. */
export interface Installation {
  ports: Ports;
  /** What only one on AWS has. */
  aws?: {
    name: string;
    region: string;
    webhookUrl: string;
    /** The role that the functions assume before they sign in to a cluster. */
    clusterRoleArn: string;
    /** Whether clusters may be on this machine: only in tests, whose functions run here. */
    allowLoopback: boolean;
  };
  /** Messages that no worker could deal with, by queue. */
  deadLetters(): Promise<Record<string, number>>;
  /** The same messages, to be looked at and dealt with. To be closed. */
  openDeadLetters(): Promise<DeadLetters>;
  close(): void;
}

/**
 * Opens the installation. With `create`, one on this machine may be a new one (a cluster can be registered before the first
 * start); otherwise one that is not there is an error.
 */
export async function openInstallation(
  io: Io,
  place: Place,
  options: { create?: boolean } = {},
): Promise<Installation> {
  return place.on === 'aws'
    ? openOnAws(io, place.name, place.region)
    : openHere(io, place.dir, options.create ?? false);
}

function openHere(io: Io, dir: string | undefined, create: boolean): Installation {
  const paths = statePaths(resolve(io.cwd, dir ?? defaultStateDir));
  if (!create && !existsSync(paths.index))
    throw new CommandError(
      `there is no installation in ${paths.root}; start one with \`sluice start\`, register a cluster with \`sluice cluster add\`, or name its directory with --dir, or one on AWS with --aws`,
    );
  const ports = localPorts({ dir: paths.root, publicUrl: '', level: 'error' });
  return {
    ports,
    deadLetters: async () => Object.fromEntries(deadLetterQueues.map(name => [name, ports.queue.depth(`${name}-dlq`)])),
    openDeadLetters: async () => {
      const { SqliteDeadLetters } = await import('../local/sqlite-dead-letters.ts');
      return new SqliteDeadLetters(paths.queue, ports.clock);
    },
    close: () => ports.close(),
  };
}

async function openOnAws(io: Io, name: string, region: string | undefined): Promise<Installation> {
  const { findInstallation } = await import('../aws/cloudformation-installation.ts');
  const found = await findInstallation(name, region);
  // The SDK takes as long to load as all the rest of a command: only who works on AWS pays for it.
  const { messageCounts, operatorPorts } = await import('../aws/operator-ports.ts');
  const { logText } = await import('../reconcile/log-lines.ts');
  const ports = operatorPorts(found, {
    pathStyle: io.env.SLUICE_S3_PATH_STYLE === 'true',
    log: line => io.err(logText(line)),
    asOneself: (cluster, role) =>
      io.err(
        `note: cluster "${cluster}" is asked with your own credentials, since you may not assume ${role}, as the functions do`,
      ),
  });
  return {
    ports,
    aws: {
      name,
      region: found.region,
      webhookUrl: found.webhookUrl,
      clusterRoleArn: found.clusterRoleArn,
      allowLoopback: io.env.SLUICE_ALLOW_LOOPBACK === 'true',
    },
    deadLetters: () => messageCounts(found.deadLetters, found.region),
    openDeadLetters: async () => {
      const { SqsDeadLetters } = await import('../aws/sqs-dead-letters.ts');
      const { queues: urls, deadLetters, region: where } = found;
      const held = heldLetters(io, Object.values(deadLetters));
      return new SqsDeadLetters({ urls, deadLetters, region: where, held, clock: ports.clock });
    },
    close: () => {},
  };
}

/** Opens, acts, closes. */
export async function withInstallation<T>(
  io: Io,
  place: Place,
  act: (installation: Installation) => Promise<T>,
  options: { create?: boolean } = {},
): Promise<T> {
  const installation = await openInstallation(io, place, options);
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
