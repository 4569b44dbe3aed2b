/** A server that is not ours, as a child process that ends with this one, however this one ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { failure, InstallFailed } from './install.ts';

export interface ServerOptions {
  /** For messages. */
  name: string;
  command: string;
  /** Its arguments, given a free port of 127.0.0.1. */
  args(port: number): string[];
  cwd: string;
  /** Where its output goes. */
  log: string;
  env?: Record<string, string>;
  /** Throws until the server listens; without it, it must answer HTTP. */
  probe?(port: number): Promise<unknown>;
}

export interface ServerProcess {
  port: number;
  /** Its end, with kill -9: what it has is thrown away. */
  stop(): Promise<void>;
}

/**
 * Runs the command as its child, and kills it when the other end of descriptor 3 is closed, as it is when this process has
 * ended, even by kill -9. Ends with the command.
 */
const watch =
  '"$@" </dev/null 3<&- & pid=$!; { read -r _ <&3; kill -9 $pid; } >/dev/null 2>&1 & reader=$!; wait $pid; code=$?; kill $reader; exit $code';

/** On a machine that is busy with a whole suite, Java takes its time. */
const patienceMs = 180_000;
const tries = 5;

/** Starts the server and waits until it answers. Another port is tried when someone else took the first one meanwhile. */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const started = await start(options, port);
    if (started) return started;
    const log = readFileSync(options.log, 'utf8');
    const said = log.split('\n').slice(-15).join('\n');
    if (attempt === tries || !/in use|bind/i.test(log))
      throw new InstallFailed(`${options.name} does not start: ${options.command} says in ${options.log}:\n${said}`);
  }
}

async function start(options: ServerOptions, port: number): Promise<ServerProcess | undefined> {
  const log = openSync(options.log, 'a');
  const child = spawn('sh', ['-c', watch, 'sh', options.command, ...options.args(port)], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', log, log, 'pipe'],
  });
  closeSync(log);
  const lifeline = child.stdio[3] as Socket;
  lifeline.on('error', () => undefined);
  const ended = once(child, 'exit');
  const stop = async () => {
    child.ref();
    lifeline.destroy();
    await ended;
  };
  try {
    if (!(await answers(child, port, options))) return undefined;
  } catch (error) {
    await stop();
    throw error;
  }
  // A test that forgets it ends all the same.
  child.unref();
  lifeline.unref();
  return { port, stop };
}

/** False when it has ended before it answered. */
async function answers(child: ChildProcess, port: number, { name, probe = http }: ServerOptions): Promise<boolean> {
  const until = Date.now() + patienceMs;
  while (child.exitCode === null && child.signalCode === null) {
    try {
      await probe(port);
      // Whoever answered, it was not the child if that could not have the port.
      await delay(20);
      return child.exitCode === null && child.signalCode === null;
    } catch {
      if (Date.now() > until) throw new InstallFailed(`${name} does not answer after ${patienceMs / 1000} s`);
      await delay(50);
    }
  }
  return false;
}

function http(port: number): Promise<unknown> {
  return fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(5_000) });
}

/** A probe for servers that do not speak HTTP. */
export async function connects(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}

/** Throws unless this is Java 17 or later. */
export async function checkJava(): Promise<void> {
  const child = spawn('java', ['-version'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', text => {
    said += text;
  });
  try {
    await once(child, 'close');
  } catch (error) {
    throw failure('java', ['-version'], error);
  }
  const major = Number(/version "(\d+)/.exec(said)?.[1] ?? 0);
  if (major < 17)
    throw new InstallFailed(
      `the tests on AWS's stand-ins need Java 17 or later, \`java -version\` says: ${said.trim()}`,
    );
}
