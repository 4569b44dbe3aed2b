import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ClusterUnreachable } from '../ports/cluster.ts';

/** Moves bytes to one API server and back; knows nothing of Kubernetes. */
export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>;
  /** Closes idle and busy connections. */
  close(): void;
}

export interface TransportRequest {
  method: string;
  /** Path and query. */
  path: string;
  headers: Record<string, string>;
  body?: string;
  signal?: AbortSignal;
  /** Until the head of the response arrived. */
  headTimeoutMs: number;
  /** Longest silence while the body is read. */
  idleTimeoutMs: number;
  /** PEM, when this request authenticates by certificate. */
  cert?: string;
  key?: string;
}

export interface TransportResponse {
  status: number;
  headers: http.IncomingHttpHeaders;
  /** Decompressed. Must be read to the end or destroyed. */
  body: Readable;
}

export interface TransportOptions {
  cluster: string;
  /** Base URL; a path prefix is kept (API servers behind a gateway). */
  server: string;
  ca?: string;
  insecure?: boolean;
  /** Name expected in the server's certificate, when it is not the URL's host. */
  tlsServerName?: string;
  maxSockets?: number;
}

/** A connection that broke before a response was there. `reused`: an idle connection the server had already given up. */
export class ConnectionBroken extends ClusterUnreachable {
  readonly reused: boolean;
  constructor(cluster: string, message: string, reused: boolean, cause: unknown) {
    super(cluster, message, { cause });
    this.name = 'ConnectionBroken';
    this.reused = reused;
  }
}

/**
 * The API server closes idle connections after 90 s, balancers earlier or later, and a frozen Lambda does not notice:
 * an idle connection older than this is not used again.
 */
const maxIdleMs = 55_000;

/**
 * HTTP/1.1 over kept-alive connections. Measured against kube-apiserver with 25 requests under way: about 3,000 requests a
 * second, where one HTTP/2 session of node:http2 manages about 2,000. One at a time
 * they are equal; HTTP/2 saves about 40 ms of handshakes, on the first burst only.
 */
export function httpTransport(options: TransportOptions): Transport {
  const base = new URL(options.server);
  if (base.protocol !== 'https:' && base.protocol !== 'http:')
    throw new Error(`cluster "${options.cluster}": server "${options.server}" must be an http or https URL`);
  const prefix = base.pathname.replace(/\/+$/, '');
  const secure = base.protocol === 'https:';
  const agent = idleAware(secure, options);
  return {
    send: request => {
      agent.dropStale();
      return exchange(options, {
        ...(secure ? { protocol: 'https:', ...tlsOf(base, options, request) } : { protocol: 'http:' }),
        hostname: base.hostname.replace(/^\[|\]$/g, ''),
        port: base.port || (secure ? 443 : 80),
        method: request.method,
        path: prefix + request.path,
        headers: request.headers,
        agent: agent.agent,
        request,
      });
    },
    close: () => agent.agent.destroy(),
  };
}

function tlsOf(base: URL, options: TransportOptions, request: TransportRequest): https.RequestOptions {
  const host = base.hostname.replace(/^\[|\]$/g, '');
  const servername = options.tlsServerName ?? (/^[\d.]+$|:/.test(host) ? undefined : host);
  return {
    ...(options.ca ? { ca: options.ca } : {}),
    ...(options.insecure ? { rejectUnauthorized: false } : {}),
    ...(servername ? { servername } : {}),
    ...(request.cert && request.key ? { cert: request.cert, key: request.key } : {}),
  };
}

function idleAware(secure: boolean, options: TransportOptions) {
  const settings = { keepAlive: true, maxSockets: options.maxSockets ?? 256, maxFreeSockets: 64, noDelay: true };
  const agent = secure ? new https.Agent(settings) : new http.Agent(settings);
  const idleSince = new WeakMap<Socket, number>();
  agent.on('free', (socket: Socket) => idleSince.set(socket, Date.now()));
  const dropStale = () => {
    for (const sockets of Object.values(agent.freeSockets))
      for (const socket of sockets ?? [])
        if (Date.now() - (idleSince.get(socket) ?? Date.now()) > maxIdleMs) socket.destroy();
  };
  return { agent, dropStale };
}

type Exchange = https.RequestOptions & { request: TransportRequest };

function exchange(options: TransportOptions, target: Exchange): Promise<TransportResponse> {
  const { request, ...settings } = target;
  return new Promise((resolve, reject) => {
    const send = settings.protocol === 'https:' ? https.request : http.request;
    const outgoing = send({ ...settings, ...(request.signal ? { signal: request.signal } : {}) });
    const timer = setTimeout(
      () => outgoing.destroy(new Error(`no answer within ${request.headTimeoutMs / 1000} s`)),
      request.headTimeoutMs,
    );
    outgoing.on('error', cause => {
      clearTimeout(timer);
      reject(request.signal?.aborted ? request.signal.reason : unreachable(options, outgoing, cause));
    });
    outgoing.on('response', incoming => {
      clearTimeout(timer);
      incoming.setTimeout(request.idleTimeoutMs, () =>
        incoming.destroy(new Error(`nothing received for ${request.idleTimeoutMs / 1000} s`)),
      );
      resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: decompressed(incoming) });
    });
    outgoing.end(request.body);
  });
}

function decompressed(incoming: http.IncomingMessage): Readable {
  if (incoming.headers['content-encoding'] !== 'gzip') return incoming;
  const gunzip = createGunzip();
  incoming.on('error', error => gunzip.destroy(error));
  gunzip.on('close', () => incoming.destroy());
  return incoming.pipe(gunzip);
}

function unreachable(options: TransportOptions, outgoing: http.ClientRequest, cause: Error): ConnectionBroken {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  const message = `cluster "${options.cluster}" at ${options.server} cannot be reached: ${cause.message}${hintFor(code)}`;
  return new ConnectionBroken(options.cluster, message, outgoing.reusedSocket, cause);
}

function hintFor(code: string): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return ' (the host name does not resolve; check the server URL)';
  if (code === 'ECONNREFUSED') return ' (nothing listens there; check address and port)';
  if (code === 'CERT_HAS_EXPIRED') return ' (the certificate has expired; renew it, or the machine clock is wrong)';
  if (
    code.startsWith('UNABLE_TO_') ||
    code.includes('SELF_SIGNED') ||
    code.startsWith('CERT_') ||
    code.startsWith('ERR_TLS')
  )
    return ' (the server certificate is not trusted; check the certificate authority of the access data)';
  return '';
}
