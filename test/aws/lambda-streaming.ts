/**
 * Lambda's side of the runtime API, for functions that stream: the emulator keeps an answer back until it is whole, takes 6 MB
 * of it at most, and drops the trailers by which a function says that it failed in the middle. Here bytes go on as they come.
 * Source: docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html, "Response streaming".
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mostMemory } from '../fixtures/most-memory.ts';

export interface StreamingOptions {
  /** Path of the runtime interface client's main module. */
  ric: string;
  /** Folder of the bundle. */
  folder: string;
  env: Record<string, string>;
  timeoutSeconds: number;
}

export interface StreamedInvocation {
  /** Head and body as the runtime client wrote them, piece by piece. */
  pieces: AsyncIterable<Buffer>;
  /** Why the function failed after it had begun; known when the pieces have come to their end. */
  error(): string | undefined;
}

export interface StreamingLambda {
  invoke(event: unknown): Promise<StreamedInvocation>;
  /** Most memory that the function's process has had so far, bytes. */
  peakMemory(): number;
  close(): Promise<void>;
}

const prefix = '/2018-06-01/runtime';

/** One environment, one invocation at a time. */
export async function startStreamingLambda(options: StreamingOptions): Promise<StreamingLambda> {
  const api = new RuntimeApi(options.timeoutSeconds);
  const address = await api.listen();
  // A fresh process empties its temporary folder, as it may on Lambda, where nobody else has one.
  const temporary = mkdtempSync(join(tmpdir(), 'sluice-streaming-'));
  const child = spawn(process.execPath, [options.ric], {
    cwd: options.folder,
    env: { ...environment(options), AWS_LAMBDA_RUNTIME_API: address, TMPDIR: temporary },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  process.once('exit', () => child.kill('SIGKILL'));
  return {
    invoke: event => api.invoke(event, child),
    peakMemory: () => mostMemory(child.pid) * 2 ** 20,
    async close() {
      const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
      child.kill('SIGKILL');
      await ended;
      await api.close();
      rmSync(temporary, { recursive: true, force: true });
    },
  };
}

/** What the service sets, and the runtime client asks for. */
function environment({ folder, env }: StreamingOptions): Record<string, string> {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LAMBDA_TASK_ROOT: folder,
    _HANDLER: 'index.handler',
    AWS_LAMBDA_FUNCTION_NAME: 'streaming',
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
    AWS_LAMBDA_LOG_GROUP_NAME: '/sluice/streaming',
    AWS_LAMBDA_LOG_STREAM_NAME: 'one',
    ...env,
  };
}

class RuntimeApi {
  readonly #server: Server;
  readonly #timeoutSeconds: number;
  /** The client that asked for the next invocation and waits for it. */
  #idle = Promise.withResolvers<ServerResponse>();
  #answer: PromiseWithResolvers<StreamedInvocation> | undefined;

  constructor(timeoutSeconds: number) {
    this.#timeoutSeconds = timeoutSeconds;
    this.#server = createServer((request, response) => this.#handle(request, response));
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async invoke(event: unknown, child: ChildProcess): Promise<StreamedInvocation> {
    const answer = Promise.withResolvers<StreamedInvocation>();
    this.#answer = answer;
    child.once('exit', code => answer.reject(new Error(`the runtime client has ended with ${code}`)));
    const response = await Promise.race([this.#idle.promise, answer.promise.then(() => undefined)]);
    this.#idle = Promise.withResolvers();
    response?.writeHead(200, {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': randomUUID(),
      'lambda-runtime-deadline-ms': String(Date.now() + this.#timeoutSeconds * 1000),
      'lambda-runtime-invoked-function-arn': 'arn:aws:lambda:local:000000000000:function:streaming',
    });
    response?.end(JSON.stringify(event));
    return answer.promise;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise(resolve => this.#server.close(() => resolve()));
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    if (path === `${prefix}/invocation/next`) return void this.#idle.resolve(response);
    // Taken when it is whole, as the runtime client waits for that before it asks for the next invocation.
    request.once('end', () => response.writeHead(202, { 'content-type': 'application/json' }).end('{"status":"OK"}'));
    if (path.endsWith('/response'))
      return void this.#answer?.resolve({ pieces: request, error: () => errorOf(request) });
    request.resume();
    this.#answer?.reject(new Error(`the function failed before it answered (${path})`));
  }
}

function errorOf(request: IncomingMessage): string | undefined {
  const type = request.trailers['lambda-runtime-function-error-type'];
  return type === undefined ? undefined : String(type);
}
