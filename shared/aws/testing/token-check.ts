/**
 * Reads a token as EKS and STS do, by nothing but node:crypto: what EKS looks at before it sends the request, and the
 * signature (Signature Version 4) that STS computes from what it received.
 */
import { createHash, createHmac } from 'node:crypto';

/** Long-lived keys of a user, or the temporary ones of a session. */
export interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

export interface TokenRules {
  clusterName: string;
  /** Of STS, where EKS asks. */
  host: string;
  region: string;
  /** Epoch ms at EKS. */
  now: number;
  keysOf(accessKeyId: string): Keys | undefined;
}

/** EKS takes no longer ones. */
const maxLength = 4096;
const prefix = 'k8s-aws-v1.';

const parameters = new Set([
  'Action',
  'Version',
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-Security-Token',
  'X-Amz-Signature',
  'X-Amz-SignedHeaders',
]);

/** The keys that signed the token; throws what EKS or STS would find wrong with it. */
export function checkToken(token: string, rules: TokenRules): Keys {
  refuseUnless(token.length <= maxLength, `the token has ${token.length} characters`);
  refuseUnless(/^k8s-aws-v1\.[A-Za-z0-9_-]+$/.test(token), 'the token is not base64url after its prefix');
  const text = Buffer.from(token.slice(prefix.length), 'base64url').toString('utf8');
  const [, host, query = ''] = /^https:\/\/([^/?#]+)\/\?([^#]*)$/.exec(text) ?? [];
  refuseUnless(host === rules.host, `the host is ${host}`);
  const found = queryOf(query);
  refuseUnless(found.get('Action') === 'GetCallerIdentity', 'the action is another');
  refuseUnless(found.get('X-Amz-Algorithm') === 'AWS4-HMAC-SHA256', 'the algorithm is another');
  const signed = (found.get('X-Amz-SignedHeaders') ?? '').split(';');
  refuseUnless(signed.includes('x-k8s-aws-id'), 'x-k8s-aws-id is not signed');
  const expires = Number(found.get('X-Amz-Expires'));
  refuseUnless(expires > 0 && expires <= 900, `X-Amz-Expires is ${expires}`);
  const age = rules.now - timeOf(found.get('X-Amz-Date') ?? '');
  refuseUnless(age <= 15 * 60_000, 'the token has run out');
  refuseUnless(age >= -5 * 60_000, 'the token is of the future');
  const keys = rules.keysOf(found.get('X-Amz-Credential')?.split('/')[0] ?? '');
  refuseUnless(keys !== undefined, 'nobody has these keys');
  refuseUnless(found.get('X-Amz-Security-Token') === keys.sessionToken, 'the session token is another');
  // The header is not part of the token: EKS fills in the name of its own cluster, whatever the client had signed.
  const headers = new Map([
    ['host', rules.host],
    ['x-k8s-aws-id', rules.clusterName],
  ]);
  refuseUnless(signatureOf(found, signed, headers, keys, rules.region) === found.get('X-Amz-Signature'), 'signature');
  return keys;
}

function queryOf(query: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of query.split('&')) {
    const [name = '', value = '', ...rest] = part.split('=');
    refuseUnless(rest.length === 0 && /^(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})*$/.test(value), `${name} is not encoded`);
    refuseUnless(parameters.has(name) && !found.has(name), `${name} is unknown, or there twice`);
    found.set(name, decodeURIComponent(value));
  }
  return found;
}

function signatureOf(
  query: Map<string, string>,
  signed: string[],
  headers: Map<string, string>,
  keys: Keys,
  region: string,
): string {
  const canonicalQuery = [...query]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join('&');
  const canonicalHeaders = signed.map(name => `${name}:${headers.get(name) ?? ''}\n`).join('');
  const canonical = ['GET', '/', canonicalQuery, canonicalHeaders, signed.join(';'), sha256('')].join('\n');
  const date = query.get('X-Amz-Date') ?? '';
  const scope = [date.slice(0, 8), region, 'sts', 'aws4_request'];
  refuseUnless(query.get('X-Amz-Credential') === [keys.accessKeyId, ...scope].join('/'), 'the scope is another');
  const toSign = ['AWS4-HMAC-SHA256', date, scope.join('/'), sha256(canonical)].join('\n');
  let key: string | Buffer = `AWS4${keys.secretAccessKey}`;
  for (const part of scope) key = createHmac('sha256', key).update(part).digest();
  return createHmac('sha256', key).update(toSign).digest('hex');
}

function timeOf(date: string): number {
  const iso = date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const time = Date.parse(iso);
  refuseUnless(iso !== date && Number.isFinite(time), `X-Amz-Date is "${date}"`);
  return time;
}

function encoded(text: string): string {
  const bytes = [...Buffer.from(text, 'utf8')];
  return bytes
    .map(byte => {
      const char = String.fromCharCode(byte);
      return /[A-Za-z0-9._~-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function refuseUnless(good: boolean, what: string): asserts good {
  if (!good) throw new Error(`the token is refused: ${what}`);
}
