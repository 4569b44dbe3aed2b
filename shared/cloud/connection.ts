/** How the clouds' token services are asked: without the user's certificates, with a limit, answers checked. */
import * as z from 'zod';
import { foreignText } from '../network/errors.ts';
import type { HttpClient, HttpRequest } from '../network/http.ts';
import { CloudError, notSignedIn } from './errors.ts';

/** Milliseconds that a token service may take, as in Flux. */
const limitMs = 10_000;
/** Bytes of its answer: a token and some words. */
const limitBytes = 256 * 1024;

/**
 * Does something at a token service that `what` names for messages: with a client of its own, which knows none of the user's
 * certificates (his authorities must not vouch for the clouds), and ends after ten seconds. Throws CloudError.
 */
export async function atService<T>(http: HttpClient, what: string, act: (http: HttpClient) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  const late = notSignedIn(`${what} did not answer within ${limitMs / 1000} s`);
  const timer = setTimeout(() => limit.abort(late), limitMs);
  let client: HttpClient | undefined;
  try {
    client = http.withoutCertificates(limit.signal);
    return await act(client);
  } catch (error) {
    if (error instanceof CloudError) throw error;
    throw notSignedIn(`${what} could not be asked`, { cause: error });
  } finally {
    clearTimeout(timer);
    client?.close();
  }
}

/** OAuth's form of a refusal (RFC 6749, 5.2), and Google's. */
const Refusal = z.object({
  error: z.union([z.string(), z.object({ message: z.string().catch(''), status: z.string().catch('') })]),
  error_description: z.string().optional().catch(undefined),
});

/** Asks `what` for a JSON answer of this form. Throws CloudError with what it said instead. */
export async function askJson<T>(
  http: HttpClient,
  what: string,
  request: HttpRequest,
  schema: z.ZodType<T>,
): Promise<T> {
  const answer = await http.read({ ...request, redirects: 0 }, limitBytes);
  const where = `${what} (${answer.url.host})`;
  const value = jsonOf(answer.body);
  if (answer.status < 200 || answer.status > 299) {
    const retryAfter = Number(answer.headers['retry-after']);
    throw notSignedIn(
      `${where} answers ${answer.status}${refusalText(value)}`,
      answer.status === 429 && retryAfter > 0 && retryAfter < 3600 ? { afterMs: retryAfter * 1000 } : {},
    );
  }
  const parsed = schema.safeParse(value);
  // What came is not quoted: it may hold a token.
  if (!parsed.success) throw notSignedIn(`${where} answers ${answer.status}, but not with what was asked for`);
  return parsed.data;
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function refusalText(value: unknown): string {
  const parsed = Refusal.safeParse(value);
  if (!parsed.success) return '';
  const { error, error_description: described } = parsed.data;
  const said = typeof error === 'string' ? [error, described] : [error.status, error.message];
  return `: ${foreignText(said.filter(Boolean).join(': '), 500)}`;
}

/** A form, as OAuth's endpoints take it. */
export function form(url: string, fields: Record<string, string>): HttpRequest {
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
  return { method: 'POST', url, headers, body: new URLSearchParams(fields).toString() };
}
