import { mkdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/ports.ts';
import type { LogLine } from '../reconcile/log-lines.ts';
import { EventSource, type Outcome } from './event-source.ts';
import { rotateLog } from './file-log.ts';
import { functions as deployed, type FunctionName, type Functions, type Mapping, mappings } from './functions.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { type LocalPorts, localPorts } from './local-ports.ts';
import { everyMinute } from './minute.ts';
import { Notifications } from './notifications.ts';
import type { ReceivedMessage } from './queue-consumer.ts';
import { scheduleEvent } from './schedule-event.ts';
import { type StatePaths, statePaths } from './state-dir.ts';
import { lockState, StateLocked } from './state-lock.ts';
import { onWake } from './wake.ts';
import { startWatching, type Watching } from './watching.ts';
import { WorkerPool } from './worker-pool.ts';

export interface HostOptions {
  /** State directory. */
  dir: string;
  /** Address of the gateway; 127.0.0.1 when not given. */
  listen?: string;
  /** Port of the gateway; 0 or none: any free one. */
  port?: number;
  /** Base URL by which others reach the gateway; without it, its own address. */
  publicUrl?: string;
  /** One per core when not given. */
  threads?: number;
  /** Invocations at a time, by function, instead of the defaults. */
  concurrency?: Partial<Record<FunctionName, number>>;
  /** Other functions than those of functions/: for tests. */
  functions?: Functions;
  /** For the queues; the machine's when not given. */
  clock?: Clock;
  /** Told of what happens, for the progress lines. */
  observe?(seen: Observation): void;
}

/** What the host sees go by. */
export type Observation =
  | { type: 'webhook'; at: number; milliseconds: number; status: number; trace: string | undefined }
  | { type: 'started'; at: number; message: ReceivedMessage }
  | { type: 'ended'; at: number; message: ReceivedMessage; outcome: Outcome }
  | { type: 'log'; line: LogLine };

export interface Host {
  /** The gateway's own address. */
  url: string;
  publicUrl: string;
  ports: LocalPorts;
  notifications: Notifications;
  pool: WorkerPool;
  /** Begins to take messages, follow clusters and call the schedule. Until then only the gateway answers. */
  run(): void;
  /** Has the clusters of the registry read anew, after one was added or removed. */
  clustersChanged(): void;
  /** Stops: finishes what is quick, gives the rest back. */
  close(): Promise<void>;
}

/** How long a stop waits for invocations in flight. */
const drainMs = 2500;

/**
 * Lambda, API Gateway, event source mappings and EventBridge on one machine, on one state directory that it locks.
 * Throws StateLocked when another host has it.
 */
export async function startHost(options: HostOptions): Promise<Host> {
  const paths = statePaths(options.dir);
  const lock = takeState(paths);
  try {
    return await assemble(options, paths, () => lock.release());
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Makes the state directory, if need be, and locks it. */
function takeState(paths: StatePaths): { release(): void } {
  try {
    mkdirSync(paths.root, { recursive: true, mode: 0o700 });
    return lockState(paths.lock);
  } catch (error) {
    if (error instanceof StateLocked) throw error;
    throw new Error(
      `the state directory ${paths.root} cannot be made or written: ${(error as Error).message}; choose another with --dir`,
      { cause: error },
    );
  }
}

async function assemble(options: HostOptions, paths: StatePaths, unlock: () => void): Promise<Host> {
  const functions = options.functions ?? deployed;
  const observe = options.observe ?? (() => undefined);
  rotateLog(paths.log);
  const ports = localPorts({ dir: paths.root, publicUrl: '', ...(options.clock && { clock: options.clock }) });
  // This process alone consumes: whoever held these messages is dead.
  await ports.queue.releaseAll();
  await ports.store.clean();
  rmSync(paths.temporary, { recursive: true, force: true });
  const notifications = new Notifications(paths.notifications);
  let pool: WorkerPool | undefined;
  const gateway = await startGateway({
    host: options.listen ?? '127.0.0.1',
    port: options.port ?? 0,
    functions,
    pool: () => pool!,
    notifications,
    log: ports.log,
    onWebhook: webhook => observe({ type: 'webhook', ...webhook }),
  });
  const url = `http://${reachable(gateway)}:${gateway.port}`;
  const publicUrl = options.publicUrl ?? url;
  ports.artifactsUrl = publicUrl;
  const threads = options.threads ?? availableParallelism();
  const env = workerEnvironment(paths, publicUrl, threads);
  const sources: EventSource[] = [];
  const wake = (queues: string[]) => {
    for (const source of sources) if (queues.includes(source.queueName)) source.wake();
  };
  const relay = { onWake: wake, onLogLine: (line: LogLine) => observe({ type: 'log', line }), log: ports.log, env };
  pool = new WorkerPool({ ...relay, threads, temporary: paths.temporary });
  sources.push(...mappings.map(mapping => eventSource(mapping, options, functions, ports, pool)));
  pool.warm(Object.values(functions).map(({ module }) => module));
  const running = new Running({ paths, ports, pool, gateway, sources, functions, unlock, relay, wake });
  return {
    url,
    publicUrl,
    ports,
    notifications,
    pool,
    run: () => running.run(),
    clustersChanged: () => running.watching?.refresh(),
    close: () => running.close(),
  };
}

interface Parts {
  paths: StatePaths;
  ports: LocalPorts;
  pool: WorkerPool;
  gateway: Gateway;
  sources: EventSource[];
  functions: Functions;
  relay: { onWake(queues: string[]): void; onLogLine(line: LogLine): void; log: Log; env: NodeJS.ProcessEnv };
  wake(queues: string[]): void;
  unlock(): void;
}

/** What goes on until the stop. */
class Running {
  readonly #parts: Parts;
  readonly #ends: (() => void)[] = [];
  #closing: Promise<void> | undefined;
  watching: Watching | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  run(): void {
    const { sources, relay, wake } = this.#parts;
    this.#ends.push(onWake(wake));
    for (const source of sources) source.wake();
    this.watching = startWatching(relay);
    this.#ends.push(everyMinute(at => this.#minute(at)));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #minute(at: Date): void {
    const { paths, ports, pool, functions } = this.#parts;
    for (const log of [paths.log, paths.sandboxLog]) rotateLog(log);
    const { module, timeoutSeconds } = functions.schedule;
    pool.invoke({ function: 'schedule', module, event: scheduleEvent(at), timeoutSeconds }).catch(error => {
      if (!this.#closing) ports.log.error('the schedule failed; the next minute tries again', { error });
    });
    ports.queue.expire().catch(error => ports.log.error('old messages could not be dropped', { error }));
    ports.store
      .clean(3_600_000)
      .catch(error => ports.log.error('what died writers left could not be removed', { error }));
    ports.index.expire();
  }

  async #close(): Promise<void> {
    const { ports, pool, gateway, sources, unlock } = this.#parts;
    for (const end of this.#ends) end();
    const drained = Promise.all(sources.map(source => source.stop()));
    await Promise.all([
      this.watching?.close(),
      gateway.close(),
      Promise.race([drained, new Promise(resolve => setTimeout(resolve, drainMs).unref())]),
    ]);
    // Only after the threads are gone is nobody working on what they held.
    await pool.close();
    await drained;
    for (const source of sources) await source.releaseHeld();
    await ports.store.clean();
    ports.close();
    unlock();
  }
}

function eventSource(
  mapping: Mapping,
  options: HostOptions,
  functions: Functions,
  ports: LocalPorts,
  pool: WorkerPool,
): EventSource {
  const observe = options.observe;
  return new EventSource({
    mapping,
    definition: functions[mapping.function],
    concurrency: options.concurrency?.[mapping.function] ?? mapping.perCore * pool.size,
    queue: ports.queue,
    clock: ports.clock,
    pool,
    log: ports.log,
    ...(observe && {
      onStart: message => observe({ type: 'started', at: Date.now(), message }),
      onEnd: (message, outcome) => observe({ type: 'ended', at: Date.now(), message, outcome }),
    }),
  });
}

/** Requests under way at a time to one cluster, from all threads together. */
const clusterRequests = 50;

/** The environment of the functions, as the CDK stack would set it. */
function workerEnvironment(paths: StatePaths, publicUrl: string, threads: number): NodeJS.ProcessEnv {
  return {
    ...process.env,
    SLUICE_DIR: paths.root,
    SLUICE_PUBLIC_URL: publicUrl,
    SLUICE_CLUSTER_REQUESTS: String(Math.max(4, Math.floor(clusterRequests / threads))),
  };
}

/** An address that a client on this machine can use. */
function reachable(gateway: Gateway): string {
  if (gateway.host === '0.0.0.0' || gateway.host === '::') return '127.0.0.1';
  return gateway.host.includes(':') ? `[${gateway.host}]` : gateway.host;
}
