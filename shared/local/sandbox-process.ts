import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import type { Log } from '../ports/ports.ts';
import { rotateLog } from './file-log.ts';

export interface SandboxProcess {
  /** Address of the API server. */
  url: string;
  port: number;
  /** YAML with the administrator's credentials. */
  kubeconfig: string;
  stop(): Promise<void>;
}

export interface SandboxProcessOptions {
  dir: string;
  /** The port it had last; 0 for any. */
  port: number;
  logFile: string;
  log: Log;
}

const Ready = z.object({ url: z.string(), kubeconfig: z.string() });
const module = fileURLToPath(new URL('../sandbox/main.ts', import.meta.url));
const endWithParent = new URL('./end-with-parent.ts', import.meta.url).href;
const restartMs = 500;

/**
 * The sandbox cluster in a process of its own, so that it has a core to itself; started again on its port when it dies. It
 * is in no terminal's process group: Ctrl-C is for the host, which stops it last. It ends when the host is killed.
 */
export async function startSandboxProcess(options: SandboxProcessOptions): Promise<SandboxProcess> {
  let stopping = false;
  let current = await launch(options, await freePort(options.port));
  const { url } = current.ready;
  const port = Number(new URL(url).port);
  const watch = (child: ChildProcess) =>
    child.once('exit', (code, signal) => {
      if (stopping) return;
      options.log.error('the sandbox cluster ended and is started again', { code, signal });
      setTimeout(restart, restartMs).unref();
    });
  const restart = () => {
    if (stopping) return;
    launch(options, port).then(
      next => {
        current = next;
        watch(next.child);
        if (stopping) next.child.kill('SIGTERM');
      },
      error => {
        options.log.error('the sandbox cluster could not be started again', { error });
        setTimeout(restart, restartMs * 10).unref();
      },
    );
  };
  watch(current.child);
  return {
    url,
    port,
    kubeconfig: readFileSync(current.ready.kubeconfig, 'utf8'),
    stop: () => {
      stopping = true;
      return end(current.child);
    },
  };
}

async function launch(
  options: SandboxProcessOptions,
  port: number,
): Promise<{ child: ChildProcess; ready: z.infer<typeof Ready> }> {
  mkdirSync(dirname(options.logFile), { recursive: true, mode: 0o700 });
  rotateLog(options.logFile);
  const log = openSync(options.logFile, 'a', 0o600);
  const args = ['--import', endWithParent, module, '--dir', options.dir, '--port', String(port)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', log, 'ipc'], detached: true });
  closeSync(log);
  child.channel?.unref();
  let text = '';
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout!.setEncoding('utf8').on('data', chunk => {
      text += chunk;
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
    });
    child.once('error', reject);
    child.once('exit', code =>
      reject(new Error(`the sandbox cluster did not start (exit code ${code}); ${options.logFile} says why`)),
    );
  });
  return { child, ready: Ready.parse(JSON.parse(line)) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise(resolve => child.once('exit', resolve));
  child.kill('SIGTERM');
  const last = setTimeout(() => child.kill('SIGKILL'), 1500);
  await gone;
  clearTimeout(last);
}

/** The wanted port if nobody has it, otherwise 0. */
function freePort(port: number): Promise<number> {
  if (port === 0) return Promise.resolve(0);
  return new Promise(resolve => {
    const probe = createServer();
    probe.once('error', () => resolve(0));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(port)));
  });
}
