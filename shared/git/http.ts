import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import zlib from 'node:zlib';
import { AddressRefused, type AddressRules, checkHost, guardedLookup } from '../network/address.ts';
import { foreignText, GitError } from './errors.ts';
import { authorization, type GitAuth, secureContext } from './tls.ts';

const maxRedirects = 5;
const userAgent = 'git/sluice';

/**
 * Connections are kept for the next reconcile of a warm process. Idle sockets do not keep a process alive; servers close
 * them when they like, which is why a request that met a closed one is sent again.
 */
const agentOptions = { keepAlive: true, keepAliveMsecs: 30_000, maxSockets: 64, timeout: 60_000 };
const plainAgent = new http.Agent(agentOptions);
const tlsAgent = new https.Agent(agentOptions);

export interface HttpAnswer {
  headers: http.IncomingHttpHeaders;
  body: AsyncIterable<Buffer>;
}

interface Request {
  method: 'GET' | 'POST';
  url: URL;
  headers: Record<string, string>;
  body?: string;
}

/**
 * HTTP towards one repository. The first request may be redirected (as git's http.followRedirects=initial), which moves
 * the base of all that follow; credentials stay with the host they were given for.
 */
export class HttpSession {
  /** The URL without credentials, for messages. */
  readonly display: string;
  readonly #origin: URL;
  readonly #signal: AbortSignal;
  readonly #authorization: string | undefined;
  /** With the Secret's authority and client certificate; and, for hosts we are redirected to, the authority alone. */
  readonly #privateAgent: https.Agent | undefined;
  readonly #strangerAgent: https.Agent | undefined;
  readonly #rules: AddressRules;
  #base: URL;

  constructor(url: string, auth: GitAuth, signal: AbortSignal, rules: AddressRules = {}) {
    const parsed = parseUrl(url);
    this.#authorization = authorization(auth, parsed);
    parsed.username = '';
    parsed.password = '';
    parsed.hash = '';
    parsed.pathname = parsed.pathname.replace(/\/+$/, '');
    // A query can hold a token.
    this.display = parsed.search ? `${parsed.origin}${parsed.pathname}?…` : parsed.href;
    this.#origin = parsed;
    this.#base = parsed;
    this.#signal = signal;
    this.#rules = rules;
    this.#privateAgent = privateAgent(auth);
    this.#strangerAgent = privateAgent({ ca: auth.ca });
  }

  /** GET of the references' advertisement; redirects are followed. */
  async discover(headers: Record<string, string>): Promise<HttpAnswer> {
    let url = endpoint(this.#base, '/info/refs', 'service=git-upload-pack');
    for (let hop = 0; hop <= maxRedirects; hop++) {
      const answer = await this.#send({ method: 'GET', url, headers });
      const status = answer.statusCode ?? 0;
      if (status < 300 || status >= 400 || status === 304) return this.#accept(answer);
      answer.destroy();
      url = this.#redirected(url, answer.headers.location);
      this.#base = repositoryOf(url);
    }
    throw new GitError('RedirectRefused', `${this.display} redirects more than ${maxRedirects} times`);
  }

  /** POST of a command to git-upload-pack. */
  async command(body: string, headers: Record<string, string>): Promise<HttpAnswer> {
    const answer = await this.#send({
      method: 'POST',
      url: endpoint(this.#base, '/git-upload-pack'),
      headers: {
        'content-type': 'application/x-git-upload-pack-request',
        accept: 'application/x-git-upload-pack-result',
        ...headers,
      },
      body,
    });
    const status = answer.statusCode ?? 0;
    if (status >= 300 && status < 400) {
      answer.destroy();
      throw new GitError(
        'RedirectRefused',
        `${this.display} redirects a command of the Git protocol; only the first request may be redirected: correct spec.url`,
      );
    }
    return this.#accept(answer);
  }

  /** Ends the connections that are not shared. */
  close(): void {
    this.#privateAgent?.destroy();
    this.#strangerAgent?.destroy();
  }

  #redirected(from: URL, location: string | undefined): URL {
    const fail = (why: string) => new GitError('RedirectRefused', `${this.display} redirects ${why}; correct spec.url`);
    const to = location ? URL.parse(location, from.href) : null;
    if (!to) throw fail('without saying where to');
    const target = foreignText(`${to.protocol}//${to.host}`);
    if (to.protocol !== 'https:' && to.protocol !== 'http:') throw fail(`to ${target}, which is not HTTP`);
    if (from.protocol === 'https:' && to.protocol === 'http:') throw fail(`from https to plain http (${target})`);
    if (!to.pathname.endsWith('/info/refs'))
      throw fail(`to a page of ${target} that is no repository (a sign-in page?)`);
    to.username = '';
    to.password = '';
    to.hash = '';
    return to;
  }

  /** Credentials go to the host they belong to: same origin, or the same host on its way from http to https. */
  #trusts(url: URL): boolean {
    const { origin, hostname, protocol, port } = this.#origin;
    if (url.origin === origin) return true;
    return url.hostname === hostname && protocol === 'http:' && !port && url.protocol === 'https:' && !url.port;
  }

  async #send(request: Request, retried = false): Promise<http.IncomingMessage> {
    this.#signal.throwIfAborted();
    try {
      checkHost(request.url.hostname, this.#rules);
    } catch (error) {
      throw networkError(error, this.display, this.#signal);
    }
    const trusted = this.#trusts(request.url);
    const secure = request.url.protocol === 'https:';
    const agent = secure ? ((trusted ? this.#privateAgent : this.#strangerAgent) ?? tlsAgent) : plainAgent;
    const options: https.RequestOptions = {
      method: request.method,
      agent,
      signal: this.#signal,
      lookup: guardedLookup(this.#rules),
      headers: {
        'user-agent': userAgent,
        'accept-encoding': 'gzip',
        ...(trusted && this.#authorization ? { authorization: this.#authorization } : {}),
        ...(request.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(request.body)) }),
        ...request.headers,
      },
    };
    return new Promise((resolve, reject) => {
      const outgoing = (secure ? https : http).request(request.url, options, resolve);
      outgoing.on('error', error => {
        const stale = outgoing.reusedSocket && !retried && 'code' in error && error.code === 'ECONNRESET';
        if (stale && !this.#signal.aborted) this.#send(request, true).then(resolve, reject);
        else reject(networkError(error, this.display, this.#signal));
      });
      outgoing.end(request.body);
    });
  }

  async #accept(answer: http.IncomingMessage): Promise<HttpAnswer> {
    if (answer.statusCode !== 200) throw await this.#statusError(answer);
    return { headers: answer.headers, body: this.#decoded(answer) };
  }

  async #statusError(answer: http.IncomingMessage): Promise<GitError> {
    const status = answer.statusCode ?? 0;
    const said = await shortText(answer, this.#decoded(answer));
    const detail = `answered ${status}${said ? ` (“${said}”)` : ''}`;
    if (status === 401 || status === 407) {
      const advice = this.#authorization
        ? 'the credentials were refused'
        : 'it asks for credentials: set spec.secretRef';
      return new GitError('AuthenticationFailed', `${this.display} ${detail}: ${advice}`);
    }
    if (status === 403)
      return new GitError('AuthenticationFailed', `${this.display} ${detail}: these credentials may not read it`);
    if (status === 404 || status === 410)
      return new GitError(
        'RepositoryNotFound',
        `${this.display} ${detail}: there is no repository, or these credentials may not see it`,
      );
    return new GitError('ServerError', `${this.display} ${detail}`);
  }

  async *#decoded(answer: http.IncomingMessage): AsyncGenerator<Buffer> {
    const gzipped = /^(x-)?gzip$/i.test(answer.headers['content-encoding'] ?? '');
    let stream: Readable = answer;
    if (gzipped) {
      const gunzip = zlib.createGunzip();
      answer.on('error', error => gunzip.destroy(error));
      stream = answer.pipe(gunzip);
    }
    try {
      for await (const chunk of stream) yield chunk;
    } catch (error) {
      throw networkError(error, this.display, this.#signal);
    } finally {
      // An answer that was read to its end gives its connection back; one that was not must not be waited for.
      if (!answer.complete) answer.destroy();
    }
  }
}

function privateAgent(auth: GitAuth): https.Agent | undefined {
  const context = secureContext(auth);
  return context && new https.Agent({ ...agentOptions, secureContext: context });
}

function parseUrl(url: string): URL {
  const parsed = URL.parse(url);
  if (!parsed || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) {
    const scheme = /^[a-z][a-z0-9+.-]*(?=:\/\/)/i.exec(url)?.[0];
    throw new GitError(
      'InvalidUrl',
      scheme
        ? `cannot fetch over ${foreignText(scheme, 20)}: spec.url must begin with https:// or http://`
        : 'spec.url is not a URL: write https://host/path',
    );
  }
  return parsed;
}

function endpoint(base: URL, suffix: string, query?: string): URL {
  const url = new URL(base);
  url.pathname += suffix;
  if (query) url.search = url.search ? `${url.search}&${query}` : `?${query}`;
  return url;
}

/** The repository whose `/info/refs` a redirect led to. */
function repositoryOf(url: URL): URL {
  const base = new URL(url);
  base.pathname = base.pathname.slice(0, -'/info/refs'.length);
  base.search = base.search.replace(/[?&]service=git-upload-pack/, '').replace(/^&/, '?');
  return base;
}

async function shortText(answer: http.IncomingMessage, body: AsyncIterable<Buffer>): Promise<string> {
  if (!/^text\/plain/i.test(answer.headers['content-type'] ?? '')) {
    answer.destroy();
    return '';
  }
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      parts.push(chunk);
      size += chunk.length;
      if (size > 4096) break;
    }
  } catch {
    // The status says enough.
  }
  return foreignText(Buffer.concat(parts).toString(), 200);
}

/** Turns what sockets throw into the room's error. */
function networkError(error: unknown, where: string, signal: AbortSignal): Error {
  if (signal.aborted && signal.reason instanceof GitError) return signal.reason;
  if (signal.aborted) return new GitError('Canceled', `fetching ${where} was canceled`, { cause: signal.reason });
  if (error instanceof GitError) return error;
  const causes = error instanceof AggregateError && error.errors.length > 0 ? error.errors : [error];
  const messages = causes.map(cause => (cause instanceof Error ? cause.message : String(cause)));
  const refused = causes.find(cause => cause instanceof AddressRefused);
  if (refused) return new GitError('AddressRefused', `${refused.message}: correct spec.url`, { cause: refused });
  const code = codeOf(causes[0]);
  if (/CERT|SSL|TLS|ERR_OSSL|EPROTO|SIGNATURE|ISSUER|HOSTNAME/.test(code))
    return new GitError('TlsFailed', `${where}: ${messages[0]} (a private authority goes into the Secret's ca.crt)`, {
      cause: error,
    });
  if (code.startsWith('Z_') || code === 'ERR_TRAILING_JUNK_AFTER_STREAM_END')
    return new GitError('Corrupt', `${where} sent gzip data that does not inflate: ${messages[0]}`, { cause: error });
  return new GitError('Unreachable', `cannot reach ${where}: ${[...new Set(messages)].join('; ')}`, { cause: error });
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return '';
}
