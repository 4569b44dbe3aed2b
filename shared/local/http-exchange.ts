import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request body beyond what is taken. */
export class BodyTooLarge extends Error {
  readonly code = 'BodyTooLarge';
}

/** The whole body. Throws BodyTooLarge as soon as it is known to be, without reading on. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(request, maxBytes);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge(request, maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
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
