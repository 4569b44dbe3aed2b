import { Worker } from 'node:worker_threads';
import type { Log } from '../ports/ports.ts';
import type { LogLine } from '../reconcile/log-lines.ts';
import type { ResponseSink } from './lambda-streaming.ts';
import type { Invocation, StreamControl } from './worker-pool.ts';
import type { FromWorker, ToWorker } from './worker-protocol.ts';

/** The handler threw. */
export class FunctionError extends Error {
  readonly code = 'FunctionError';
}

/** The thread died, or was ended because of an invocation that took too long, before the answer. */
export class ThreadEnded extends Error {
  readonly code = 'ThreadEnded';
  /** Whether this very invocation outlived its timeout. */
  readonly timedOut: boolean;
  constructor(message: string, timedOut: boolean) {
    super(message);
    this.timedOut = timedOut;
  }
}

export interface ThreadOptions {
  env: NodeJS.ProcessEnv;
  log: Log;
  onWake(queues: string[]): void;
  onLogLine(line: LogLine): void;
}

interface Running {
  invocation: Invocation;
  sink: ResponseSink | undefined;
  resolve(value: unknown): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
  overdue: boolean;
}

let lastId = 0;

/** One worker thread, and what runs in it. */
export class WorkerThread {
  readonly #worker: Worker;
  readonly #options: ThreadOptions;
  readonly #running = new Map<number, Running>();
  readonly #onEnd: (error: Error) => void;
  #ended = false;
  #cause: Error | undefined;

  constructor(module: string, options: ThreadOptions, onEnd: (error: Error) => void) {
    this.#options = options;
    this.#onEnd = onEnd;
    this.#worker = new Worker(module, { env: options.env, name: 'sluice-worker' });
    this.#worker.on('message', (message: FromWorker) => this.#hear(message));
    this.#worker.on('error', error => {
      this.#cause = error instanceof Error ? error : new Error(String(error));
    });
    this.#worker.on('exit', code => this.#end(this.#cause ?? new Error(`the thread exited with code ${code}`)));
  }

  get load(): number {
    return this.#running.size;
  }

  /** Whether an invocation of it outlived its timeout, so that it must not get new ones. */
  get condemned(): boolean {
    return this.#ended || [...this.#running.values()].some(({ overdue }) => overdue);
  }

  run(
    type: 'invoke' | 'stream',
    invocation: Invocation,
    sink?: ResponseSink,
    control?: StreamControl,
  ): Promise<unknown> {
    const id = ++lastId;
    const milliseconds = invocation.timeoutSeconds * 1000;
    const { function: name, module, event } = invocation;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#overdue(id), milliseconds);
      this.#running.set(id, { invocation, sink, resolve, reject, timer, overdue: false });
      if (control) {
        control.more = () => this.#say({ type: 'more', id });
        control.abort = () => this.#say({ type: 'abort', id });
      }
      this.#say({ type, id, function: name, module, event, deadline: Date.now() + milliseconds });
    });
  }

  warm(modules: string[]): void {
    this.#say({ type: 'warm', modules });
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #say(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #hear(message: FromWorker): void {
    if (message.type === 'wake') this.#options.onWake(message.queues);
    else if (message.type === 'log') this.#options.onLogLine(message.line);
    else {
      const running = this.#running.get(message.id);
      if (running) this.#answer(message, running);
    }
  }

  #answer(message: Exclude<FromWorker, { type: 'wake' | 'log' }>, running: Running): void {
    switch (message.type) {
      case 'head':
        running.sink?.head(message);
        break;
      case 'chunk':
        running.sink?.chunk(message.bytes);
        break;
      case 'end':
        running.sink?.end();
        break;
      case 'result':
        this.#settle(message.id);
        running.resolve(message.value);
        break;
      case 'failure': {
        this.#settle(message.id);
        const error = new FunctionError(`${message.error.name}: ${message.error.message}`);
        if (message.error.stack) error.stack = message.error.stack;
        running.reject(error);
      }
    }
  }

  #settle(id: number): void {
    const running = this.#running.get(id);
    if (!running) return;
    clearTimeout(running.timer);
    this.#running.delete(id);
    this.#endIfStuck();
  }

  #overdue(id: number): void {
    const running = this.#running.get(id);
    if (!running) return;
    running.overdue = true;
    const { function: name, timeoutSeconds } = running.invocation;
    this.#options.log.error('a function outlived its timeout; its thread will be replaced', {
      function: name,
      timeoutSeconds,
    });
    this.#endIfStuck();
  }

  /** Only overdue invocations are left: nothing is lost by ending the thread. */
  #endIfStuck(): void {
    const all = [...this.#running.values()];
    if (all.length > 0 && all.every(({ overdue }) => overdue)) void this.#worker.terminate();
  }

  #end(error: Error): void {
    this.#ended = true;
    const running = [...this.#running.values()];
    this.#running.clear();
    this.#onEnd(error);
    for (const { reject, timer, overdue, invocation } of running) {
      clearTimeout(timer);
      const why = overdue ? `timed out after ${invocation.timeoutSeconds} s` : `its thread ended: ${error.message}`;
      reject(new ThreadEnded(`function ${invocation.function}: ${why}`, overdue));
    }
  }
}
