/** What the sandbox's tests share: a cluster of their own, and requests to it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type Sandbox, startSandbox } from '../server.ts';

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server answers
  body: any;
  headers: Record<string, string | string[] | undefined>;
}

export interface CallOptions {
  body?: unknown;
  type?: string;
  accept?: string;
  headers?: Record<string, string>;
  /** Another bearer token; '' for none. */
  token?: string;
}

/** A client for one kubeconfig. */
export class Client {
  readonly #agent: Agent;
  readonly #url: string;
  readonly #token: string;

  constructor(kubeconfig: string) {
    const { clusters, users } = parse(kubeconfig) as {
      clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
      users: { user: { token: string } }[];
    };
    const { cluster } = clusters[0]!;
    this.#url = cluster.server;
    this.#token = users[0]!.user.token;
    this.#agent = new Agent({ keepAlive: true, ca: Buffer.from(cluster['certificate-authority-data'], 'base64') });
  }

  #headers(options: CallOptions): Record<string, string> {
    const token = options.token ?? this.#token;
    return {
      accept: options.accept ?? 'application/json',
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(options.body === undefined ? {} : { 'content-type': options.type ?? 'application/json' }),
      ...options.headers,
    };
  }

  call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const { body } = options;
    const bytes = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    // Node sends no length of its own accord with DELETE.
    const length = bytes === undefined ? {} : { 'content-length': String(Buffer.byteLength(bytes)) };
    const headers = { ...this.#headers(options), ...length };
    return new Promise((resolve, reject) => {
      const outgoing = request(this.#url + path, { method, agent: this.#agent, headers });
      outgoing.on('error', reject);
      outgoing.on('response', response => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', chunk => {
          text += chunk;
        });
        response.on('end', () => {
          const json = (response.headers['content-type'] ?? '').includes('json');
          resolve({ status: response.statusCode!, body: json ? JSON.parse(text) : text, headers: response.headers });
        });
      });
      outgoing.end(bytes);
    });
  }

  /** A watch's events as they come, until `close`. */
  watch(
    path: string,
    accept?: string,
  ): { events: { type: string; object: Answer['body'] }[]; ended: Promise<void>; close(): void } {
    const events: { type: string; object: Answer['body'] }[] = [];
    const outgoing = request(this.#url + path, {
      agent: this.#agent,
      headers: this.#headers(accept ? { accept } : {}),
    });
    const ended = new Promise<void>(resolve => {
      outgoing.on('error', () => resolve());
      outgoing.on('response', response => {
        let rest = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          const lines = (rest + chunk).split('\n');
          rest = lines.pop()!;
          for (const line of lines) events.push(JSON.parse(line));
        });
        response.on('error', () => resolve());
        response.on('end', () => resolve());
      });
    });
    outgoing.end();
    return { events, ended, close: () => outgoing.destroy() };
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** A cluster that is gone with the test. */
export async function testCluster(
  test: { after(done: () => Promise<void>): void },
  options: { simulate?: boolean } = {},
): Promise<{ sandbox: Sandbox; client: Client; dir: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-sandbox-'));
  const sandbox = await startSandbox({ dir, ...options });
  const client = new Client(sandbox.kubeconfig);
  test.after(async () => {
    client.close();
    await sandbox.close();
    rmSync(dir, { recursive: true, force: true });
  });
  return { sandbox, client, dir };
}

export function configMap(
  name: string,
  data: Record<string, string> = {},
  labels: Record<string, string> = {},
): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data };
}

/** Makes a namespace; its path. */
export async function newNamespace(client: Client, name: string): Promise<string> {
  const answer = await client.call('POST', '/api/v1/namespaces', { body: { metadata: { name } } });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return `/api/v1/namespaces/${name}`;
}

/** Asks until the answer pleases; fails after a minute, telling the last answer. */
export async function eventually<T>(ask: () => Promise<T> | T, pleases: (answer: T) => boolean): Promise<T> {
  const end = Date.now() + 60_000;
  for (;;) {
    const answer = await ask();
    if (pleases(answer)) return answer;
    if (Date.now() > end) throw new Error(`not within a minute; last: ${JSON.stringify(answer)}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}
