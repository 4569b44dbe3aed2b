import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** What happens to a call: it is handed on; its answer is lost on the way back; or it is refused in SQS's stead. */
export type Fate = 'passes' | 'loses its answer' | { status: number; code: string };

export interface Proxy {
  url: string;
  /** The fates of the calls so far. */
  fates: Fate[];
  close(): Promise<void>;
}

/** A way to a server on which calls have the fates that `fateOf` gives them by their number, from 0. */
export async function startProxy(target: string, fateOf: (call: number) => Fate): Promise<Proxy> {
  const fates: Fate[] = [];
  const server = createServer(async (incoming, response) => {
    const fate = fateOf(fates.length);
    fates.push(fate);
    const body = await buffer(incoming);
    if (typeof fate === 'object') {
      response.writeHead(fate.status, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(JSON.stringify({ __type: `com.amazonaws.sqs#${fate.code}`, message: fate.code }));
      return;
    }
    await handOn(target, incoming, body, fate === 'passes' ? response : undefined);
    if (fate === 'loses its answer') response.destroy();
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fates,
    async close() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

function handOn(target: string, { method, url, headers }: IncomingMessage, body: Buffer, back?: ServerResponse) {
  return new Promise<void>((resolve, reject) => {
    const onward = request(new URL(url!, target), { method, headers }, answer => {
      answer.on('end', resolve).on('error', reject);
      if (back) {
        back.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(back);
      } else answer.resume();
    });
    onward.on('error', reject).end(body);
  });
}
