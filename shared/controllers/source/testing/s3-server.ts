/** An S3 server for tests, which does as it is told: it knows no signatures, and fails where the others cannot be made to. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface S3Request {
  method: string;
  /** Decoded, without the bucket; '' for the bucket itself. */
  key: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
}

export interface S3Server {
  /** host:port */
  endpoint: string;
  /** Contents by key. */
  objects: Map<string, string>;
  /** `GET <key>` of objects, `LIST`, `HEAD`; since the last call. */
  seen(): string[];
  /** Called before a request is answered; true: the fault has answered it, or never will. */
  fault: ((request: S3Request, answer: ServerResponse) => boolean | Promise<boolean>) | undefined;
  /** Most objects of a page. */
  pageSize: number;
  close(): Promise<void>;
}

export const bucketName = 'podinfo';

/** With `tls` it speaks https; with a `ca` in it, only to who shows a certificate of that. */
export async function startS3Server(tls?: { key: string; cert: string; ca?: string }): Promise<S3Server> {
  const seen: string[] = [];
  const server: S3Server = {
    endpoint: '',
    objects: new Map(),
    seen: () => seen.splice(0),
    fault: undefined,
    pageSize: 1000,
    close: async () => {
      http.close();
      http.closeAllConnections();
    },
  };
  const listener = (incoming: IncomingMessage, answer: ServerResponse) => {
    const request = requestOf(incoming);
    const isList = request.key === '' && request.method === 'GET';
    seen.push(isList ? 'LIST' : `${request.method}${request.key && ` ${request.key}`}`);
    void Promise.resolve(server.fault?.(request, answer) ?? false).then(done => done || serve(server, request, answer));
  };
  const asks = { requestCert: tls?.ca !== undefined, rejectUnauthorized: tls?.ca !== undefined };
  const http = (tls ? createSecureServer({ ...tls, ...asks }, listener) : createServer(listener)).listen(
    0,
    '127.0.0.1',
  );
  await once(http, 'listening');
  server.endpoint = `127.0.0.1:${(http.address() as AddressInfo).port}`;
  return server;
}

function requestOf(incoming: IncomingMessage): S3Request {
  const [path = '', query = ''] = (incoming.url ?? '').split('?');
  const key = path.split('/').slice(2).map(decodeURIComponent).join('/');
  return { method: incoming.method ?? '', key, query: new URLSearchParams(query), headers: incoming.headers };
}

function serve(server: S3Server, { method, key, query }: S3Request, answer: ServerResponse): void {
  if (key === '' && method === 'GET') {
    list(server, query, answer);
    return;
  }
  const contents = key === '' ? '' : server.objects.get(key);
  if (contents === undefined) {
    refuse(answer, 404, 'NoSuchKey');
    return;
  }
  answer.writeHead(200, { etag: `"${etagOf(contents)}"`, 'content-length': Buffer.byteLength(contents) });
  answer.end(contents);
}

function list({ objects, pageSize }: S3Server, query: URLSearchParams, answer: ServerResponse): void {
  const from = query.get('continuation-token') ?? '';
  const keys = [...objects.keys()].sort().filter(key => key.startsWith(query.get('prefix') ?? '') && key > from);
  const page = keys.slice(0, pageSize);
  const more = keys.length > page.length;
  const contents = page.map(key => {
    const text = objects.get(key)!;
    return `<Contents><Key>${encodeURIComponent(key)}</Key><ETag>&quot;${etagOf(text)}&quot;</ETag><Size>${Buffer.byteLength(text)}</Size></Contents>`;
  });
  const next = more ? `<NextContinuationToken>${escaped(page.at(-1)!)}</NextContinuationToken>` : '';
  answer.end(
    `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType><IsTruncated>${more}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`,
  );
}

/** As S3 makes it of what is uploaded in one piece. */
export function etagOf(contents: string): string {
  return createHash('md5').update(contents).digest('hex');
}

/** Answers an error as S3 writes it. */
export function refuse(
  answer: ServerResponse,
  status: number,
  code: string,
  headers: Record<string, string> = {},
): true {
  answer
    .writeHead(status, headers)
    .end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>Told so</Message></Error>`);
  return true;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
