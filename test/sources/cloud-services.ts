/**
 * The token services of the clouds, on this machine: an https server that answers under their names, reached through a proxy
 * that leads every name to it. They check what they are given as the real ones do, tokens of ServiceAccounts against the keys
 * that the cluster publishes.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import tls from 'node:tls';
import { selfSigned } from '../scenario/certificate.ts';

export interface ServiceRequest {
  host: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
  form: URLSearchParams;
}

export interface ServiceAnswer {
  status?: number;
  headers?: Record<string, string>;
  /** Sent as it is when it is a text, and as JSON otherwise. */
  body: unknown;
}

export type Service = (request: ServiceRequest) => Promise<ServiceAnswer> | ServiceAnswer;

export interface CloudServices {
  /** Address of the proxy. */
  proxy: string;
  /** PEM. */
  certificate: string;
  /** What was asked, in order. */
  requests: ServiceRequest[];
  /** What answers, by host; changed by tests. Others answer 404. */
  services: Map<string, Service>;
  close(): void;
}

/**
 * Starts them. From now on this process trusts their certificate, as it does those of the well-known authorities, unless they
 * are impostors.
 */
export async function startCloudServices(services: Record<string, Service>, impostors = false): Promise<CloudServices> {
  const { key, cert } = await selfSigned(Object.keys(services));
  if (!impostors) tls.setDefaultCACertificates([...tls.getCACertificates('default'), cert]);
  const byHost = new Map(Object.entries(services));
  const requests: ServiceRequest[] = [];
  const server = createTlsServer({ key, cert }, async (incoming, response) => {
    const body = Buffer.concat(await incoming.toArray()).toString();
    const host = incoming.headers.host ?? '';
    const request = {
      host,
      path: incoming.url ?? '',
      headers: incoming.headers,
      body,
      form: new URLSearchParams(body),
    };
    requests.push(request);
    const answer = await Promise.resolve(
      byHost.get(host)?.(request) ?? { status: 404, body: { error: 'not_found' } },
    ).catch((error: Error) => ({
      status: 500,
      headers: {},
      body: { error: 'broken', error_description: error.message },
    }));
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers }).end(text);
  });
  const port = await listen(server);
  const proxy = createServer();
  proxy.on('connect', (_, socket, head) => {
    const upstream = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on('error', () => socket.destroy());
    socket.on('error', () => upstream.destroy());
  });
  const proxyPort = await listen(proxy);
  const close = () => {
    for (const each of [server, proxy]) {
      each.close();
      each.closeAllConnections();
    }
  };
  return { proxy: `http://127.0.0.1:${proxyPort}`, certificate: cert, requests, services: byHost, close };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  assert.ok(port > 0);
  return port;
}
