import http from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';
import { type AddressRules, checkHost, guardedLookup } from './address.ts';
import { foreignText, NetworkError, networkError } from './errors.ts';
import { type Agents, agentsFor, type ProxySettings } from './proxy.ts';
import type { TlsMaterial } from './tls.ts';

export type { ProxySettings } from './proxy.ts';
export type { TlsMaterial } from './tls.ts';

/** How a server is reached. */
export interface HttpAccess {
  tls?: TlsMaterial | undefined;
  proxy?: ProxySettings | undefined;
  /** What may not be connected to. */
  rules?: AddressRules | undefined;
  /** Ends every request; when it aborts with an Error that has a `code`, that is what requests throw. */
  signal?: AbortSignal | undefined;
}

export interface HttpRequest {
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT';
  url: URL | string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** How many redirects are followed, for GET and HEAD; 5 when absent. `Authorization` and cookies stay with their host. */
  redirects?: number;
}

export interface HttpAnswer {
  status: number;
  headers: http.IncomingHttpHeaders;
  /** Where the answer came from, redirects followed. */
  url: URL;
  /** Has to be read to its end, or destroyed. Errors are NetworkErrors. */
  body: Readable;
}

/**
 * HTTP towards servers that users name: checked addresses, kept connections, a proxy and certificates of their own. One
 * for each reconcile; `close` it at the end.
 */
export class HttpClient {
  readonly #access: HttpAccess;
  readonly #agents: Agents;

  /** Throws NetworkError InvalidCredentials when the certificates or the proxy's address cannot be used. */
  constructor(access: HttpAccess = {}) {
    this.#access = access;
    this.#agents = agentsFor(access.tls ?? {}, access.proxy, access.rules ?? {});
  }

  /** Sends one request. Any status is an answer. Throws NetworkError, or what the signal was aborted with. */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    let url = parseHttpUrl(request.url);
    const method = request.method ?? 'GET';
    const hops = method === 'GET' || method === 'HEAD' ? (request.redirects ?? 5) : 0;
    let headers = request.headers ?? {};
    for (let hop = 0; ; hop++) {
      const answer = await this.#once(url, { ...request, method, headers });
      const status = answer.statusCode ?? 0;
      const location = answer.headers.location;
      if (status < 300 || status >= 400 || status === 304 || location === undefined || hops === 0)
        return { status, headers: answer.headers, url, body: this.#body(answer, url) };
      answer.destroy();
      if (hop >= hops) throw new NetworkError('RedirectRefused', `${shown(url)} redirects more than ${hops} times`);
      const next = redirected(url, location);
      if (next.origin !== url.origin) headers = withoutCredentials(headers);
      url = next;
    }
  }

  /** Sends a request and reads its answer, of at most `limit` bytes. Throws as `send`, and NetworkError TooLarge. */
  async read(request: HttpRequest, limit = 4 * 2 ** 20): Promise<Omit<HttpAnswer, 'body'> & { body: Buffer }> {
    const { body, ...answer } = await this.send(request);
    return { ...answer, body: await readAll(body, limit, shown(answer.url)) };
  }

  /** Ends connections of this client's own. */
  close(): void {
    this.#agents.close();
  }

  async #once(url: URL, request: HttpRequest, retried = false): Promise<http.IncomingMessage> {
    const { rules = {}, signal } = this.#access;
    const where = shown(url);
    try {
      signal?.throwIfAborted();
      if (!this.#access.proxy) checkHost(url.hostname, rules);
    } catch (error) {
      throw networkError(error, where, signal);
    }
    const secure = url.protocol === 'https:';
    const { body } = request;
    const options: https.RequestOptions = {
      method: request.method,
      agent: secure ? this.#agents.https : this.#agents.http,
      ...(signal ? { signal } : {}),
      ...(this.#access.proxy ? {} : { lookup: guardedLookup(rules) }),
      headers: {
        'user-agent': 'sluice',
        ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
        ...request.headers,
      },
    };
    return new Promise((resolve, reject) => {
      const outgoing = (secure ? https : http).request(url, options, resolve);
      outgoing.on('error', error => {
        const stale = outgoing.reusedSocket && !retried && 'code' in error && error.code === 'ECONNRESET';
        if (stale && !signal?.aborted) this.#once(url, request, true).then(resolve, reject);
        else reject(networkError(error, where, signal));
      });
      outgoing.end(body);
    });
  }

  /** The answer's stream, whose errors are told as the room's. */
  #body(answer: http.IncomingMessage, url: URL): Readable {
    return Readable.from(told(answer, shown(url), this.#access.signal), { objectMode: false });
  }
}

async function* told(answer: http.IncomingMessage, where: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of answer) yield chunk;
  } catch (error) {
    throw networkError(error, where, signal);
  } finally {
    // An answer that was read to its end gives its connection back; one that was not must not be waited for.
    if (!answer.complete) answer.destroy();
  }
}

/** The URL as it may be shown: without credentials and query, which can hold a token. */
export function shown(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

/** Parses an address of http or https. Throws NetworkError InvalidUrl. */
export function parseHttpUrl(url: URL | string): URL {
  const parsed = typeof url === 'string' ? URL.parse(url) : new URL(url);
  if (!parsed || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:'))
    throw new NetworkError('InvalidUrl', `${foreignText(String(url), 100)} is no address of http or https`);
  return parsed;
}

/** Reads a stream whole; `limit` in bytes. Throws NetworkError TooLarge. */
export async function readAll(body: Readable, limit: number, where: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += (chunk as Buffer).length;
    if (size > limit) {
      body.destroy();
      throw new NetworkError('TooLarge', `${where} answers with more than ${limit} bytes`);
    }
    parts.push(chunk as Buffer);
  }
  return Buffer.concat(parts);
}

function redirected(from: URL, location: string): URL {
  const to = URL.parse(location, from.href);
  if (!to || (to.protocol !== 'https:' && to.protocol !== 'http:'))
    throw new NetworkError('RedirectRefused', `${shown(from)} redirects to what is no address of http or https`);
  if (from.protocol === 'https:' && to.protocol === 'http:')
    throw new NetworkError('RedirectRefused', `${shown(from)} redirects from https to plain http (${shown(to)})`);
  to.username = '';
  to.password = '';
  to.hash = '';
  return to;
}

function withoutCredentials(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !/^(authorization|cookie|proxy-authorization)$/i.test(name)),
  );
}
