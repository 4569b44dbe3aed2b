import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';

/** What API Gateway's HTTP API would hand to the function (payload format 2.0). */
export function gatewayEvent(request: IncomingMessage, body: Buffer, at = new Date()): APIGatewayProxyEventV2 {
  const [path = '/', query = ''] = splitOnce(request.url ?? '/', '?');
  const { cookie, ...headers } = headersOf(request);
  const host = headers.host ?? 'localhost';
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: decodePath(path),
    rawQueryString: query,
    ...(cookie && { cookies: cookie.split(/; */) }),
    headers: { ...headers, 'content-length': String(body.length) },
    ...(query && { queryStringParameters: queryOf(query) }),
    requestContext: {
      accountId: '000000000000',
      apiId: 'local',
      domainName: host.replace(/:\d+$/, ''),
      domainPrefix: 'local',
      http: {
        method: request.method ?? 'GET',
        path: decodePath(path),
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress ?? '',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey: '$default',
      stage: '$default',
      time: commonLogTime(at),
      timeEpoch: at.getTime(),
    },
    ...bodyOf(body, headers['content-type']),
  };
}

/** Text types pass as text, everything else in base64: a form or an unknown type too. */
function bodyOf(body: Buffer, contentType: string | undefined): { body?: string; isBase64Encoded: boolean } {
  if (body.length === 0) return { isBase64Encoded: false };
  const text = contentType !== undefined && textual.test(contentType) ? body.toString('utf8') : undefined;
  // Bytes that are not UTF-8 would come out changed, and a signature over them would fail.
  if (text !== undefined && Buffer.byteLength(text) === body.length && Buffer.from(text).equals(body))
    return { body: text, isBase64Encoded: false };
  return { body: body.toString('base64'), isBase64Encoded: true };
}

const textual = /^\s*(text\/|application\/(json|javascript|xml)\s*(;|$)|[^;]+\+(json|xml)\s*(;|$))/i;

/** Lower-cased, repeated ones joined by commas. */
function headersOf(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, values] of Object.entries(request.headersDistinct))
    if (values && !hopByHop.has(name)) headers[name] = values.join(name === 'cookie' ? '; ' : ',');
  return headers;
}

const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'te', 'trailer', 'expect']);

function queryOf(query: string): Record<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    const earlier = found.get(name);
    found.set(name, earlier === undefined ? value : `${earlier},${value}`);
  }
  return Object.fromEntries(found);
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** 23/Nov/2026:08:06:01 +0000 */
function commonLogTime(at: Date): string {
  const [, day, month, year, time] = /^\w+, (\d+) (\w+) (\d+) ([\d:]+)/.exec(at.toUTCString()) ?? [];
  return `${day}/${month}/${year}:${time} +0000`;
}
