import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { QueueName } from '../../shared/ports/queue.ts';
import type { Sent, Tally } from './counting.ts';

export type Task =
  | { type: 'message'; queue: QueueName; body: string }
  | { type: 'sweep'; cluster: string }
  | { type: 'due' }
  | { type: 'hook'; path: string; headers: Record<string, string>; body: string };

export interface Answer {
  tally: Tally;
  sent: Sent[];
  /** Milliseconds from the beginning to the end. */
  ms: number;
  /** Milliseconds of CPU, children (kubectl) included. */
  cpuMs: number;
}

export interface Environment {
  /** Performs a task; one at a time, as a Lambda execution environment does. */
  run(task: Task): Promise<Answer>;
  close(): Promise<void>;
}

/** A fresh execution environment on the state in `dir`; `apiPort` tells its requests to the API server from others. */
export function startEnvironment(dir: string, apiPort: number): Environment {
  const module = fileURLToPath(new URL('environment-process.ts', import.meta.url));
  const child: ChildProcess = fork(module, [dir, String(apiPort)], {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return {
    async run(task) {
      const ended = new AbortController();
      const answered = once(child, 'message', { signal: ended.signal });
      const died = once(child, 'exit', { signal: ended.signal }).then(([code]) => {
        throw new Error(`the environment ended with ${code} during ${task.type}`);
      });
      try {
        child.send(task);
        const [{ answer, error }] = (await Promise.race([answered, died])) as [{ answer?: Answer; error?: string }];
        if (!answer) throw new Error(`${task.type}: ${error}`);
        return answer;
      } finally {
        ended.abort();
        await Promise.allSettled([answered, died]);
      }
    },
    async close() {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}
