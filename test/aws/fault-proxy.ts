/** Stands between the SDK and a server on loopback, hands on what they say, and goes wrong where it is told to. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Seen {
  method: string;
  /** Path and query. */
  url: string;
  /** Of AWS's JSON protocols, e.g. `GetSecretValue`; empty for S3. */
  operation: string;
  headers: IncomingMessage['headers'];
  body: Buffer;
  /** What went wrong with it. */
  fault?: Fault | undefined;
  /** The status of the answer; of one that was lost, too. */
  status?: number;
}

/** What goes wrong. */
export type Fault =
  /** This is answered, and the server never learns of it. */
  | { answer: number; body: string; type?: string }
  /** The server does what is asked, and the connection is cut before it can say so. */
  | 'lost'
  /** A byte of the request is another one when it arrives. */
  | 'damaged'
  /** The answer is cut, or goes no further, after so many bytes of its body. */
  | { cutAfter: number }
  | { stallAfter: number };

export interface FaultProxy {
  url: string;
  /** What came, in its order. */
  seen: Seen[];
  /** Decides for every request; the last word is that of the last test that set it. */
  fault: (asked: Seen) => Fault | undefined;
  close(): Promise<void>;
}

/** An error as S3 says it. */
export function s3Fault(answer: number, code: string): Fault {
  return {
    answer,
    body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>Said by the test.</Message></Error>`,
    type: 'application/xml',
  };
}

/** An error as services with JSON say it. */
export function jsonFault(answer: number, code: string): Fault {
  return {
    answer,
    body: JSON.stringify({ __type: code, message: 'Said by the test.' }),
    type: 'application/x-amz-json-1.1',
  };
}

/** The fault for the first so many requests for which `when` holds. */
export function first(count: number, fault: Fault, when: (asked: Seen) => boolean = () => true): FaultProxy['fault'] {
  let left = count;
  return asked => (when(asked) && left-- > 0 ? fault : undefined);
}

export async function startFaultProxy(server: string): Promise<FaultProxy> {
  const http = createServer((incoming, outgoing) => {
    pass(server, proxy, incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve));
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    seen: [],
    fault: () => undefined,
    async close() {
      http.closeAllConnections();
      await new Promise(resolve => http.close(resolve));
    },
  };
  return proxy;
}

async function pass(
  server: string,
  proxy: FaultProxy,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece as Buffer);
  const body = Buffer.concat(pieces);
  const { method = '', url = '', headers } = incoming;
  const operation = String(headers['x-amz-target'] ?? '').split('.')[1] ?? '';
  const asked: Seen = { method, url, operation, headers, body };
  proxy.seen.push(asked);
  const fault = proxy.fault(asked);
  asked.fault = fault;
  if (typeof fault === 'object' && 'answer' in fault) {
    asked.status = fault.answer;
    outgoing.writeHead(fault.answer, { 'content-type': fault.type ?? 'text/plain' });
    outgoing.end(method === 'HEAD' ? undefined : fault.body);
    return;
  }
  const sent = Buffer.from(body);
  if (fault === 'damaged' && sent.length > 0) sent[sent.length >> 1]! ^= 1;
  // The host is part of the signature: it stays the proxy's.
  const forwarded = request(`${server}${url}`, { method, headers }, answer => {
    asked.status = answer.statusCode!;
    if (fault === 'lost') {
      answer.resume().once('end', () => outgoing.destroy());
      return;
    }
    outgoing.writeHead(answer.statusCode!, answer.headers);
    if (typeof fault === 'object') return short(answer, outgoing, fault);
    answer.pipe(outgoing);
  });
  forwarded.on('error', () => outgoing.destroy());
  outgoing.once('close', () => forwarded.destroy());
  forwarded.end(sent);
}

function short(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  fault: { cutAfter: number } | { stallAfter: number },
): void {
  const cut = 'cutAfter' in fault;
  let left = cut ? fault.cutAfter : fault.stallAfter;
  answer.on('data', (piece: Buffer) => {
    if (left <= 0) return;
    const part = piece.subarray(0, left);
    left -= part.length;
    outgoing.write(part, () => {
      if (left <= 0 && cut) outgoing.destroy();
    });
  });
}
