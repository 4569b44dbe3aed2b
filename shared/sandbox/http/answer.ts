import type { ServerResponse } from 'node:http';
import { stringify } from 'yaml';
import { Fault } from '../faults.ts';
import type { Accepted } from './accept.ts';

/** Sends text that is JSON already. */
export function sendJson(
  response: ServerResponse,
  status: number,
  text: string,
  format: Accepted['format'] = 'json',
): void {
  const body = format === 'yaml' ? stringify(JSON.parse(text), { sortMapEntries: true }) : text;
  response.writeHead(status, {
    'Content-Type': `application/${format}`,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-cache, private',
  });
  response.end(body);
}

export function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

/** Any error as metav1.Status; what is no Fault is our own mistake, told as 500 and logged by the caller. */
export function sendFault(response: ServerResponse, error: unknown, format: Accepted['format'] = 'json'): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const fault =
    error instanceof Fault
      ? error
      : new Fault(
          500,
          'InternalError',
          `Internal error occurred: ${error instanceof Error ? error.message : String(error)}`,
        );
  if (fault.status === 413) response.setHeader('Connection', 'close');
  if (fault.details?.retryAfterSeconds) response.setHeader('Retry-After', fault.details.retryAfterSeconds);
  sendJson(response, fault.status, JSON.stringify(fault.toStatus()), format);
}

/** Warning headers, as RFC 7234 has them and kubectl prints them. */
export function addWarnings(response: ServerResponse, warnings: string[]): void {
  if (warnings.length === 0) return;
  const before = response.getHeader('Warning') ?? [];
  const added = warnings.map(warning => `299 - ${JSON.stringify(warning.replaceAll(/[\r\n]+/g, ' '))}`);
  response.setHeader('Warning', [...new Set([...(before as string[]), ...added])]);
}
