/** One execution environment: AWS's interface emulator, and AWS's runtime client with the function's bundle inside it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type FunctionLine, lineReader, parseStderr, parseStdout } from './lambda-log.ts';
import type { LambdaPrograms } from './lambda-programs.ts';

export interface WorkerOptions extends LambdaPrograms {
  name: string;
  /** Folder with the bundle; `index.mjs` exports `handler`. */
  folder: string;
  /** The function's own environment; nothing of the test's comes with it. */
  env: Record<string, string>;
  timeoutSeconds: number;
  memoryMb: number;
  onLine(line: FunctionLine): void;
  /** The bundle has been loaded; how long that took. */
  onInit(milliseconds: number): void;
}

/** Why an invocation gave no result, in Lambda's words. */
export class FunctionError extends Error {
  /** `Error` and the like: thrown by the function; `Runtime.ExitError`: its process ended; `Sandbox.Timedout`; … */
  readonly code: string;
  /** Whether the environment can be used again, as after an error that the function threw itself. */
  readonly usable: boolean;
  constructor(code: string, message: string, usable: boolean, options?: ErrorOptions) {
    super(message, options);
    this.name = 'FunctionError';
    this.code = code;
    this.usable = usable;
  }
}

/** Bytes of a synchronous invocation's event, and of its buffered answer (Lambda quotas; the emulator has the same number). */
export const maxPayloadBytes = 6_291_556;

/**
 * Runs the command that follows, and kills it when the other end of descriptor 3 is closed, as it is when this process has
 * ended, even by kill -9. The runtime client ends by itself when the emulator is gone.
 */
const endWithLifeline =
  '"$@" </dev/null 3<&- & pid=$!; { read -r _ <&3; kill -9 $pid; } >/dev/null 2>&1 & reader=$!; wait $pid; code=$?; kill $reader; exit $code';

/** Temporary folders of the environments that run. */
const folders = new Set<string>();
process.once('exit', () => folders.forEach(removeFolder));

function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  folders.delete(folder);
}

/** An environment takes one invocation at a time: a second one at the same time makes the emulator panic. */
export class LambdaWorker {
  readonly #options: WorkerOptions;
  readonly #folder: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #address: Address;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  #requestId: string | undefined;
  /** What the emulator said last, for errors. */
  #last: string[] = [];
  busy = false;

  private constructor(options: WorkerOptions, address: Address, folder: string) {
    this.#options = options;
    this.#address = address;
    this.#folder = folder;
    this.#process = this.#spawn();
    this.#ended = new Promise(resolve => this.#process.once('close', () => resolve()));
  }

  /** Starts the emulator. The function itself is loaded with the first invocation. */
  static async start(options: WorkerOptions): Promise<LambdaWorker> {
    const folder = mkdtempSync(join(tmpdir(), `sluice-lambda-${options.name}-`));
    const worker = new LambdaWorker(options, await freeAddress(), folder);
    await worker.#listening();
    return worker;
  }

  /** The answer's bytes. Throws FunctionError. */
  async invoke(event: unknown): Promise<Buffer> {
    if (this.busy) throw new Error(`${this.#options.name}: two invocations of one environment at a time`);
    this.busy = true;
    try {
      return answerOf(await this.#post(Buffer.from(JSON.stringify(event))));
    } finally {
      this.busy = false;
    }
  }

  get gone(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  /** Kills the function's own process, as when it runs out of memory; false when it is not there. */
  kill(): boolean {
    const pids = descendantsOf(this.#process.pid!).filter(pid => programOf(pid) === process.execPath);
    return pids.filter(killIfThere).length > 0;
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    const pids = this.gone ? [] : descendantsOf(this.#process.pid!);
    (this.#process.stdio[3] as Socket).destroy();
    for (const pid of pids) killIfThere(pid);
    await this.#ended;
    removeFolder(this.#folder);
  }

  #spawn(): ChildProcess {
    const { name, rie, ric, folder, onLine, onInit } = this.#options;
    const { host, api, emulator } = this.#address;
    const child = spawn(
      'sh',
      [
        ...['-c', endWithLifeline, 'sh', rie, '--runtime-api-address', `${host}:${api}`],
        ...['--runtime-interface-emulator-address', `${host}:${emulator}`],
        ...[process.execPath, ric, 'index.handler'],
      ],
      { cwd: folder, env: this.#environment(), stdio: ['ignore', 'pipe', 'pipe', 'pipe'] },
    );
    child.stdout!.on(
      'data',
      lineReader(text => {
        const line = parseStdout(name, text, this.#requestId);
        if (line && 'function' in line) onLine(line);
        else if (line?.type === 'start') this.#requestId = line.requestId;
      }),
    );
    child.stderr!.on(
      'data',
      lineReader(text => {
        this.#last = [...this.#last.slice(-5), text];
        const line = parseStderr(text);
        if (line?.type === 'init') onInit(line.milliseconds);
      }),
    );
    child.stdio[3]!.on('error', () => undefined);
    child.on('error', error => this.#last.push(String(error)));
    folders.add(this.#folder);
    return child;
  }

  /** As on Lambda: the function's own variables and those that the service sets; a home that is not writable, a /tmp of its own. */
  #environment(): Record<string, string> {
    const { name, folder, env, timeoutSeconds, memoryMb } = this.#options;
    const temporary = join(this.#folder, 'tmp');
    mkdirSync(temporary);
    return {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      LANG: 'en_US.UTF-8',
      TZ: ':UTC',
      HOME: '/nonexistent',
      TMPDIR: temporary,
      LAMBDA_TASK_ROOT: folder,
      AWS_LAMBDA_FUNCTION_NAME: name,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_TIMEOUT: String(timeoutSeconds),
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
      AWS_LAMBDA_LOG_FORMAT: 'JSON',
      ...env,
    };
  }

  async #listening(): Promise<void> {
    const end = Date.now() + 60_000;
    while (!(await canConnect(this.#address))) {
      if (this.gone || this.#process.pid === undefined || Date.now() > end) {
        await this.close();
        throw new Error(
          `the runtime interface emulator ${this.#options.rie} does not start: ${this.#last.join('; ') || 'it says nothing'}`,
        );
      }
      await delay(10);
    }
  }

  #post(event: Buffer): Promise<{ status: number; body: Buffer }> {
    const { host, emulator } = this.#address;
    return new Promise((resolve, reject) => {
      const lost = (cause: Error) =>
        reject(new FunctionError('Runtime.Unreachable', `the environment is gone: ${cause.message}`, false, { cause }));
      const call = request(
        {
          ...{ host, port: emulator, agent: this.#agent, method: 'POST' },
          path: '/2015-03-31/functions/function/invocations',
          headers: { 'content-length': event.length },
        },
        async response => {
          try {
            const pieces: Buffer[] = [];
            for await (const piece of response as AsyncIterable<Buffer>) pieces.push(piece);
            resolve({ status: response.statusCode ?? 0, body: Buffer.concat(pieces) });
          } catch (error) {
            lost(error as Error);
          }
        },
      );
      call.once('error', lost);
      call.end(event);
    });
  }
}

/** The emulator says most of it in the body alone, where Lambda's API has a header too. */
function answerOf({ status, body }: { status: number; body: Buffer }): Buffer {
  const text = body.length < 1 << 20 ? body.toString() : '';
  const timedOut = /^(?:RequestId: \S+ )?(?:Error: )?Task timed out after [\d.]+ seconds/.exec(text);
  if (timedOut) throw new FunctionError('Sandbox.Timedout', text.trim(), false);
  if (text.startsWith('{"errorType"') || status !== 200) {
    const { errorType, errorMessage } = errorIn(text);
    // Whoever ended with the process, or was too large, has not been answered by the function.
    const usable = status === 200 && !/^(Runtime|Sandbox)\./.test(errorType);
    throw new FunctionError(errorType, errorMessage, usable);
  }
  return body;
}

function errorIn(text: string): { errorType: string; errorMessage: string } {
  try {
    const { errorType, errorMessage } = JSON.parse(text) as Record<string, unknown>;
    return { errorType: String(errorType), errorMessage: String(errorMessage) };
  } catch {
    return { errorType: 'Runtime.Unknown', errorMessage: text.slice(0, 500) };
  }
}

interface Address {
  host: string;
  api: number;
  emulator: number;
}

/**
 * Two free ports on a loopback address of the environment's own, picked from sixteen million: the emulator can only be told
 * a port, and one that was free a moment ago may be taken by another test if all share one address.
 */
async function freeAddress(): Promise<Address> {
  const host = `127.${randomInt(1, 255)}.${randomInt(0, 255)}.${randomInt(1, 255)}`;
  const [api, emulator] = await Promise.all([freePort(host), freePort(host)]);
  return { host, api, emulator };
}

function freePort(host: string): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function canConnect({ host, emulator }: Address): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(emulator, host);
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** Ids of the processes under a process, by whichever of its threads they were started. */
function descendantsOf(pid: number): number[] {
  try {
    const children = readdirSync(`/proc/${pid}/task`).flatMap(thread =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
    );
    return children.flatMap(child => [child, ...descendantsOf(child)]);
  } catch {
    return [];
  }
}

/** What a process was started as. */
function programOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0];
  } catch {
    return undefined;
  }
}

function killIfThere(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}
