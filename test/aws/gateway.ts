/** What stands before functions on AWS and is asked by HTTP: API Gateway's HTTP API, and function URLs. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { gatewayEvent } from '../../shared/local/gateway-event.ts';
import { BodyTooLarge, readBody } from '../../shared/local/http-exchange.ts';
import { FunctionError, type Lambda } from './lambda.ts';

export interface Front {
  /** Without a trailing slash. */
  url: string;
  close(): Promise<void>;
}

/** Of a request to an HTTP API. */
const maxBodyBytes = 10 * 1024 * 1024;
/** As the stack's route has it: POST /hook/{path}. */
const hookPath = /^\/hook\/[^/]+$/;

/**
 * The HTTP API of the webhook function: payload format 2.0, 413 for a body over 10 MB, 500 when the function fails or the
 * event is more than an invocation may carry, 503 when it does not answer in time. `onError` is told what the caller is not.
 */
export function startHttpApi(
  webhook: Pick<Lambda, 'invoke'>,
  onError: (error: unknown) => void = () => {},
  port = 0,
): Promise<Front> {
  return listen(port, async (request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0]!;
    if (!hookPath.test(path)) return message(response, 404, 'Not Found');
    let body: Buffer;
    try {
      body = await readBody(request, maxBodyBytes);
    } catch (error) {
      if (error instanceof BodyTooLarge) return message(response, 413, 'Request Entity Too Large');
      throw error;
    }
    try {
      send(response, await webhook.invoke(gatewayEvent(request, body)));
    } catch (error) {
      onError(error);
      const timedOut = error instanceof FunctionError && error.code === 'Sandbox.Timedout';
      message(response, timedOut ? 503 : 500, timedOut ? 'Service Unavailable' : 'Internal Server Error');
    }
  });
}

/** A structured answer, or a plain value that becomes JSON. */
function send(response: ServerResponse, result: unknown): void {
  const structured: APIGatewayProxyStructuredResultV2 = isStructured(result)
    ? result
    : { statusCode: 200, body: typeof result === 'string' ? result : JSON.stringify(result ?? null) };
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  for (const [name, value] of Object.entries(structured.headers ?? {})) headers[name.toLowerCase()] = String(value);
  if (structured.cookies) response.setHeader('set-cookie', structured.cookies);
  response.writeHead(structured.statusCode ?? 200, headers);
  response.end(Buffer.from(structured.body ?? '', structured.isBase64Encoded ? 'base64' : 'utf8'));
}

function isStructured(result: unknown): result is APIGatewayProxyStructuredResultV2 {
  return typeof result === 'object' && result !== null && 'statusCode' in result;
}

/**
 * The URL of the artifact function, which streams: 502 when it fails before it has begun, or when the emulator gives nothing of
 * what it had begun. An answer that is shorter than its head promised, because the function failed in the middle, is cut off
 * and not ended.
 */
export function startFunctionUrl(
  lambda: Pick<Lambda, 'stream'>,
  onError: (error: unknown) => void = () => {},
  port = 0,
): Promise<Front> {
  return listen(port, async (request, response) => {
    try {
      const body = await readBody(request, maxBodyBytes);
      const answer = await lambda.stream(gatewayEvent(request, body));
      const promised = Object.entries(answer.headers).find(([name]) => name.toLowerCase() === 'content-length')?.[1];
      if (answer.cookies.length > 0) response.setHeader('set-cookie', answer.cookies);
      response.writeHead(answer.status, answer.headers);
      if (request.method === 'HEAD') return void response.end();
      if (promised === undefined || Number(promised) === answer.body.length) return void response.end(answer.body);
      onError(new Error(`the function promised ${promised} bytes and gave ${answer.body.length}`));
      response.write(answer.body, () => response.destroy());
    } catch (error) {
      onError(error);
      message(response, error instanceof BodyTooLarge ? 413 : 502, 'Internal Server Error');
    }
  });
}

/** As API Gateway words its own answers. */
function message(response: ServerResponse, status: number, text: string): void {
  if (status === 413) response.setHeader('connection', 'close');
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ message: text }));
}

async function listen(
  port: number,
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<Front> {
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => close(server) };
}

function close(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
