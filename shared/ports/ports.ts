import type { Clock } from './clock.ts';
import type { CloudEnvironment } from './cloud.ts';
import type { Clusters } from './cluster.ts';
import type { Index } from './index.ts';
import type { Metrics } from './metrics.ts';
import type { Queue } from './queue.ts';
import type { Secrets } from './secrets.ts';
import type { Store } from './store.ts';

/** Everything that differs between AWS and one machine, in one object that handlers hand down. */
export interface Ports {
  store: Store;
  queue: Queue;
  index: Index;
  secrets: Secrets;
  clusters: Clusters;
  clock: Clock;
  /** Base URL under which this installation serves artifacts, at `/artifacts/…`; no trailing slash. Empty for those who make none. */
  artifactsUrl: string;
  log: Log;
  metrics: Metrics;
  /** Whether users' addresses (repositories, chat services) may not lead to this machine itself: so on Lambda, whose runtime
   * API listens there. On one machine, in-house servers may. */
  refuseLoopback?: boolean;
  /** Who this installation is at the clouds, for sources there; nobody when absent. */
  cloud?: CloudEnvironment;
}

/** Structured, one JSON object a line. Values must never hold a secret. */
export interface Log {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
  /** A log whose lines all carry these fields. */
  with(fields: Record<string, unknown>): Log;
}
