import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Opened } from './ports.ts';

const script = fileURLToPath(new URL('./ports-process.ts', import.meta.url));

/** Another process at work on the same data. */
export interface PortProcess {
  child: ChildProcess;
  /** The lines it has printed so far: what it knows to be done. */
  lines: string[];
  /** Waits until it has printed so many lines. */
  printed(count: number): Promise<void>;
  /** Waits for its end; throws when it failed. */
  finished(): Promise<void>;
  /** kill -9, and waits until it is gone. */
  kill(): Promise<void>;
}

export function runProcess(opened: Opened<unknown>, ...task: string[]): PortProcess {
  const { module, argument } = opened.process;
  const child = spawn(process.execPath, [script, module, argument, ...task], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  const exit = once(child, 'close');
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop()!;
    lines.push(...parts);
  });
  return {
    child,
    lines,
    async printed(count) {
      while (lines.length < count) await Promise.race([once(child.stdout, 'data'), exit.then(failed)]);
    },
    async finished() {
      const [code] = await exit;
      if (code !== 0) failed();
    },
    async kill() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

function failed(): never {
  throw new Error('the other process ended early; its error is on stderr');
}
