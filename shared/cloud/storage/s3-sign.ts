import { createHash } from 'node:crypto';
import type { HttpRequest } from '../../network/http.ts';
import { amzDate, signature } from '../sigv4.ts';

/** Keys of the S3 protocol. */
export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
}

/** Parameters of a query, in any order. */
export type Query = Record<string, string>;

export interface S3Request {
  method: 'GET' | 'HEAD';
  /** Scheme, host and port. */
  origin: string;
  /** Encoded by {@link encodePath}. */
  path: string;
  query: Query;
}

/** None of our requests has a body. */
const emptyHash = createHash('sha256').digest('hex');

/** A request without credentials. */
export function anonymous({ method, origin, path, query }: S3Request): HttpRequest {
  const text = queryText(query);
  return { method, url: `${origin}${path}${text ? `?${text}` : ''}` };
}

/** A request signed by AWS's Signature Version 4, as S3 has it: paths are not encoded a second time. `now`: epoch ms. */
export function signed(request: S3Request, credentials: S3Credentials, region: string, now: number): HttpRequest {
  const date = amzDate(now);
  const headers: Record<string, string> = {
    host: new URL(request.origin).host,
    'x-amz-content-sha256': emptyHash,
    'x-amz-date': date,
    ...(credentials.sessionToken ? { 'x-amz-security-token': credentials.sessionToken } : {}),
  };
  const names = Object.keys(headers).sort();
  const lines = names.map(name => `${name}:${headers[name]}\n`).join('');
  const list = names.join(';');
  const canonical = [request.method, request.path, queryText(request.query), lines, list, emptyHash].join('\n');
  const keys = { ...credentials, expiresAt: Number.POSITIVE_INFINITY };
  const proof = signature(keys, { region, service: 's3' }, date, canonical);
  const credential = `${credentials.accessKeyId}/${date.slice(0, 8)}/${region}/s3/aws4_request`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${list}, Signature=${proof}`;
  return { ...anonymous(request), headers: { ...headers, authorization } };
}

/** A key as the path of a request, encoded as the signature's rules have it; slashes part names. */
export function encodePath(key: string): string {
  return key.split('/').map(encode).join('/');
}

/** Sorted, as it is signed. */
function queryText(query: Query): string {
  const pairs = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`);
  return pairs.sort().join('&');
}

/** RFC 3986, which is stricter than a browser's encoding. */
function encode(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
