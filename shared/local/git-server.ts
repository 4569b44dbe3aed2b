import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { timingSafeEqual } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { branchRefs } from './git-repository.ts';
import { isOwnName } from './http-exchange.ts';

export { commitFiles, createRepository } from './git-repository.ts';

const run = promisify(execFile);

export interface GitServerOptions {
  /** Directory of bare repositories: `<root>/<name>.git`. */
  root: string;
  host?: string;
  /** 0, the default, takes a free one. */
  port?: number;
  auth?: { username: string; password: string } | { bearerToken: string };
  tls?: { key: string; cert: string /** Client certificates of this authority are required. */; ca?: string };
  /** Told of each reference that a push moved; `before` or `after` is 40 zeros when it was created or deleted. */
  onPush?: (repository: string, update: { ref: string; before: string; after: string }) => void;
  /** False makes the server behave as one of before protocol 2. */
  protocol2?: boolean;
}

export interface GitRequest {
  method: string;
  path: string;
  service?: string;
  /** The protocol 2 command, or `receive-pack`. */
  command?: string;
  /** Whether credentials were sent. */
  authorized: boolean;
}

export interface GitServer {
  /** `http://127.0.0.1:port`; a repository is at `<url>/<name>.git`. */
  url: string;
  /** What was asked, oldest first, at most the last thousand. */
  requests: GitRequest[];
  close(): Promise<void>;
}

const paths =
  /^\/((?:[A-Za-z0-9_][A-Za-z0-9._-]*\/)*[A-Za-z0-9_][A-Za-z0-9._-]*\.git)\/(info\/refs|git-upload-pack|git-receive-pack)$/;

/** Serves the bare repositories under `root` by Git's own `git http-backend`: real Git over HTTP, pushes included. */
export async function startGitServer(options: GitServerOptions): Promise<GitServer> {
  const requests: GitRequest[] = [];
  const children = new Set<{ kill(): boolean }>();
  const sockets = new Set<Socket>();
  await mkdir(options.root, { recursive: true });
  const root = path.resolve(options.root);
  const listener: http.RequestListener = (request, response) => {
    answer({ ...options, root }, request, response, requests, children).catch(error => {
      if (response.headersSent) response.destroy();
      else
        response
          .writeHead(500, { 'content-type': 'text/plain' })
          .end(`${error instanceof Error ? error.message : error}\n`);
    });
  };
  const server = options.tls
    ? https.createServer({ ...options.tls, requestCert: Boolean(options.tls.ca) }, listener)
    : http.createServer(listener);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const host = options.host ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const shownHost = host.includes(':') ? `[${host}]` : host;
  return {
    url: `${options.tls ? 'https' : 'http'}://${shownHost}:${port}`,
    requests,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
        for (const child of children) child.kill();
      }),
  };
}

async function answer(
  options: GitServerOptions,
  request: http.IncomingMessage,
  response: http.ServerResponse,
  requests: GitRequest[],
  children: Set<{ kill(): boolean }>,
): Promise<void> {
  // Whoever opens a page of somebody else must not push by it: see isOwnName.
  if (isOwnName(options.host ?? '127.0.0.1') && (!isOwnName(request.headers.host) || request.headers.origin)) {
    response.writeHead(403, { 'content-type': 'text/plain' }).end('served to this machine alone, and to no web page\n');
    return;
  }
  const url = new URL(request.url ?? '/', 'http://server');
  const [, repository = '', action = ''] = paths.exec(url.pathname) ?? [];
  const service = url.searchParams.get('service') ?? (action.startsWith('git-') ? action : undefined);
  const record: GitRequest = {
    method: request.method ?? '',
    path: url.pathname,
    authorized: request.headers.authorization !== undefined,
    ...(service ? { service } : {}),
  };
  requests.push(record);
  if (requests.length > 1000) requests.shift();
  if (!isAuthorized(request, options.auth)) {
    const scheme = options.auth && 'bearerToken' in options.auth ? 'Bearer' : 'Basic';
    response.writeHead(401, { 'www-authenticate': `${scheme} realm="git"`, 'content-type': 'text/plain' });
    response.end('authentication required\n');
    return;
  }
  if (options.tls?.ca && !(request.socket as import('node:tls').TLSSocket).authorized) {
    response.writeHead(403, { 'content-type': 'text/plain' }).end('a client certificate is required\n');
    return;
  }
  if (!repository || !(await isRepository(path.join(options.root, repository)))) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('no such repository\n');
    return;
  }
  const push = action === 'git-receive-pack';
  const before = push ? await branchRefs(path.join(options.root, repository)) : undefined;
  await backend(options, url, request, response, record, children);
  if (before && options.onPush) await tellPushes(options, repository, before);
}

async function isRepository(dir: string): Promise<boolean> {
  return run('git', ['--git-dir', dir, 'rev-parse', '--git-dir']).then(
    () => true,
    () => false,
  );
}

function isAuthorized(request: http.IncomingMessage, auth: GitServerOptions['auth']): boolean {
  if (!auth) return true;
  const expected =
    'bearerToken' in auth
      ? `Bearer ${auth.bearerToken}`
      : `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
  const [given, wanted] = [Buffer.from(request.headers.authorization ?? ''), Buffer.from(expected)];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** Runs `git http-backend` for one request, by the rules of CGI (RFC 3875). */
async function backend(
  options: GitServerOptions,
  url: URL,
  request: http.IncomingMessage,
  response: http.ServerResponse,
  record: GitRequest,
  children: Set<{ kill(): boolean }>,
): Promise<void> {
  const protocol = request.headers['git-protocol'];
  const child = spawn('git', ['-c', 'http.receivepack=true', '-c', 'safe.directory=*', 'http-backend'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      PATH: process.env.PATH,
      HOME: options.root,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_PROJECT_ROOT: options.root,
      GIT_HTTP_EXPORT_ALL: '1',
      REQUEST_METHOD: request.method,
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      REMOTE_USER: 'git',
      REMOTE_ADDR: request.socket.remoteAddress ?? '',
      ...(protocol && options.protocol2 !== false ? { GIT_PROTOCOL: String(protocol) } : {}),
    },
  });
  children.add(child);
  const closed = new Promise<void>(resolve => child.once('close', () => resolve()));
  response.once('close', () => child.kill());
  try {
    const sent = sendBody(request, child.stdin, record);
    await relay(child, response);
    await sent;
    await closed;
  } finally {
    children.delete(child);
    child.kill();
  }
}

async function sendBody(request: http.IncomingMessage, stdin: Writable, record: GitRequest): Promise<void> {
  if (record.service === 'git-receive-pack' && request.method === 'POST') record.command = 'receive-pack';
  request.once('data', (chunk: Buffer) => {
    const command = /command=([a-z-]+)/.exec(chunk.toString('latin1', 0, 64))?.[1];
    if (command) record.command = command;
  });
  const gzipped = request.headers['content-encoding'] === 'gzip';
  try {
    if (gzipped) await pipeline(request, zlib.createGunzip(), stdin);
    else await pipeline(request, stdin);
  } catch {
    // The backend answered without reading on, or the client went away; the answer tells.
  }
}

/** Passes on the backend's answer: CGI header lines, an empty line, the body. */
async function relay(
  child: ChildProcessByStdio<Writable, Readable, null>,
  response: http.ServerResponse,
): Promise<void> {
  let head = Buffer.alloc(0);
  let end = -1;
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    head = Buffer.concat([head, chunk as Buffer]);
    end = head.indexOf('\r\n\r\n');
    if (end >= 0) break;
  }
  if (end < 0) throw new Error('git http-backend gave no answer');
  const lines = head.toString('latin1', 0, end).split('\r\n');
  const headers = lines.map(line => line.split(/:\s*/, 2) as [string, string]);
  const status = headers.find(([name]) => name.toLowerCase() === 'status');
  const others = Object.fromEntries(headers.filter(header => header !== status));
  response.writeHead(status ? Number.parseInt(status[1], 10) : 200, others);
  response.write(head.subarray(end + 4));
  await pipeline(child.stdout, response);
}

async function tellPushes(options: GitServerOptions, repository: string, before: Map<string, string>): Promise<void> {
  const after = await branchRefs(path.join(options.root, repository));
  const none = '0'.repeat(40);
  for (const ref of new Set([...before.keys(), ...after.keys()])) {
    const update = { ref, before: before.get(ref) ?? none, after: after.get(ref) ?? none };
    if (update.before !== update.after) options.onPush?.(repository, update);
  }
}
