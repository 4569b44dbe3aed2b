import { registeredClusters } from '../kube/registered.ts';
import { type Clock, systemClock } from '../ports/clock.ts';
import type { Ports } from '../ports/ports.ts';
import type { LogLevel } from '../reconcile/log-lines.ts';
import { logMetrics } from '../reconcile/log-metrics.ts';
import { fileLog } from './file-log.ts';
import { FileSecrets } from './file-secrets.ts';
import { FileStore } from './file-store.ts';
import { SqliteIndex } from './sqlite-index.ts';
import { SqliteQueue } from './sqlite-queue.ts';
import { statePaths } from './state-dir.ts';

export interface LocalOptions {
  /** State directory; made when absent. */
  dir: string;
  /** Base URL under which this installation answers; no trailing slash. */
  publicUrl: string;
  level?: LogLevel;
  clock?: Clock;
  /** Requests under way at a time to one cluster, by these ports; several threads share what its API server can bear. */
  clusterRequests?: number | undefined;
}

/** The ports of one machine, with the embedded parts as what they are: the host needs more of them than the ports say. */
export interface LocalPorts extends Ports {
  queue: SqliteQueue;
  index: SqliteIndex;
  store: FileStore;
  /** Closes the databases. */
  close(): void;
}

/** The ports on a state directory. */
export function localPorts(options: LocalOptions): LocalPorts {
  const paths = statePaths(options.dir);
  const clock = options.clock ?? systemClock;
  const log = fileLog(paths.log, clock, options.level);
  const queue = new SqliteQueue(paths.queue, clock);
  const index = new SqliteIndex(paths.index, clock);
  const secrets = new FileSecrets(paths.secrets);
  const close = () => {
    queue.close();
    index.close();
  };
  const clusters = registeredClusters(index, secrets, {
    ...(options.clusterRequests && { maxInFlight: options.clusterRequests }),
    // Loaded by those who have such a cluster.
    eks: async (name, access) => (await import('../aws/eks-access.ts')).eksAccess(name, access, clock),
  });
  const store = new FileStore(paths.store);
  const metrics = logMetrics(log);
  return { store, queue, index, secrets, clusters, clock, artifactsUrl: options.publicUrl, log, metrics, close };
}
