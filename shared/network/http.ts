import type http from 'node:http';
import type https from 'node:https';
import { Readable } from 'node:stream';
import type { AddressRules } from './address.ts';
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
  /**
   * How many redirects are followed, for GET and HEAD; 5 when absent. `Authorization`, cookies and the client certificate
   * stay with their host.
   */
  redirects?: number;
  /** True for a host that the client certificate is not meant for. */
  stranger?: boolean;
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
  /** For hosts that requests are redirected to: with our authorities, and without our certificate. */
  readonly #strangers: Agents;

  /** Throws NetworkError InvalidCredentials when the certificates or the proxy's address cannot be used. */
  constructor(access: HttpAccess = {}) {
    this.#access = access;
    const { tls = {}, proxy, rules = {} } = access;
    this.#agents = agentsFor(tls, proxy, rules);
    const { clientCert, clientKey: _, ...others } = tls;
    this.#strangers = clientCert?.length ? agentsFor(others, proxy, rules) : this.#agents;
  }

  /** Sends one request. Any status is an answer. Throws NetworkError, or what the signal was aborted with. */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    let url = parseHttpUrl(request.url);
    const method = request.method ?? 'GET';
    const hops = method === 'GET' || method === 'HEAD' ? (request.redirects ?? 5) : 0;
    let { headers = {}, stranger = false } = request;
    for (let hop = 0; ; hop++) {
      const answer = await this.#once(url, { ...request, method, headers, stranger });
      const status = answer.statusCode ?? 0;
      const location = answer.headers.location;
      if (status < 300 || status >= 400 || status === 304 || location === undefined || hops === 0)
        return { status, headers: answer.headers, url, body: new Body(answer, shown(url), this.#access.signal) };
      answer.destroy();
      if (hop >= hops) throw new NetworkError('RedirectRefused', `${shown(url)} redirects more than ${hops} times`);
      const next = redirected(url, location);
      if (next.origin !== url.origin) {
        headers = withoutCredentials(headers);
        stranger = true;
      }
      url = next;
    }
  }

  /** Sends a request and reads its answer, of at most `limit` bytes. Throws as `send`, and NetworkError TooLarge. */
  async read(request: HttpRequest, limit = 4 * 2 ** 20): Promise<Omit<HttpAnswer, 'body'> & { body: Buffer }> {
    const { body, ...answer } = await this.send(request);
    return { ...answer, body: await readAll(body, limit, shown(answer.url)) };
  }

  /**
   * A client of the same proxy, rules and signal that trusts and shows none of the user's certificates: for servers that he
   * did not choose. `signal` ends its requests, too. To be closed.
   */
  withoutCertificates(signal?: AbortSignal): HttpClient {
    const signals = [this.#access.signal, signal].filter(one => one !== undefined);
    return new HttpClient({ ...this.#access, tls: undefined, signal: AbortSignal.any(signals) });
  }

  /** Ends connections of this client's own. */
  close(): void {
    this.#agents.close();
    this.#strangers.close();
  }

  async #once(url: URL, request: HttpRequest, retried = false): Promise<http.IncomingMessage> {
    const { signal } = this.#access;
    const { body } = request;
    const agents = request.stranger ? this.#strangers : this.#agents;
    const options: https.RequestOptions = {
      method: request.method,
      ...(signal ? { signal } : {}),
      headers: {
        'user-agent': 'sluice',
        ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
        ...request.headers,
      },
    };
    try {
      signal?.throwIfAborted();
      return await new Promise((resolve, reject) => {
        const outgoing = agents.request(url, options, resolve);
        outgoing.on('error', error => {
          const stale = outgoing.reusedSocket && !retried && 'code' in error && error.code === 'ECONNRESET';
          if (stale && !signal?.aborted) this.#once(url, request, true).then(resolve, reject);
          else reject(error);
        });
        outgoing.end(body);
      });
    } catch (error) {
      throw networkError(error, shown(url), signal);
    }
  }
}

/** An answer's stream, whose errors are told as the room's. */
class Body extends Readable {
  readonly #answer: http.IncomingMessage;

  constructor(answer: http.IncomingMessage, where: string, signal: AbortSignal | undefined) {
    super();
    this.#answer = answer;
    answer.on('data', chunk => this.push(chunk) || answer.pause());
    answer.on('end', () => this.push(null));
    answer.on('error', error => this.destroy(networkError(error, where, signal)));
    answer.pause();
  }

  override _read(): void {
    this.#answer.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // What came whole gives its connection back; what did not must not be waited for.
    if (this.#answer.complete) this.#answer.resume();
    else this.#answer.destroy();
    done(error);
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
