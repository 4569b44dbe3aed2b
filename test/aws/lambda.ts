/** AWS Lambda for one function: its bundle, run by AWS's own programs, one process pair for each invocation at a time. */
import type { FunctionLine } from './lambda-log.ts';
import type { LambdaPrograms } from './lambda-programs.ts';
import { FunctionError, LambdaWorker, maxPayloadBytes } from './lambda-worker.ts';

export type { FunctionLine } from './lambda-log.ts';
export { FunctionError, maxPayloadBytes } from './lambda-worker.ts';

export interface LambdaOptions extends LambdaPrograms {
  name: string;
  /** Folder of the bundle, as it would be uploaded. */
  folder: string;
  env: Record<string, string>;
  timeoutSeconds: number;
  memoryMb: number;
  /** Environments at most, hence invocations at a time. Where Lambda would refuse more, here they wait. */
  concurrency: number;
  onLine?(line: FunctionLine): void;
}

export interface Lambda {
  readonly name: string;
  /** The function's result. Throws FunctionError when it throws, times out, or its process ends. */
  invoke(event: unknown): Promise<unknown>;
  /** For functions that stream: status, headers and body, as the runtime client wrote them. */
  stream(event: unknown): Promise<StreamedAnswer>;
  /** Kills the process of an environment that is at work; false when none is. */
  killBusy(): boolean;
  /** Milliseconds that loading the bundle took, for each environment so far. */
  readonly inits: readonly number[];
  /** Environments that run now. */
  readonly size: number;
  /** Ends all environments at once, with what they are doing. */
  close(): Promise<void>;
}

export interface StreamedAnswer {
  status: number;
  headers: Record<string, string>;
  cookies: string[];
  body: Buffer;
}

/** Nothing starts before the first invocation: a cold start. */
export function startLambda(options: LambdaOptions): Lambda {
  return new Environments(options);
}

class Environments implements Lambda {
  readonly name: string;
  readonly inits: number[] = [];
  readonly #options: LambdaOptions;
  readonly #workers = new Set<LambdaWorker>();
  /** Environments that run or are being started. */
  #count = 0;
  readonly #idle: LambdaWorker[] = [];
  readonly #waiting: ((worker: LambdaWorker | undefined) => void)[] = [];
  #closed = false;

  constructor(options: LambdaOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get size(): number {
    return this.#workers.size;
  }

  async invoke(event: unknown): Promise<unknown> {
    const text = (await this.#invoke(event)).toString();
    return text === '' ? undefined : JSON.parse(text);
  }

  async stream(event: unknown): Promise<StreamedAnswer> {
    const bytes = await this.#invoke(event);
    // An error after the head is a trailer of the answer, which the emulator drops; nothing at all is what is left of one before it.
    if (bytes.length === 0)
      throw new FunctionError('Function.Unhandled', 'the function failed before it answered; its log says why', true);
    return decodeStreamed(bytes);
  }

  killBusy(): boolean {
    const busy = [...this.#workers].filter(worker => worker.busy);
    return busy[Math.floor(Math.random() * busy.length)]?.kill() ?? false;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const resume of this.#waiting.splice(0)) resume(undefined);
    await Promise.all([...this.#workers].map(worker => worker.close()));
    this.#workers.clear();
  }

  async #invoke(event: unknown): Promise<Buffer> {
    if (Buffer.byteLength(JSON.stringify(event)) > maxPayloadBytes)
      throw new FunctionError('RequestTooLargeException', `the event is larger than ${maxPayloadBytes} bytes`, true);
    const worker = await this.#take();
    let usable = false;
    try {
      const answer = await worker.invoke(event);
      usable = true;
      return answer;
    } catch (error) {
      usable = error instanceof FunctionError && error.usable;
      throw error;
    } finally {
      await this.#giveBack(worker, usable);
    }
  }

  /** The one used last first: few stay warm. */
  async #take(): Promise<LambdaWorker> {
    if (this.#closed) throw this.#ended();
    const idle = this.#idle.pop();
    if (idle) return idle;
    if (this.#count < this.#options.concurrency) return this.#start();
    const given = await new Promise<LambdaWorker | undefined>(resolve => this.#waiting.push(resolve));
    if (this.#closed) throw this.#ended();
    return given ?? this.#take();
  }

  async #start(): Promise<LambdaWorker> {
    this.#count++;
    try {
      const { concurrency: _, onLine, ...options } = this.#options;
      const worker = await LambdaWorker.start({
        ...options,
        onLine: line => onLine?.(line),
        onInit: milliseconds => void this.inits.push(milliseconds),
      });
      this.#workers.add(worker);
      if (!this.#closed) return worker;
      await worker.close();
      throw this.#ended();
    } catch (error) {
      this.#count--;
      throw error;
    }
  }

  /** What timed out or died is replaced, as Lambda does; an error that the function threw harms nothing. */
  async #giveBack(worker: LambdaWorker, usable: boolean): Promise<void> {
    if (!usable || worker.gone || this.#closed) {
      this.#workers.delete(worker);
      await worker.close();
      this.#count--;
      this.#waiting.shift()?.(undefined);
      return;
    }
    const next = this.#waiting.shift();
    if (next) next(worker);
    else this.#idle.push(worker);
  }

  #ended(): FunctionError {
    return new FunctionError('Runtime.Unreachable', `the function ${this.name} has been stopped`, false);
  }
}

const delimiter = Buffer.alloc(8);

/**
 * A streamed answer begins with a head in JSON and eight zero bytes (HttpResponseStream of the runtime client); without them
 * it is bytes. The emulator gives it whole, at most 6 MB of it, and keeps to itself that a function failed in the middle.
 */
function decodeStreamed(bytes: Buffer): StreamedAnswer {
  const end = bytes.indexOf(delimiter);
  if (end < 0 || bytes[0] !== 0x7b)
    return { status: 200, headers: { 'content-type': 'application/octet-stream' }, cookies: [], body: bytes };
  const head = JSON.parse(bytes.subarray(0, end).toString()) as {
    statusCode?: number;
    headers?: Record<string, string>;
    cookies?: string[];
  };
  return {
    status: head.statusCode ?? 200,
    headers: head.headers ?? {},
    cookies: head.cookies ?? [],
    body: bytes.subarray(end + delimiter.length),
  };
}
