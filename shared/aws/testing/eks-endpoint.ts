/** The endpoint of an EKS cluster: it lets in who has an access entry, and hands on what they ask to an API server. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request as send } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { LoopbackAws } from './loopback-aws.ts';
import { checkToken } from './token-check.ts';

export interface EndpointOptions {
  aws: LoopbackAws;
  clusterName: string;
  region: string;
  tls: { key: string; cert: string };
  /** Who really answers, and the token of its administrator. */
  behind: { server: string; ca: string; token: string };
}

export class EksEndpoint {
  /** The tokens that came, and why they were refused, if they were. */
  readonly tokens: { token: string; refused?: string }[] = [];
  /** So many requests are still answered as if an entry were not there. */
  unseen = 0;
  readonly #options: EndpointOptions;
  readonly #agent: Agent;
  readonly #server;

  private constructor(options: EndpointOptions) {
    this.#options = options;
    this.#agent = new Agent({ ca: options.behind.ca, keepAlive: true });
    this.#server = createServer(options.tls, (request, response) => this.#answer(request, response));
  }

  static async start(options: EndpointOptions): Promise<EksEndpoint> {
    const endpoint = new EksEndpoint(options);
    await new Promise<void>(resolve => endpoint.#server.listen(0, '127.0.0.1', resolve));
    return endpoint;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    await new Promise(resolve => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
    try {
      const policies = this.#admit(token);
      this.tokens.push({ token });
      this.#forward(request, response, policies);
    } catch (error) {
      this.tokens.push({ token, refused: (error as Error).message });
      const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'Unauthorized' };
      response.writeHead(401, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ ...status, reason: 'Unauthorized', code: 401 }));
      request.resume();
    }
  }

  #admit(token: string): string[] {
    const { aws, clusterName, region } = this.#options;
    const keys = checkToken(token, {
      clusterName,
      region,
      host: `sts.${region}.amazonaws.com`,
      now: aws.now(),
      keysOf: id => aws.keysOf(id),
    });
    const principal = aws.principalOf(keys);
    const policies = aws.entries.get(principal);
    if (!policies) throw new Error(`${principal} has no access entry`);
    if (this.unseen-- > 0) throw new Error('the entry is not seen yet');
    return policies;
  }

  #forward(request: IncomingMessage, response: ServerResponse, policies: string[]): void {
    const { server, token } = this.#options.behind;
    const headers = { ...request.headers, authorization: `Bearer ${token}` };
    // Without a policy it is someone who may do nothing.
    const user = policies.length === 0 ? { 'impersonate-user': 'someone' } : {};
    const forwarded = send(
      `${server}${request.url}`,
      { method: request.method, agent: this.#agent, headers: { ...headers, ...user } },
      answer => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    forwarded.on('error', () => response.destroy());
    request.pipe(forwarded);
  }
}
