/** A Helm repository by http: the files of a folder, as a static web server gives them. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';

export interface HelmRepositoryOptions {
  /** Whom it lets in; everybody when absent. */
  user?: { username: string; password: string };
  /** PEM. `clientCa`: clients must have a certificate of it. */
  tls?: { cert: string; key: string; clientCa?: string };
}

export interface HelmRepositoryServer {
  url: string;
  /** Paths that were asked for, with the status that was answered, and who asked. */
  requests: { path: string; status: number; authorization: string | undefined }[];
  /** Answers for paths that differ from the folder's: a status, headers, a body. */
  special: Map<string, { status: number; headers?: Record<string, string>; body?: string | Buffer }>;
  /** Paths whose answers wait for something. */
  gates: Map<string, Promise<void>>;
  close(): Promise<void>;
}

export async function startHelmRepository(
  root: string,
  options: HelmRepositoryOptions = {},
): Promise<HelmRepositoryServer> {
  const { user, tls } = options;
  const requests: HelmRepositoryServer['requests'] = [];
  const special: HelmRepositoryServer['special'] = new Map();
  const gates: HelmRepositoryServer['gates'] = new Map();
  const expected = user && `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`;
  const answer = async (path: string, authorization: string | undefined) => {
    if (expected && authorization !== expected) return { status: 401 };
    const other = special.get(path);
    if (other) return other;
    const file = join(root, normalize(decodeURIComponent(path)));
    return readFile(file).then(
      body => ({ status: 200, body }),
      () => ({ status: 404 }),
    );
  };
  const listener: http.RequestListener = async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname;
    const { authorization } = request.headers;
    await gates.get(path);
    const {
      status,
      headers = {},
      body,
    }: { status: number; headers?: Record<string, string>; body?: string | Buffer } = await answer(path, authorization);
    requests.push({ path, status, authorization });
    response.writeHead(status, headers).end(body);
  };
  const server = tls
    ? https.createServer(
        {
          cert: tls.cert,
          key: tls.key,
          ...(tls.clientCa ? { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true } : {}),
        },
        listener,
      )
    : http.createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    requests,
    special,
    gates,
    async close() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
