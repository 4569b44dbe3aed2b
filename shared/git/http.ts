import type { Readable } from 'node:stream';
import zlib from 'node:zlib';
import { type HttpAnswer, HttpClient } from '../network/http.ts';
import { authorization, type GitAuth } from './auth.ts';
import { foreignText, GitError, gitError } from './errors.ts';
import type { Answer, Transport, TransportAccess } from './transport.ts';

const maxRedirects = 5;
const userAgent = 'git/sluice';

/** Asks for protocol 2; servers that do not know it ignore the header. */
const protocolHeader = { 'git-protocol': 'version=2' };

interface Request {
  method: 'GET' | 'POST';
  url: URL;
  headers: Record<string, string>;
  body?: string;
}

/**
 * HTTP towards one repository. The first request may be redirected (as git's http.followRedirects=initial), which moves
 * the base of all that follow; credentials and the client certificate stay with the host they were given for.
 */
export class HttpTransport implements Transport {
  readonly display: string;
  readonly #origin: URL;
  readonly #authorization: string | undefined;
  readonly #client: HttpClient;
  readonly #throughProxy: boolean;
  #base: URL;

  /** Throws GitError InvalidUrl or InvalidCredentials. */
  constructor(url: URL, auth: GitAuth, access: TransportAccess) {
    this.#authorization = authorization(auth, url);
    const base = new URL(url);
    base.username = '';
    base.password = '';
    base.hash = '';
    base.pathname = base.pathname.replace(/\/+$/, '');
    // A query can hold a token.
    this.display = base.search ? `${base.origin}${base.pathname}?…` : base.href;
    this.#origin = base;
    this.#base = base;
    this.#throughProxy = access.proxy !== undefined;
    const { ca, clientCert, clientKey } = auth;
    try {
      this.#client = new HttpClient({ tls: { ca, clientCert, clientKey }, ...access });
    } catch (error) {
      throw gitError(error, this.display);
    }
  }

  /** GET of the references' advertisement; redirects are followed. */
  async discover(): Promise<Answer> {
    let url = endpoint(this.#base, '/info/refs', 'service=git-upload-pack');
    for (let hop = 0; hop <= maxRedirects; hop++) {
      const answer = await this.#send({ method: 'GET', url, headers: protocolHeader });
      const { status } = answer;
      if (status >= 300 && status < 400 && status !== 304) {
        answer.body.destroy();
        url = this.#redirected(url, answer.headers.location);
        this.#base = repositoryOf(url);
        continue;
      }
      const body = await this.#accept(answer);
      if (mediaType(answer) !== 'application/x-git-upload-pack-advertisement') await this.#refuse(answer, body);
      return body;
    }
    throw new GitError('RedirectRefused', `${this.display} redirects more than ${maxRedirects} times`);
  }

  /** POST of a command to git-upload-pack. */
  async command(body: string, version: 0 | 1 | 2): Promise<Answer> {
    const type = 'application/x-git-upload-pack-result';
    const answer = await this.#send({
      method: 'POST',
      url: endpoint(this.#base, '/git-upload-pack'),
      headers: {
        'content-type': 'application/x-git-upload-pack-request',
        accept: type,
        ...(version === 2 ? protocolHeader : {}),
      },
      body,
    });
    if (answer.status >= 300 && answer.status < 400) {
      answer.body.destroy();
      throw new GitError(
        'RedirectRefused',
        `${this.display} redirects a command of the Git protocol; only the first request may be redirected: correct spec.url`,
      );
    }
    const accepted = await this.#accept(answer);
    if (mediaType(answer) === type) return accepted;
    answer.body.destroy();
    throw this.#notGit(answer);
  }

  /** Ends the connections that are not shared. */
  close(): void {
    this.#client.close();
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

  async #send({ headers, ...request }: Request): Promise<HttpAnswer> {
    const trusted = this.#trusts(request.url);
    try {
      return await this.#client.send({
        ...request,
        redirects: 0,
        stranger: !trusted,
        headers: {
          'user-agent': userAgent,
          'accept-encoding': 'gzip',
          ...(trusted && this.#authorization ? { authorization: this.#authorization } : {}),
          ...headers,
        },
      });
    } catch (error) {
      throw gitError(error, this.display);
    }
  }

  async #accept(answer: HttpAnswer): Promise<Answer> {
    if (answer.status !== 200) throw await this.#statusError(answer);
    return this.#decoded(answer);
  }

  async #statusError(answer: HttpAnswer): Promise<GitError> {
    const { status } = answer;
    const said = await shortText(answer, this.#decoded(answer));
    const detail = `answered ${status}${said ? ` (“${said}”)` : ''}`;
    if (status === 407)
      return new GitError(
        'ProxyFailed',
        `the proxy ${detail} for ${this.display}: check username and password in the Secret of spec.proxySecretRef`,
      );
    if (status === 401) {
      const advice = this.#authorization
        ? 'the credentials were refused'
        : 'it asks for credentials: set spec.secretRef';
      // Some proxies refuse so, too.
      const other = this.#throughProxy ? '; or it is the proxy that refuses those of spec.proxySecretRef' : '';
      return new GitError('AuthenticationFailed', `${this.display} ${detail}: ${advice}${other}`);
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

  async *#decoded(answer: HttpAnswer): AsyncGenerator<Buffer> {
    const { body } = answer;
    let stream: Readable = body;
    if (/^(x-)?gzip$/i.test(answer.headers['content-encoding'] ?? '')) {
      const gunzip = zlib.createGunzip();
      body.on('error', error => gunzip.destroy(error));
      stream = body.pipe(gunzip);
    }
    try {
      for await (const chunk of stream) yield chunk;
    } catch (error) {
      throw gitError(error, this.display);
    } finally {
      body.destroy();
    }
  }

  /** Says what else the server may be. */
  async #refuse(answer: HttpAnswer, body: Answer): Promise<never> {
    let start = '';
    for await (const chunk of body) {
      start = chunk.toString('latin1', 0, 64);
      break;
    }
    if (/^[0-9a-f]{40}\t/.test(start))
      throw new GitError(
        'DumbServer',
        `${this.display} serves a repository as plain files; a server with Git's smart protocol is needed`,
      );
    throw this.#notGit(answer);
  }

  #notGit(answer: HttpAnswer): GitError {
    const actual = foreignText(mediaType(answer), 80);
    return new GitError(
      'NotGit',
      `${this.display} is not a Git repository: it answers with ${actual || 'data of no type'}, not with Git's protocol; correct spec.url`,
    );
  }
}

function mediaType(answer: HttpAnswer): string {
  const header = answer.headers['content-type'] ?? '';
  return header.split(';')[0]!.trim().toLowerCase();
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

async function shortText(answer: HttpAnswer, body: Answer): Promise<string> {
  if (!/^text\/plain/i.test(answer.headers['content-type'] ?? '')) {
    answer.body.destroy();
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
