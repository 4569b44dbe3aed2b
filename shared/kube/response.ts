import type { Readable } from 'node:stream';
import * as z from 'zod';
import { ApiError, ClusterUnreachable } from '../ports/cluster.ts';
import type { TransportResponse } from './transport.ts';

/** No single answer may be larger: lists come in pages, objects are bounded by etcd. */
const maxBytes = 256 * 1024 * 1024;

export async function readText(cluster: string, body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw new Error(`the answer is larger than ${maxBytes / 1024 / 1024} MiB`);
      chunks.push(chunk);
    }
  } catch (cause) {
    body.destroy();
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new ClusterUnreachable(cluster, `cluster "${cluster}": the answer broke off: ${message}`, { cause });
  }
  return Buffer.concat(chunks, size).toString('utf8');
}

const Status = z.object({
  kind: z.literal('Status'),
  message: z.string().optional(),
  reason: z.string().optional(),
  code: z.number().optional(),
  details: z.unknown().optional(),
});

/** The error a non-2xx answer stands for. Servers behind proxies may answer with plain text or HTML. */
export function apiError(response: Pick<TransportResponse, 'status' | 'headers'>, text: string): ApiError {
  const retryAfter = Number(response.headers['retry-after']);
  const status = parseStatus(text);
  return new ApiError(
    response.status,
    // A Status without a reason has none: it is not made up from the code.
    status ? (status.reason ?? '') : reasonOf(response.status),
    status?.message || text.trim().slice(0, 500) || `the API server answered ${response.status}`,
    status?.details,
    Number.isFinite(retryAfter) && response.headers['retry-after'] ? retryAfter : undefined,
  );
}

/** The error an ERROR event of a watch stands for. */
export function statusError(object: unknown): ApiError {
  const status = Status.safeParse(object);
  if (!status.success)
    return new ApiError(500, 'InternalError', `the watch failed: ${JSON.stringify(object).slice(0, 500)}`);
  const { code = 500, reason, message, details } = status.data;
  return new ApiError(code, reason ?? '', message || 'the watch failed', details);
}

function parseStatus(text: string): z.infer<typeof Status> | undefined {
  try {
    const parsed = Status.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

function reasonOf(status: number): string {
  return reasons[status] ?? (status >= 500 ? 'InternalError' : 'Unknown');
}

const reasons: Record<number, string> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};
