import type { IncomingMessage, ServerResponse } from 'node:http';
import { authenticate } from '../access/authenticate.ts';
import type { User } from '../access/user.ts';
import type { Discovery } from '../discovery.ts';
import { Fault, methodNotAllowed, NoSuchPath, noSuchPath } from '../faults.ts';
import type { OpenApi } from '../openapi/documents.ts';
import { kubernetes } from '../openapi/kubernetes.ts';
import { negotiate } from './accept.ts';
import { sendFault, sendJson, sendText } from './answer.ts';
import { type Services, serveResource } from './resources.ts';
import { parseResourcePath } from './route.ts';

export interface Site extends Services {
  discovery: Discovery;
  openapi: OpenApi;
}

/** The server's answer to any request. Never throws. */
export function handler(site: Site): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    serve(site, request, response).catch((error: unknown) => {
      if (!(error instanceof Fault))
        site.kernel.log('request failed', {
          method: request.method,
          path: pathOf(request),
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        });
      if (error instanceof NoSuchPath && !isBuiltinPath(site, pathOf(request))) sendNothing(response, pathOf(request));
      else sendFault(response, error, formatOf(request));
    });
  };
}

/** Whether the path is at least of a group that is always served; those tell what is missing as a Status. */
function isBuiltinPath(site: Site, path: string): boolean {
  const [, prefix, group = ''] = path.split('/');
  if (prefix === 'api') return true;
  return prefix === 'apis' && site.kernel.registry.all().some(one => one.builtin && one.group === group);
}

function sendNothing(response: ServerResponse, path: string): void {
  if (!path.startsWith('/openapi/')) {
    sendText(response, 404, '404 page not found\n');
    return;
  }
  response.writeHead(404, { 'Content-Length': 0 });
  response.end();
}

function formatOf(request: IncomingMessage): 'json' | 'yaml' {
  try {
    return negotiate(request.headers.accept).format;
  } catch {
    return 'json';
  }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?')[0]!;
}

async function serve(site: Site, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = request.url ?? '/';
  const question = url.indexOf('?');
  const path = question < 0 ? url : url.slice(0, question);
  const query = new URLSearchParams(question < 0 ? '' : url.slice(question + 1));
  const user = authenticate(request.headers, site.tokens, site.authorizer);
  const resource = parseResourcePath(path);
  if (resource) {
    await serveResource(site, request, response, { path: resource, query }, user);
    return;
  }
  authorizePath(site, user, request.method ?? 'GET', path);
  if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
  servePath(site, request, response, path);
}

function authorizePath(site: Site, user: User, method: string, path: string): void {
  const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
  const decision = site.authorizer.authorize(user, { verb, path });
  if (!decision.allowed) throw new Fault(403, 'Forbidden', `forbidden: ${decision.reason}`, {});
}

function servePath(site: Site, request: IncomingMessage, response: ServerResponse, path: string): void {
  const trimmed = path.length > 1 ? path.replace(/\/$/, '') : path;
  if (/^\/(healthz|livez|readyz)(\/|$)/.test(trimmed)) sendText(response, 200, 'ok');
  else if (trimmed === '/version') send(response, version());
  else if (trimmed === '/') send(response, { paths: rootPaths(site) });
  else if (trimmed === '/api' || trimmed === '/apis') serveGroups(site, request, response, trimmed === '/api');
  else if (trimmed === '/openapi/v3') send(response, site.openapi.index());
  else if (trimmed === '/openapi/v2') serveSwagger(site, request, response);
  else serveDocument(site, request, response, trimmed);
}

function send(response: ServerResponse, value: unknown): void {
  sendJson(response, 200, JSON.stringify(value));
}

function rootPaths(site: Site): string[] {
  const apis = [...site.discovery.groups()].flatMap(([group, versions]) =>
    group
      ? [`/apis/${group}`, ...versions.map(name => `/apis/${group}/${name}`)]
      : versions.map(name => `/api/${name}`),
  );
  return ['/api', '/apis', ...apis, '/healthz', '/livez', '/openapi/v2', '/openapi/v3', '/readyz', '/version'].sort();
}

/** Kubernetes' version, marked as what it is by build metadata, which comparisons of versions ignore. */
export function version(): Record<string, string> {
  const release = kubernetes().version;
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(release) ?? [];
  return {
    major,
    minor,
    emulationMajor: major,
    emulationMinor: minor,
    gitVersion: `${release}+sluice`,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: `node${process.versions.node}`,
    compiler: 'node',
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}

function serveGroups(site: Site, request: IncomingMessage, response: ServerResponse, core: boolean): void {
  response.setHeader('Vary', 'Accept');
  if (negotiate(request.headers.accept).as === 'discovery') {
    const text = JSON.stringify(site.discovery.aggregated(core));
    response.writeHead(200, {
      'Content-Type': 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
      'Content-Length': Buffer.byteLength(text),
    });
    response.end(text);
    return;
  }
  send(response, core ? site.discovery.coreVersions(request.headers.host ?? '') : site.discovery.groupList());
}

function serveDocument(site: Site, request: IncomingMessage, response: ServerResponse, path: string): void {
  const openapi = /^\/openapi\/v3\/(?:api\/([^/]+)|apis\/([^/]+)\/([^/]+))$/.exec(path);
  if (openapi) {
    const text = site.openapi.document(openapi[2] ?? '', openapi[1] ?? openapi[3] ?? '');
    if (!text) throw noSuchPath();
    sendJson(response, 200, text);
    return;
  }
  const group = /^\/apis\/([^/]+)$/.exec(path);
  const groupVersion = /^\/(?:api\/([^/]+)|apis\/([^/]+)\/([^/]+))$/.exec(path);
  const found = group
    ? site.discovery.group(group[1]!)
    : groupVersion && site.discovery.resources(groupVersion[2] ?? '', groupVersion[1] ?? groupVersion[3] ?? '');
  if (!found) throw noSuchPath();
  sendJson(response, 200, JSON.stringify(found), negotiate(request.headers.accept).format);
}

const swaggerProtobuf = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

function serveSwagger(site: Site, request: IncomingMessage, response: ServerResponse): void {
  const asProtobuf = (request.headers.accept ?? '').includes(swaggerProtobuf);
  const bytes = site.openapi.everything(asProtobuf ? 'protobuf' : 'json');
  response.writeHead(200, {
    // As Kubernetes writes it: the @ of the request's form is not allowed in a media type.
    'Content-Type': asProtobuf ? swaggerProtobuf.replace('@', '.') : 'application/json',
    'Content-Length': bytes.length,
    Vary: 'Accept',
  });
  response.end(bytes);
}
