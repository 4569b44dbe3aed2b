import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** One request of the SDK to DynamoDB, as it went by. */
export interface Call {
  /** `GetItem`, `Query`, … */
  operation: string;
  // biome-ignore lint/suspicious/noExplicitAny: the body of any operation
  body: any;
  /** Capacity units that DynamoDB counted for it. */
  units: number;
}

/**
 * What becomes of a call: `pass`; `lose`: it is done, and its answer lost; `hold`: neither done nor answered; an error
 * of DynamoDB in its place; or a change to the body that it goes on with, and to the answer that comes back.
 */
export type Fate =
  | 'pass'
  | 'lose'
  | 'hold'
  | { error: string; message: string; more?: object }
  // biome-ignore lint/suspicious/noExplicitAny: the body of any operation
  | { body?: any; answer?(answer: any): any };

/** Stands on loopback before DynamoDB: counts what goes by, and lets happen what cannot be made to happen there. */
export class DynamoProxy {
  readonly calls: Call[] = [];
  /** Is waited for, so that something else may happen before the call does. */
  fate: (call: Call, number: number) => Fate | Promise<Fate> = () => 'pass';
  readonly #server: Server;
  readonly #behind: URL;

  private constructor(behind: string) {
    this.#behind = new URL(behind);
    this.#server = createServer((req, res) => this.#handle(req, res).catch(error => res.destroy(error)));
  }

  static async start(behind: string): Promise<DynamoProxy> {
    const proxy = new DynamoProxy(behind);
    await new Promise<void>(resolve => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What was called while `act` ran, with the answer of `act`. */
  async during<T>(act: () => Promise<T>): Promise<{ answer: T; calls: Call[]; operations: string[]; units: number }> {
    const from = this.calls.length;
    const answer = await act();
    const calls = this.calls.slice(from);
    const units = calls.reduce((sum, call) => sum + call.units, 0);
    return { answer, calls, operations: calls.map(({ operation }) => operation), units };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise(resolve => this.#server.close(resolve));
  }

  async #handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const operation = String(req.headers['x-amz-target']).split('.')[1] ?? '';
    const call: Call = { operation, body: JSON.parse((await buffer(req)).toString()), units: 0 };
    const fate = await this.fate(call, this.calls.push(call));
    if (fate === 'hold') return;
    if (typeof fate === 'object' && 'error' in fate) return answerError(res, fate);
    const changed = typeof fate === 'object' ? fate : {};
    const answer = await this.#forward(req, { ...(changed.body ?? call.body), ReturnConsumedCapacity: 'TOTAL' });
    const json = JSON.parse(answer.text || '{}');
    for (const used of [json.ConsumedCapacity ?? []].flat()) call.units += used.CapacityUnits;
    if (fate === 'lose') {
      res.destroy();
      return;
    }
    res.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' });
    res.end(changed.answer ? JSON.stringify(changed.answer(json)) : answer.text);
  }

  #forward(req: IncomingMessage, body: object): Promise<{ status: number; text: string }> {
    const bytes = Buffer.from(JSON.stringify(body));
    const headers = { ...req.headers, host: this.#behind.host, 'content-length': String(bytes.length) };
    return new Promise((resolve, reject) => {
      const out = request(this.#behind, { method: 'POST', path: req.url, headers }, async res => {
        try {
          resolve({ status: res.statusCode ?? 0, text: (await buffer(res)).toString() });
        } catch (error) {
          reject(error);
        }
      });
      out.on('error', reject).end(bytes);
    });
  }
}

function answerError(res: ServerResponse, { error, message, more }: { error: string; message: string; more?: object }) {
  res.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
  res.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${error}`, message, Message: message, ...more }));
}
