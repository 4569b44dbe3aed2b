/**
 * Loaded into the runtime's process by the chaos scenario: SIGUSR2 ends one of the threads that run the functions, in the
 * middle of whatever it does. Threads cannot be killed from outside, and the runtime has no reason to offer it.
 */

import { syncBuiltinESMExports } from 'node:module';
import worker, { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  const threads = new Set<worker.Worker>();
  const Original = worker.Worker;
  worker.Worker = class extends Original {
    constructor(file: string | URL, options?: worker.WorkerOptions) {
      super(file, options);
      if (options?.name !== 'sluice-worker') return;
      threads.add(this);
      this.once('exit', () => threads.delete(this));
    }
  };
  syncBuiltinESMExports();
  process.on('SIGUSR2', () => {
    const [oldest] = threads;
    void oldest?.terminate();
  });
}
