import { setTimeout as delay } from 'node:timers/promises';
import { NetworkError } from '../../network/errors.ts';
import { type HttpAnswer, type HttpClient, type HttpRequest, readAll, shown } from '../../network/http.ts';
import { StorageError } from './object-storage.ts';

/** An answer that is no success: its body, as far as it matters. */
export interface Refusal {
  status: number;
  headers: HttpAnswer['headers'];
  url: URL;
  text: string;
}

/** Storages throttle and fail for moments; what lasts longer is for the next reconcile. */
const attempts = 4;
const firstDelayMs = 200;
/** Longer than this is not waited for within a reconcile. */
const longestDelayMs = 5_000;
const maxRefusal = 64 * 1024;

/** Requests to a storage: what is over in a moment is asked again, a few times. */
export class StorageHttp {
  readonly #http: HttpClient;
  readonly #signal: AbortSignal;

  /** `signal` also ends waits between attempts. It should be the client's own. */
  constructor(http: HttpClient, signal: AbortSignal) {
    this.#http = http;
    this.#signal = signal;
  }

  /**
   * Sends what `make` makes, anew for every attempt, since signatures age. Answers that are no success are given to
   * `refused`, which says what they mean: it throws, or gives what `send` shall give. Throws StorageError Unavailable when
   * the storage does not answer, or answers 429 or 5xx to the last.
   */
  async send<T>(
    make: () => HttpRequest | Promise<HttpRequest>,
    refused: (refusal: Refusal) => T | Promise<T>,
  ): Promise<HttpAnswer | T> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#attempt(make, attempt);
      if (!answer) continue;
      if (answer.status >= 200 && answer.status < 300) return answer;
      const { status, headers, url } = answer;
      const text = (await readAll(answer.body, maxRefusal, shown(url)).catch(() => Buffer.alloc(0))).toString('utf8');
      if (status !== 429 && status < 500) return refused({ status, headers, url, text });
      const wanted = retryAfterMs(headers['retry-after']);
      if (attempt === attempts || (wanted ?? 0) > longestDelayMs)
        throw new StorageError('Unavailable', `${shown(url)} answers ${status}${codeIn(text)}`, { afterMs: wanted });
      await pause(attempt, this.#signal, wanted);
    }
  }

  /** As `send`, with the body read whole; `limit` in bytes. A body that is cut off is asked for again. */
  async read<T>(
    make: () => HttpRequest | Promise<HttpRequest>,
    refused: (refusal: Refusal) => T | Promise<T>,
    limit: number,
  ): Promise<{ answer: HttpAnswer; text: string } | T> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.send(make, async refusal => ({ refused: await refused(refusal) }));
      if ('refused' in answer) return answer.refused;
      try {
        return { answer, text: (await readAll(answer.body, limit, shown(answer.url))).toString('utf8') };
      } catch (error) {
        await pauseAfter(error, attempt, this.#signal);
      }
    }
  }

  async #attempt(make: () => HttpRequest | Promise<HttpRequest>, attempt: number): Promise<HttpAnswer | undefined> {
    try {
      return await this.#http.send({ redirects: 0, ...(await make()) });
    } catch (error) {
      await pauseAfter(error, attempt, this.#signal);
      return undefined;
    }
  }
}

/**
 * Waits before another attempt at what failed so: broken connections and cut answers. Throws the error, as this room's own,
 * when there is none left or it would not help; or the signal's reason.
 */
export async function pauseAfter(error: unknown, attempt: number, signal: AbortSignal): Promise<void> {
  const passing = error instanceof NetworkError && (error.code === 'Unreachable' || error.code === 'Timeout');
  const cut = error instanceof StorageError && error.code === 'Unavailable' && error.afterMs === undefined;
  if (attempt >= attempts || (!passing && !cut)) throw told(error);
  await pause(attempt, signal);
}

async function pause(attempt: number, signal: AbortSignal, wanted = 0): Promise<void> {
  const backoff = firstDelayMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
  try {
    await delay(Math.max(backoff, wanted), undefined, { signal });
  } catch {
    throw signal.reason;
  }
}

/** Network failures as this room's own; everything else as it is. */
function told(error: unknown): unknown {
  if (!(error instanceof NetworkError)) return error;
  const { code, message } = error;
  if (code === 'Unreachable' || code === 'Timeout' || code === 'TlsFailed')
    return new StorageError('Unavailable', message, { cause: error });
  return error;
}

/** Milliseconds of a Retry-After in seconds. */
function retryAfterMs(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined;
}

/** The storage's own word for what is wrong, if the text has one. */
function codeIn(text: string): string {
  const code = /<Code>([A-Za-z0-9]{1,60})<\/Code>/.exec(text)?.[1];
  return code ? ` (${code})` : '';
}
