import http from 'node:http';
import type * as z from 'zod';
import { readAll } from '../network/http.ts';
import { notSignedIn } from './errors.ts';

/** Milliseconds. Metadata services answer at once; where there is none, packets often go nowhere. */
const limitMs = 3_000;

/**
 * Asks the metadata service of the machine that we run on, whose address nothing but the clouds' own rules and the
 * installation's environment names. Throws CloudError.
 */
export async function askMetadata<T>(url: URL, headers: Record<string, string>, schema: z.ZodType<T>): Promise<T> {
  const signal = AbortSignal.timeout(limitMs);
  const text = await new Promise<string>((resolve, reject) => {
    const request = http.get(url, { headers, signal }, answer => {
      readAll(answer, 64 * 1024, url.host).then(body => {
        if (answer.statusCode === 200) resolve(body.toString('utf8'));
        else reject(notSignedIn(`the metadata service ${url.host} answers ${answer.statusCode}`));
      }, reject);
    });
    request.on('error', reject);
  }).catch(error => {
    throw notSignedIn(`the metadata service ${url.host} gives no token`, { cause: error });
  });
  const parsed = schema.safeParse(parse(text));
  if (!parsed.success) throw notSignedIn(`the metadata service ${url.host} answers with something other than a token`);
  return parsed.data;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
