import { setTimeout as delay } from 'node:timers/promises';
import { type HttpAnswer, type HttpClient, readAll, shown } from '../network/http.ts';
import { answerError } from './answers.ts';
import { Authorization } from './authorization.ts';
import { OciError, ociError } from './errors.ts';
import type { RepositoryName } from './reference.ts';
import type { RegistryCredentials, RegistryOptions } from './registry-types.ts';
import { isPassing, longestWaitMs, retryAfterMs, tries, waitForTry } from './retry.ts';

export interface RegistryRequest {
  method?: 'GET' | 'HEAD';
  /** Below `/v2/<repository>/`, or a URL of the same origin. */
  path: string | URL;
  headers?: Record<string, string>;
  /** For messages: what is asked for. */
  what: string;
  /** Statuses of 4xx that are an answer, too. */
  accepted?: number[];
}

/** Beginnings of error pages that are looked at for words. */
const errorBytes = 64 * 1024;
/** As long https is waited for alone, where plain http will do: there, connections often hang instead of failing. */
const headStartMs = 300;

interface Reached {
  origin: string;
  authorization: Authorization;
}

/** Requests to one repository: the scheme is found out, requests are signed, and sent again when that may help. */
export class Connection {
  readonly name: RepositoryName;
  readonly #http: HttpClient;
  readonly #credentials: RegistryCredentials | undefined;
  readonly #plainWillDo: boolean;
  readonly #signal: AbortSignal | undefined;
  #reached: Promise<Reached> | undefined;

  constructor(name: RepositoryName, { http, credentials, insecure, signal }: RegistryOptions) {
    this.name = name;
    this.#http = http;
    this.#credentials = credentials;
    this.#plainWillDo = insecure === true || name.local;
    this.#signal = signal;
  }

  /** The address of what a request's path means. */
  async url(path: string | URL): Promise<URL> {
    if (path instanceof URL) return path;
    const { origin } = await this.#reach();
    return new URL(`${origin}/v2/${this.name.repository}/${path}`);
  }

  /** The answer, of 2xx or one of the accepted statuses. Throws OciError, or what the client's signal was aborted with. */
  async send(request: RegistryRequest): Promise<HttpAnswer> {
    const { authorization } = await this.#reach();
    const url = await this.url(request.path);
    let renewed = false;
    for (let attempt = 1; ; attempt++) {
      const header = await authorization.header();
      const headers = { ...request.headers, ...(header === undefined ? {} : { authorization: header }) };
      const answer = await this.#once(url, { ...request, headers }, attempt);
      if (!answer) continue;
      const { status } = answer;
      if ((status >= 200 && status < 300) || request.accepted?.includes(status)) return answer;
      const body = await readAll(answer.body, errorBytes, shown(url)).catch(() => Buffer.alloc(0));
      if (status === 401 && !renewed && authorization.refused(answer.headers['www-authenticate'])) {
        renewed = true;
        continue;
      }
      const afterMs = retryAfterMs(answer.headers);
      if (!isPassing(status) || attempt >= tries || (afterMs ?? 0) > longestWaitMs)
        throw answerError(request.what, status, body, { signedIn: authorization.signedIn, afterMs });
      await waitForTry(attempt, afterMs, this.#signal);
    }
  }

  /** One try; undefined when the connection broke and another try is due, which was waited for. */
  async #once(
    url: URL,
    { method = 'GET', headers = {} }: RegistryRequest,
    attempt: number,
  ): Promise<HttpAnswer | undefined> {
    try {
      return await this.#http.send({ method, url, headers });
    } catch (error) {
      const told = ociError(error);
      if (!(told instanceof OciError) || told.code !== 'Unreachable' || attempt >= tries) throw told;
      await waitForTry(attempt, undefined, this.#signal);
      return undefined;
    }
  }

  #reach(): Promise<Reached> {
    if (!this.#reached) {
      this.#reached = this.#ping();
      // A failure is told to those who wait for it, and not kept.
      this.#reached.catch(() => {
        this.#reached = undefined;
      });
    }
    return this.#reached;
  }

  /** Asks for the registry itself: whether it is one, how it is reached, and which sign-in it wants. */
  async #ping(): Promise<Reached> {
    const answer = await (this.#plainWillDo ? this.#race() : this.#pingBy('https'));
    const { host, repository } = this.name;
    const { protocol } = answer.url;
    const owner = { host, plain: protocol === 'http:' };
    const challenge = answer.status === 401 ? (answer.headers['www-authenticate'] ?? '') : undefined;
    return {
      // Of a registry that redirects, the scheme is kept and not the host: credentials stay with the one they are for.
      origin: `${protocol}//${host}`,
      authorization: new Authorization(this.#http, owner, repository, this.#credentials, challenge),
    };
  }

  /** Whichever of https and http answers; https has a start. */
  async #race(): Promise<HttpAnswer> {
    const secure = this.#pingBy('https');
    const started = await Promise.race([
      secure.then(
        answer => answer,
        () => undefined,
      ),
      delay(headStartMs, undefined, { ref: false }),
    ]);
    if (started) return started;
    const plain = this.#pingBy('http');
    try {
      return await Promise.any([secure, plain]);
    } catch (error) {
      throw reasonOf((error as AggregateError).errors);
    }
  }

  async #pingBy(scheme: 'https' | 'http'): Promise<HttpAnswer> {
    const url = new URL(`${scheme}://${this.name.host}/v2/`);
    const what = `the registry ${this.name.host}`;
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#once(url, { path: url, what }, this.#plainWillDo ? tries : attempt);
      if (!answer) continue;
      const body = await readAll(answer.body, errorBytes, shown(url)).catch(() => Buffer.alloc(0));
      if (answer.status === 200 || answer.status === 401) return answer;
      const afterMs = retryAfterMs(answer.headers);
      if (!isPassing(answer.status) || attempt >= tries || (afterMs ?? 0) > longestWaitMs)
        throw answerError(what, answer.status, body, { signedIn: false, afterMs });
      await waitForTry(attempt, afterMs, this.#signal);
    }
  }
}

/** Which of the failures by https and by http is the one to tell of. */
function reasonOf([secure, plain]: unknown[]): unknown {
  if (!(secure instanceof OciError) || !(plain instanceof OciError)) return secure;
  // An https server answers plain http with 400, and one of plain http https with what is no TLS.
  const noPlain = plain.code === 'Unreachable' || plain.code === 'NotRegistry';
  return secure.code === 'Unreachable' || (secure.code === 'TlsFailed' && !noPlain) ? plain : secure;
}
