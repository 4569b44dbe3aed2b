import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Log } from '../ports/ports.ts';
import type { LogLine } from '../reconcile/log-lines.ts';
import type { FromWorker } from './worker-protocol.ts';

export interface WatchingOptions {
  env: NodeJS.ProcessEnv;
  log: Log;
  onWake(queues: string[]): void;
  onLogLine(line: LogLine): void;
}

export interface Watching {
  /** Reads the registry anew at once. */
  refresh(): void;
  close(): Promise<void>;
}

const restartMs = 1000;

/** Runs watch-thread.ts, again when it dies. A thread of its own, so that a busy cluster does not slow the gateway. */
export function startWatching(options: WatchingOptions): Watching {
  let closed = false;
  let worker = start();

  function start(): Worker {
    const made = new Worker(module, { env: options.env, name: 'sluice-watch' });
    made.on('message', (message: FromWorker) => {
      if (message.type === 'wake') options.onWake(message.queues);
      if (message.type === 'log') options.onLogLine(message.line);
    });
    made.on('error', error => options.log.error('the thread that follows the clusters failed', { error }));
    made.on('exit', () => {
      if (!closed)
        setTimeout(() => {
          if (!closed) worker = start();
        }, restartMs).unref();
    });
    return made;
  }

  return {
    refresh: () => worker.postMessage('refresh'),
    async close() {
      closed = true;
      await worker.terminate();
    },
  };
}

const module = fileURLToPath(new URL('./watch-thread.ts', import.meta.url));
