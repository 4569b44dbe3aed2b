import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request body beyond what is taken. */
export class BodyTooLarge extends Error {
  readonly code = 'BodyTooLarge';
}

/** Bodies that are held at the same time are together more than what is held: the sender may try again. */
export class TooManyBodies extends Error {
  readonly code = 'TooManyBodies';
}

/** Bytes of bodies that are held at the same time, by all requests together. */
export class BodyBudget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** Throws TooManyBodies when there is no room. */
  take(bytes: number): void {
    if (bytes > this.#left) throw new TooManyBodies('too many large bodies at the same time; try again later');
    this.#left -= bytes;
  }

  giveBack(bytes: number): void {
    this.#left += bytes;
  }
}

/**
 * The whole body. Throws BodyTooLarge as soon as it is known to be, without reading on; and TooManyBodies when `budget` has
 * no room for it, of which it is counted until the response has ended.
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
  held?: { budget: BodyBudget; until: ServerResponse },
): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(request, maxBytes);
  const chunks: Buffer[] = [];
  let bytes = 0;
  held?.until.once('close', () => {
    held.budget.giveBack(bytes);
    bytes = 0;
  });
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if (bytes + chunk.length > maxBytes) throw tooLarge(request, maxBytes);
    held?.budget.take(chunk.length);
    bytes += chunk.length;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Whether a Host header names this machine as itself. A name that somebody pointed at it, to get around the rules by which
 * browsers keep pages apart (DNS rebinding), is none of its own.
 */
export function isOwnName(host: string | undefined): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i.test(host ?? '');
}

function tooLarge(request: IncomingMessage, maxBytes: number): BodyTooLarge {
  // Let what is on its way run out, so that the sender gets to read the answer instead of a reset.
  request.resume();
  return new BodyTooLarge(`the body is larger than ${maxBytes} bytes`);
}

/** A whole answer, never kept by caches. */
export function answer(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, {
    'content-type': contentType,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  response.end(body);
}
