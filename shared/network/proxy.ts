import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { type AddressRules, checkHost, guardedLookup } from './address.ts';
import { type ProxySettings, proxyLogin, proxyUrl } from './proxy-url.ts';
import { connectToProxy, openSocket, type Route } from './socket.ts';
import { secureContext, type TlsMaterial } from './tls.ts';

export type { ProxySettings } from './proxy-url.ts';

/**
 * Connections are kept for the next reconcile of a warm process. Idle sockets do not keep a process alive; servers close
 * them when they like, which is why a request that met a closed one is sent again.
 */
const agentOptions = { keepAlive: true, keepAliveMsecs: 30_000, maxSockets: 64, timeout: 60_000 };

/** How requests of one access are sent. */
export interface Agents {
  /** Starts a request; its address rules, agent and, where there is one, proxy are taken care of. */
  request(
    url: URL,
    options: https.RequestOptions,
    answered: (answer: http.IncomingMessage) => void,
  ): http.ClientRequest;
  /** Ends the connections that are this access's own; those of the process stay. */
  close(): void;
}

interface Pair {
  http: http.Agent;
  https: https.Agent;
}

const shared: Pair = { http: new http.Agent(agentOptions), https: new https.Agent(agentOptions) };

/**
 * Agents with these certificates and this proxy; those of the process when there is neither. Throws NetworkError
 * InvalidCredentials, or AddressRefused for a proxy that may not be connected to.
 */
export function agentsFor(tls: TlsMaterial, proxy: ProxySettings | undefined, rules: AddressRules): Agents {
  const context = secureContext(tls);
  const secure = {
    ...agentOptions,
    ...(context ? { secureContext: context } : {}),
    ...(tls.insecureSkipVerify ? { rejectUnauthorized: false } : {}),
  };
  if (proxy) return proxied(secure, { proxy, rules, tls });
  const own = context || tls.insecureSkipVerify ? new https.Agent(secure) : undefined;
  return {
    request(url, options, answered) {
      checkHost(url.hostname, rules);
      const pair = { http: shared.http, https: own ?? shared.https };
      return start(url, { ...options, lookup: guardedLookup(rules) }, pair, answered);
    },
    close: () => own?.destroy(),
  };
}

function start(
  url: URL,
  options: https.RequestOptions,
  agents: Pair,
  answered: (answer: http.IncomingMessage) => void,
): http.ClientRequest {
  if (url.protocol === 'https:') return https.request(url, { ...options, agent: agents.https }, answered);
  return http.request(url, { ...options, agent: agents.http }, answered);
}

/** Of an HTTP proxy pages without TLS are asked by their whole address; for all else it gives a connection. */
function proxied(secure: https.AgentOptions, route: Route & { proxy: ProxySettings }): Agents {
  const { proxy, rules } = route;
  const address = proxyUrl(proxy);
  checkHost(address.hostname, rules);
  const forwards = address.protocol !== 'socks5:';
  const pair = {
    http: forwards ? new ForwardAgent(agentOptions, route) : new ThroughAgent(agentOptions, route),
    https: new SecureThroughAgent(secure, route),
  };
  const login = proxyLogin(proxy);
  return {
    request(url, options, answered) {
      if (!forwards || url.protocol === 'https:') return start(url, options, pair, answered);
      const path = `http://${url.host}${url.pathname}${url.search}`;
      const headers = { ...options.headers, ...(login ? { 'proxy-authorization': login } : {}) };
      return start(url, { ...options, path, headers } as https.RequestOptions, pair, answered);
    },
    close() {
      pair.http.destroy();
      pair.https.destroy();
    },
  };
}

type Connected = (error: Error | null, socket: Duplex) => void;

/** Connections to the proxy itself. */
class ForwardAgent extends http.Agent {
  readonly #route: Route & { proxy: ProxySettings };

  constructor(options: http.AgentOptions, route: Route & { proxy: ProxySettings }) {
    super(options);
    this.#route = route;
  }

  override createConnection(): Duplex {
    return connectToProxy(proxyUrl(this.#route.proxy), this.#route);
  }
}

/** Connections through the proxy. */
class ThroughAgent extends http.Agent {
  readonly #route: Route;

  constructor(options: http.AgentOptions, route: Route) {
    super(options);
    this.#route = route;
  }

  override createConnection(options: http.ClientRequestArgs, connected: Connected): undefined {
    connectThrough(this.#route, options, connected, socket => socket);
  }
}

/** The same, with TLS inside. */
class SecureThroughAgent extends https.Agent {
  readonly #route: Route;

  constructor(options: https.AgentOptions, route: Route) {
    super(options);
    this.#route = route;
  }

  override createConnection(options: https.RequestOptions, connected: Connected): undefined {
    const secure = (socket: Duplex) => super.createConnection({ ...options, socket } as https.RequestOptions);
    connectThrough(this.#route, options, connected, secure);
  }
}

function connectThrough(
  route: Route,
  { host, port, signal }: http.ClientRequestArgs,
  connected: Connected,
  wrap: (socket: Duplex) => Duplex | null | undefined,
): void {
  openSocket((host ?? '').replace(/^\[|\]$/g, ''), Number(port), { ...route, signal })
    .then(socket => connected(null, wrap(socket) ?? socket))
    .catch((error: Error) => connected(error, undefined as unknown as Duplex));
}
