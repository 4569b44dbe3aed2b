import http from 'node:http';
import https from 'node:https';
import { AddressRefused, type AddressRules, checkHost, guardedLookup } from '../../../network/address.ts';
import type { TlsMaterial } from './destination.ts';
import { type Post, PostFailed } from './provider-type.ts';

/** Answers are read for their error text only. */
const maxAnswer = 64 * 1024;

export interface PostOptions {
  tls: TlsMaterial;
  timeoutMs: number;
  /** What may not be connected to. */
  rules?: AddressRules;
}

interface Answer {
  status: number;
  retryAfter: string | undefined;
  body: string;
}

/**
 * Sends one POST and returns the body of a 2xx answer; anything else is a PostFailed. Redirects are not followed: a POST that
 * carries credentials goes where the Provider says and nowhere else. Link-local and metadata addresses are refused.
 */
export async function send(post: Post, options: PostOptions, now: number): Promise<string> {
  const host = post.url.hostname;
  let answer: Answer;
  try {
    checkHost(host, options.rules);
    answer = await request(post, options);
  } catch (error) {
    throw connectionFailed(host, error, options.timeoutMs);
  }
  if (answer.status >= 200 && answer.status < 300) return answer.body;
  if (answer.status >= 300 && answer.status < 400)
    throw new PostFailed(`${host} answered with a redirect (${answer.status}); set the address to where it leads`, {
      retry: false,
    });
  const said = answer.body.trim().slice(0, 300);
  throw new PostFailed(`${host}: request failed with status code ${answer.status}${said ? `: ${said}` : ''}`, {
    // 501 is the one server error that trying again does not help.
    retry: answer.status === 429 || (answer.status >= 500 && answer.status !== 501),
    retryAfter: secondsOf(answer.retryAfter, now),
  });
}

function request(post: Post, { tls, timeoutMs, rules }: PostOptions): Promise<Answer> {
  const client = post.url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const outgoing = client.request(post.url, {
      method: 'POST',
      headers: { ...post.headers, 'content-length': Buffer.byteLength(post.body), 'user-agent': 'sluice' },
      lookup: guardedLookup(rules),
      signal: AbortSignal.timeout(timeoutMs),
      ...(client === https ? tls : {}),
    });
    outgoing.on('error', reject);
    outgoing.on('response', response => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size <= maxAnswer) chunks.push(chunk);
        else response.destroy();
      });
      const done = () =>
        resolve({
          status: response.statusCode ?? 0,
          retryAfter: response.headers['retry-after'],
          body: Buffer.concat(chunks).toString(),
        });
      response.on('end', done);
      response.on('close', done);
      response.on('error', reject);
    });
    outgoing.end(post.body);
  });
}

function connectionFailed(host: string, error: unknown, timeoutMs: number): PostFailed {
  if (error instanceof AddressRefused) return new PostFailed(error.message, { retry: false });
  const { name = '', code = '', message = '' } = error as { name?: string; code?: string; message?: string };
  if (name === 'AbortError' || name === 'TimeoutError' || code === 'ABORT_ERR')
    return new PostFailed(`${host} did not answer within ${timeoutMs / 1000}s`, { retry: true, cause: error });
  const certificate = /CERT|SELF_SIGNED|ISSUER|UNABLE_TO|ALTNAME/.test(code) || code.startsWith('ERR_OSSL');
  return new PostFailed(`${host}: failed to execute request: ${message}`, { retry: !certificate, cause: error });
}

/** Retry-After: seconds or a date. */
function secondsOf(retryAfter: string | undefined, now: number): number | undefined {
  if (!retryAfter) return undefined;
  const seconds = /^\d+$/.test(retryAfter) ? Number(retryAfter) : (Date.parse(retryAfter) - now) / 1000;
  return Number.isFinite(seconds) && seconds > 0 ? Math.ceil(seconds) : undefined;
}

/** `text` with everything secret taken out, for logs and Events. */
export function masked(text: string, secrets: string[]): string {
  return secrets.reduce((result, secret) => result.replaceAll(secret, '*****'), text);
}
