/** GitHub's API as far as Apps sign in at it: it checks who asks as GitHub does. */
import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { jwtVerify } from 'jose';

export interface GitHubApi {
  /** With the path of a GitHub Enterprise Server's API. */
  url: string;
  /** `GET /path status`, in order. */
  requests: string[];
  /** Tokens that were given out. */
  tokens: string[];
  /** How long tokens are good for, in ms from now. */
  lifeMs: number;
  /** Given, the answer to the next request for a token. */
  next?: { status: number; body: unknown; headers?: Record<string, string> };
  close(): void;
}

/** The App: its id, its key as GitHub gives it (PKCS #1), and where it is installed. */
export const app = { id: '4711', organization: 'acme', user: 'jane', installation: 99 };
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const appKey = pair.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();

export async function startGitHubApi(options: { tls?: { key: string; cert: string } } = {}): Promise<GitHubApi> {
  const api: GitHubApi = { url: '', requests: [], tokens: [], lifeMs: 3_600_000, close: () => void server.close() };
  const answer = async (method: string, path: string, authorization: string) => {
    if (!(await isApp(authorization, pair.publicKey)))
      return { status: 401, body: { message: 'A JSON web token could not be decoded' } };
    const owner = /^\/(orgs|users)\/([^/]+)\/installation$/.exec(path);
    if (method === 'GET' && owner) {
      const found = owner[2] === (owner[1] === 'orgs' ? app.organization : app.user);
      return found ? { status: 200, body: { id: app.installation } } : { status: 404, body: { message: 'Not Found' } };
    }
    if (method !== 'POST' || path !== `/app/installations/${app.installation}/access_tokens`)
      return { status: 404, body: { message: 'Not Found' } };
    const { next } = api;
    delete api.next;
    if (next) return next;
    const token = `ghs_${randomUUID()}`;
    api.tokens.push(token);
    return { status: 201, body: { token, expires_at: new Date(Date.now() + api.lifeMs).toISOString() } };
  };
  const listener: RequestListener = (request, response) => {
    const path = (request.url ?? '').replace(/^\/api\/v3/, '');
    void answer(request.method ?? '', path, request.headers.authorization ?? '').then(found => {
      api.requests.push(`${request.method} ${path} ${found.status}`);
      const headers = { 'content-type': 'application/json', ...('headers' in found ? found.headers : {}) };
      response.writeHead(found.status, headers).end(JSON.stringify(found.body));
    });
  };
  const server = options.tls ? createTlsServer(options.tls, listener) : createServer(listener);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  api.url = `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}/api/v3`;
  return api;
}

/** As GitHub wants it: signed by the App's key, in its name, not older than a minute nor good for more than ten. */
async function isApp(authorization: string, publicKey: KeyObject): Promise<boolean> {
  try {
    const jwt = authorization.replace(/^Bearer /, '');
    const { payload } = await jwtVerify(jwt, publicKey, { algorithms: ['RS256'], issuer: app.id });
    const [now, issued, expires] = [Date.now() / 1000, payload.iat ?? 0, payload.exp ?? 0];
    return issued <= now && issued > now - 60 && expires > now && expires <= now + 600;
  } catch {
    return false;
  }
}
