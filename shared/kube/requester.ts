import { setTimeout as delay } from 'node:timers/promises';
import { ApiError, ClusterUnreachable } from '../ports/cluster.ts';
import type { CredentialSource, Credentials } from './access.ts';
import { Limiter } from './limiter.ts';
import { apiError, readText } from './response.ts';
import { ConnectionBroken, type Transport, type TransportResponse } from './transport.ts';

/** Requests by verb, and what they cost beyond themselves. Tests and the benchmark read it. */
export class ClientStats {
  readonly byVerb: Record<string, number> = {};
  requests = 0;
  retries = 0;

  count(verb: string): void {
    this.requests++;
    this.byVerb[verb] = (this.byVerb[verb] ?? 0) + 1;
  }

  /** A copy, to compare with later. */
  snapshot(): { requests: number; retries: number; byVerb: Record<string, number> } {
    return { requests: this.requests, retries: this.retries, byVerb: { ...this.byVerb } };
  }
}

export interface ApiRequest {
  /** What it is counted as: get, list, apply, dryRun, … */
  verb: string;
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  accept?: string;
  contentType?: string;
  body?: unknown;
  /** May be sent again when it is not known whether the first arrived. */
  idempotent: boolean;
  user?: string;
  signal?: AbortSignal;
}

export interface RequesterOptions {
  cluster: string;
  transport: Transport;
  credentials: CredentialSource;
  maxInFlight: number;
  timeoutMs: number;
  maxRetries: number;
  random: () => number;
  userAgent: string;
}

/** Sends requests to one API server: credentials, concurrency limit, retries, errors, counting. */
export class Requester {
  readonly cluster: string;
  readonly stats = new ClientStats();
  readonly #options: RequesterOptions;
  readonly #limiter: Limiter;

  constructor(options: RequesterOptions) {
    this.cluster = options.cluster;
    this.#options = options;
    this.#limiter = new Limiter(options.maxInFlight);
  }

  /** The parsed answer. Throws ApiError or ClusterUnreachable. */
  async json(request: ApiRequest): Promise<unknown> {
    this.stats.count(request.verb);
    for (let attempt = 0; ; attempt++) {
      try {
        const { response, text } = await this.#limiter.run(() => this.#once(request));
        if (response.status < 200 || response.status > 299) throw apiError(response, text);
        return text === '' ? undefined : JSON.parse(text);
      } catch (error) {
        const pause = attempt < this.#options.maxRetries ? this.#pauseBefore(request, error, attempt) : undefined;
        if (pause === undefined) throw error;
        this.stats.retries++;
        await delay(pause, undefined, request.signal ? { signal: request.signal } : {});
      }
    }
  }

  /** The open answer of a watch; not bounded in time, and no part of the concurrency limit. */
  async stream(request: ApiRequest): Promise<TransportResponse> {
    this.stats.count(request.verb);
    const response = await this.#authenticated(request);
    if (response.status === 200) return response;
    throw apiError(response, await readText(this.cluster, response.body));
  }

  close(): void {
    this.#options.transport.close();
  }

  async #once(request: ApiRequest): Promise<{ response: TransportResponse; text: string }> {
    const response = await this.#authenticated(request);
    return { response, text: await readText(this.cluster, response.body) };
  }

  /** A 401 means credentials that have run out: they are fetched anew, once. */
  async #authenticated(request: ApiRequest): Promise<TransportResponse> {
    const response = await this.#send(request, await this.#options.credentials(false));
    if (response.status !== 401) return response;
    const fresh = await this.#options.credentials(true);
    response.body.resume();
    return this.#send(request, fresh);
  }

  #send(request: ApiRequest, credentials: Credentials): Promise<TransportResponse> {
    const headers: Record<string, string> = {
      accept: request.accept ?? 'application/json',
      'accept-encoding': 'gzip',
      'user-agent': this.#options.userAgent,
    };
    if (credentials.authorization) headers.authorization = credentials.authorization;
    if (request.user) headers['impersonate-user'] = request.user;
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    if (body !== undefined) {
      headers['content-type'] = request.contentType ?? 'application/json';
      headers['content-length'] = String(Buffer.byteLength(body));
    }
    return this.#options.transport.send({
      method: request.method,
      path: request.path + queryString(request.query),
      headers,
      ...(body === undefined ? {} : { body }),
      ...(request.signal ? { signal: request.signal } : {}),
      headTimeoutMs: this.#options.timeoutMs,
      idleTimeoutMs: request.verb === 'watch' ? watchIdleMs : this.#options.timeoutMs,
      ...(credentials.cert && credentials.key ? { cert: credentials.cert, key: credentials.key } : {}),
    });
  }

  /** Milliseconds to wait before trying again; undefined when trying again is no use or not safe. */
  #pauseBefore(request: ApiRequest, error: unknown, attempt: number): number | undefined {
    const backoff = Math.min(200 * 2 ** attempt, 5_000) * (0.5 + this.#options.random());
    if (error instanceof ApiError) {
      // The server did not take the request: safe for every verb.
      if (error.status !== 429 && error.status !== 503) return undefined;
      if (error.retryAfter === undefined) return error.status === 429 || request.idempotent ? backoff : undefined;
      return Math.min(error.retryAfter * 1000, 10_000) * (1 + this.#options.random() / 4);
    }
    if (request.signal?.aborted) return undefined;
    // An idle connection that the server had closed: the request never reached it.
    if (error instanceof ConnectionBroken && error.reused && codeOf(error) !== undefined) return 0;
    if (error instanceof ClusterUnreachable && request.idempotent && transient.has(codeOf(error) ?? '')) return backoff;
    return undefined;
  }
}

/** The server sends a bookmark about every minute; a watch that is silent much longer is dead. */
const watchIdleMs = 180_000;

const transient = new Set(['ECONNRESET', 'EPIPE', 'ECONNREFUSED', 'ERR_STREAM_PREMATURE_CLOSE', 'EAI_AGAIN']);

function codeOf(error: ClusterUnreachable): string | undefined {
  return (error.cause as NodeJS.ErrnoException | undefined)?.code;
}

function queryString(query: ApiRequest['query']): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(query ?? {}))
    if (value !== undefined) parts.push(`${name}=${encodeURIComponent(value)}`);
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}
