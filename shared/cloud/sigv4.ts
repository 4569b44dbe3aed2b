/** AWS's Signature Version 4, where the SDK has no client for what is signed. */
import { createHash, createHmac } from 'node:crypto';
import type { AwsCredentials } from './request.ts';

export interface Scope {
  region: string;
  /** As AWS calls it in signatures: `codecommit`. */
  service: string;
}

/** `20261123T190311Z` of epoch milliseconds. */
export function amzDate(now: number): string {
  return new Date(now).toISOString().replace(/[-:]|\.\d+/g, '');
}

/** The signature of a canonical request, in hex. `date`: as {@link amzDate} writes it, with or without its Z. */
export function signature(
  { secretAccessKey }: AwsCredentials,
  scope: Scope,
  date: string,
  canonicalRequest: string,
): string {
  const day = date.slice(0, 8);
  const text = ['AWS4-HMAC-SHA256', date, scopeText(scope, date), sha256(canonicalRequest)].join('\n');
  const parts = [day, scope.region, scope.service, 'aws4_request', text];
  return parts
    .reduce<Buffer>(
      (key, part) => createHmac('sha256', key).update(part).digest(),
      Buffer.from(`AWS4${secretAccessKey}`),
    )
    .toString('hex');
}

/** The headers of a signed POST. `headers`: those to be signed, in lower case. */
export function signedPost(
  keys: AwsCredentials,
  scope: Scope,
  request: { url: URL; headers: Record<string, string>; body: string },
  now: number,
): Record<string, string> {
  const date = amzDate(now);
  const headers: Record<string, string> = {
    ...request.headers,
    host: request.url.host,
    'x-amz-date': date,
    ...(keys.sessionToken ? { 'x-amz-security-token': keys.sessionToken } : {}),
  };
  const names = Object.keys(headers).sort();
  const lines = names.map(name => `${name}:${headers[name]}\n`).join('');
  const canonical = ['POST', request.url.pathname, '', lines, names.join(';'), sha256(request.body)].join('\n');
  const signed = signature(keys, scope, date, canonical);
  const credential = `${keys.accessKeyId}/${scopeText(scope, date)}`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(';')}, Signature=${signed}`;
  return { ...headers, authorization };
}

function scopeText({ region, service }: Scope, date: string): string {
  return `${date.slice(0, 8)}/${region}/${service}/aws4_request`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
