import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { Log } from '../ports/ports.ts';
import type { Functions } from './functions.ts';
import { gatewayEvent } from './gateway-event.ts';
import { answer, BodyBudget, BodyTooLarge, readBody, TooManyBodies } from './http-exchange.ts';
import { landingPage } from './landing-page.ts';
import type { Notifications } from './notifications.ts';
import { serveNotifications } from './notifications-routes.ts';
import type { StreamControl, WorkerPool } from './worker-pool.ts';
import { ThreadEnded } from './worker-thread.ts';

export interface GatewayOptions {
  /** Address to listen on; 127.0.0.1 keeps the world out. */
  host: string;
  /** 0: any free one. */
  port: number;
  functions: Functions;
  /** Asked for when a request comes, since the threads start after the port is known. */
  pool(): WorkerPool;
  notifications: Notifications;
  log: Log;
  /** Told of webhooks, for the progress lines. */
  onWebhook?(webhook: { at: number; milliseconds: number; status: number; trace: string | undefined }): void;
}

export interface Gateway {
  host: string;
  port: number;
  close(): Promise<void>;
}

/** The limit of an HTTP API. */
const maxBodyBytes = 10 * 1024 * 1024;
/** Of the bodies of all requests at a time: anybody may send them. */
const budget = new BodyBudget(128 * 1024 * 1024);
/** As the paths of Receivers are made; what else comes is not read, let alone handed to the function. */
const hookPath = /^\/hook\/[^/]{1,256}$/;

/** API Gateway on one machine: the webhook and artifact functions, and the pages of the local runtime. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const server = createServer(
    { maxHeaderSize: 16 * 1024, requestTimeout: 60_000, headersTimeout: 20_000 },
    (request, response) => {
      route(request, response, options).catch(error => {
        options.log.error('a request failed', { path: request.url?.slice(0, 200), error });
        if (!response.headersSent) answerJson(response, 500, 'Internal Server Error');
        else response.destroy();
      });
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { host: options.host, port, close: () => closeServer(server, options.notifications) };
}

async function route(request: IncomingMessage, response: ServerResponse, options: GatewayOptions): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0]!;
  if (hookPath.test(path)) return webhook(request, response, options);
  if (path.startsWith('/artifacts/')) return artifact(request, response, options);
  if (path === '/notifications' || path.startsWith('/notifications/'))
    return serveNotifications(request, response, path, options.notifications);
  if (path === '/healthz') return answer(response, 200, 'text/plain; charset=utf-8', 'ok\n');
  if (path === '/' && isRead(request)) return answer(response, 200, 'text/html; charset=utf-8', landingPage());
  answerJson(response, 404, 'Not Found');
}

async function webhook(request: IncomingMessage, response: ServerResponse, options: GatewayOptions): Promise<void> {
  const at = Date.now();
  let body: Buffer;
  try {
    body = await readBody(request, maxBodyBytes, { budget, until: response });
  } catch (error) {
    if (error instanceof BodyTooLarge) return answerJson(response, 413, 'Request Too Long');
    if (error instanceof TooManyBodies) {
      request.resume();
      return answerJson(response, 503, 'Service Unavailable');
    }
    throw error;
  }
  const { module, timeoutSeconds } = options.functions.webhook;
  const event = gatewayEvent(request, body, new Date(at));
  try {
    const result = await options.pool().invoke({ function: 'webhook', module, event, timeoutSeconds });
    const { status, headers } = sendResult(response, result);
    const trace = headers['x-sluice-trace'];
    options.onWebhook?.({ at, milliseconds: Date.now() - at, status, trace });
  } catch (error) {
    options.log.error('the webhook function failed', { error });
    if (error instanceof ThreadEnded) answerJson(response, 503, 'Service Unavailable');
    else answerJson(response, 500, 'Internal Server Error');
  }
}

/** An answer as API Gateway takes it: a structured one, or a plain value that becomes JSON. */
function sendResult(response: ServerResponse, result: unknown): { status: number; headers: Record<string, string> } {
  const structured = isStructured(result) ? result : { statusCode: 200, body: plainBody(result) };
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  for (const [name, value] of Object.entries(structured.headers ?? {})) headers[name.toLowerCase()] = String(value);
  const status = structured.statusCode ?? 200;
  if (structured.cookies) response.setHeader('set-cookie', structured.cookies);
  response.writeHead(status, headers);
  response.end(Buffer.from(structured.body ?? '', structured.isBase64Encoded ? 'base64' : 'utf8'));
  return { status, headers };
}

function plainBody(result: unknown): string {
  return typeof result === 'string' ? result : JSON.stringify(result ?? null);
}

function isStructured(result: unknown): result is APIGatewayProxyStructuredResultV2 {
  return typeof result === 'object' && result !== null && 'statusCode' in result;
}

/** A function URL with response streaming: pieces go on as they come, and the next is asked for when one has left. */
async function artifact(request: IncomingMessage, response: ServerResponse, options: GatewayOptions): Promise<void> {
  const { module, timeoutSeconds } = options.functions.artifact;
  const event = gatewayEvent(request, Buffer.alloc(0));
  const control: StreamControl = { more: () => undefined, abort: () => undefined };
  const bodiless = request.method === 'HEAD';
  response.on('close', () => {
    if (!response.writableFinished) control.abort();
  });
  const sink = {
    head: (head: { statusCode: number; headers: Record<string, string> }) =>
      response.writeHead(head.statusCode, head.headers),
    chunk: (bytes: Uint8Array) => {
      if (bodiless || response.write(bytes)) control.more();
      else response.once('drain', () => control.more());
    },
    end: () => response.end(),
  };
  try {
    await options.pool().stream({ function: 'artifact', module, event, timeoutSeconds }, sink, control);
    if (!response.writableEnded) response.end();
  } catch (error) {
    if (response.destroyed) return;
    options.log.error('the artifact function failed', { error });
    // Cut off rather than ended: a reader must not take half of an artifact for the whole.
    if (response.headersSent) response.destroy();
    else answerJson(response, 500, 'Internal Server Error');
  }
}

function answerJson(response: ServerResponse, status: number, message: string): void {
  // What is left of a body that was not read would be taken for the next request.
  if (status === 413 || status === 503) response.setHeader('connection', 'close');
  answer(response, status, 'application/json', JSON.stringify({ message }));
}

function isRead(request: IncomingMessage): boolean {
  return request.method === 'GET' || request.method === 'HEAD';
}

function closeServer(server: Server, notifications: Notifications): Promise<void> {
  notifications.closeReaders();
  return new Promise(resolve => {
    server.close(() => resolve());
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 1000).unref();
  });
}
