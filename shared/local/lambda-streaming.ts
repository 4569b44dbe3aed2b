import { Writable } from 'node:stream';

/** Status and headers of a streamed response. */
export interface ResponseHead {
  statusCode: number;
  headers: Record<string, string>;
}

/** Where a streamed response goes. */
export interface ResponseSink {
  head(head: ResponseHead): void;
  chunk(bytes: Uint8Array): void;
  end(): void;
}

/**
 * Makes `awslambda`, the global of Lambda's Node runtime by which handlers stream their answers, for handlers that run
 * here. To be called before they are imported.
 */
export function installStreaming(): void {
  const global = globalThis as { awslambda?: unknown };
  global.awslambda ??= {
    streamifyResponse: (handler: unknown) => handler,
    HttpResponseStream: {
      from(writable: LocalResponse, head: { statusCode?: number; headers?: Record<string, string> }) {
        writable.start({ statusCode: head.statusCode ?? 200, headers: head.headers ?? {} });
        return writable;
      },
    },
  };
}

/** A response that a handler writes to, one piece at a time: the next is taken when the reader asks for `more`. */
export function responseStream(sink: ResponseSink): { writable: Writable; more(): void } {
  const writable = new LocalResponse(sink);
  return { writable, more: () => writable.more() };
}

class LocalResponse extends Writable {
  readonly #sink: ResponseSink;
  #started = false;
  #next: (() => void) | undefined;

  constructor(sink: ResponseSink) {
    super();
    this.#sink = sink;
    // A reader that goes away is no fault of the thread; the handler learns of it by its own writes.
    this.on('error', () => undefined);
  }

  start(head: ResponseHead): void {
    if (this.#started) throw new Error('the response has been started already');
    this.#started = true;
    this.#sink.head(head);
  }

  /** A handler that sets no head answers 200 with bytes, as Lambda does. */
  setContentType(type: string): void {
    this.start({ statusCode: 200, headers: { 'content-type': type } });
  }

  more(): void {
    const next = this.#next;
    this.#next = undefined;
    next?.();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (!this.#started) this.setContentType('application/octet-stream');
    this.#next = done;
    this.#sink.chunk(chunk);
  }

  override _final(done: () => void): void {
    if (!this.#started) this.setContentType('application/octet-stream');
    this.#sink.end();
    done();
  }
}
