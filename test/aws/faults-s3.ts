/** Stands on loopback before S3, and lets happen what cannot be made to happen there. */
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** What becomes of a request: it is handed on; it is done, and its answer lost; or S3 refuses it. */
export type S3Fate = 'pass' | 'lose' | { status: number; code: string };

export interface S3Request {
  method: string;
  /** Whether it is a conditional write. */
  conditional: boolean;
}

export interface S3Proxy {
  url: string;
  /** Statuses that S3 (or this in its place) answered, and how often; those of lost answers, too. */
  answered: Map<string, number>;
  close(): Promise<void>;
}

/** Requests go on as they are, signature included: their host header is what was signed. */
export async function startS3Proxy(behind: string, fateOf: (asked: S3Request) => S3Fate): Promise<S3Proxy> {
  const answered = new Map<string, number>();
  const count = (what: string | number) => answered.set(String(what), (answered.get(String(what)) ?? 0) + 1);
  const server = createServer(async (incoming, response) => {
    try {
      const { method = 'GET', headers } = incoming;
      const conditional = headers['if-none-match'] !== undefined || headers['if-match'] !== undefined;
      const fate = fateOf({ method, conditional: method !== 'GET' && conditional });
      const body = await buffer(incoming);
      if (typeof fate === 'object') {
        count(fate.status);
        response.writeHead(fate.status, { 'content-type': 'application/xml' });
        response.end(`<?xml version="1.0"?><Error><Code>${fate.code}</Code><Message>${fate.code}</Message></Error>`);
        return;
      }
      const answer = await handOn(behind, incoming, body);
      count(answer.statusCode ?? 0);
      if (fate === 'lose') {
        count('lost');
        answer.resume();
        response.destroy();
        return;
      }
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    } catch {
      response.destroy();
    }
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answered,
    async close() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

function handOn(behind: string, { method, url, headers }: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const onward = request(new URL(url!, behind), { method, headers }, resolve);
    onward.once('error', reject);
    onward.end(body);
  });
}
