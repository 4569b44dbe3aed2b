import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Log } from '../ports/ports.ts';
import type { LogLine } from '../reconcile/log-lines.ts';
import type { ResponseSink } from './lambda-streaming.ts';
import { ThreadEnded, WorkerThread } from './worker-thread.ts';

export interface PoolOptions {
  threads: number;
  /** Environment of the threads: the handlers' configuration. */
  env: NodeJS.ProcessEnv;
  /** Folder for temporary files, of which each thread has one of its own, removed with it: those that die clean up nothing. */
  temporary: string;
  log: Log;
  onWake(queues: string[]): void;
  onLogLine(line: LogLine): void;
}

/** What a function is asked to do. */
export interface Invocation {
  function: string;
  module: string;
  event: unknown;
  timeoutSeconds: number;
}

/**
 * The threads that run the functions. Each invocation goes to the thread with the fewest. A thread that dies is replaced;
 * one whose invocation outlives its timeout gets no new work, and is ended and replaced as soon as its other
 * invocations are through: a single invocation cannot be stopped, and what it does must not go on beside its retry.
 */
export class WorkerPool {
  readonly #options: PoolOptions;
  #threads: WorkerThread[] = [];
  #closed = false;
  #started = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    for (let i = 0; i < options.threads; i++) this.#threads.push(this.#start());
  }

  get size(): number {
    return this.#options.threads;
  }

  /** Threads as they are now, so that a test can end one. */
  get threads(): readonly WorkerThread[] {
    return this.#threads;
  }

  /** Resolves to what the handler returned. Rejects with FunctionError, or with ThreadEnded when the thread is gone. */
  async invoke(invocation: Invocation): Promise<unknown> {
    return this.#idlest().run('invoke', invocation);
  }

  /** As invoke, for a handler that streams its answer into `sink`. */
  async stream(invocation: Invocation, sink: ResponseSink, control: StreamControl): Promise<unknown> {
    return this.#idlest().run('stream', invocation, sink, control);
  }

  /** Imports the handlers in every thread, before the first invocation needs them. */
  warm(modules: string[]): void {
    for (const thread of this.#threads) thread.warm(modules);
  }

  /** Ends the threads; what still runs is rejected with ThreadEnded. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#threads.map(thread => thread.terminate()));
    await rm(this.#options.temporary, { recursive: true, force: true });
  }

  #idlest(): WorkerThread {
    if (this.#closed) throw new ThreadEnded('the host is stopping', false);
    const candidates = this.#threads.filter(thread => !thread.condemned);
    const [first, ...others] = candidates;
    if (!first) {
      // All are being replaced: work must not wait for the slowest of them.
      const thread = this.#start();
      this.#threads.push(thread);
      return thread;
    }
    return others.reduce((best, thread) => (thread.load < best.load ? thread : best), first);
  }

  #start(): WorkerThread {
    const temporary = join(this.#options.temporary, String(++this.#started));
    mkdirSync(temporary, { recursive: true, mode: 0o700 });
    const options = { ...this.#options, env: { ...this.#options.env, TMPDIR: temporary } };
    const thread = new WorkerThread(workerModule, options, error => {
      void rm(temporary, { recursive: true, force: true }).catch(() => undefined);
      this.#replace(thread, error);
    });
    return thread;
  }

  #replace(thread: WorkerThread, error: Error): void {
    if (this.#closed) return;
    this.#options.log.warn('a worker thread ended and is replaced', { reason: error.message });
    this.#threads = this.#threads.filter(other => other !== thread);
    while (this.#threads.length < this.#options.threads) this.#threads.push(this.#start());
  }
}

const workerModule = fileURLToPath(new URL('./worker.ts', import.meta.url));

/** The reader's side of a streamed response: filled in by the thread, called by the reader. */
export interface StreamControl {
  more(): void;
  abort(): void;
}
