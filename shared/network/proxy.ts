import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { type AddressRules, checkHost, guardedLookup } from './address.ts';
import { type ProxySettings, proxyUrl } from './proxy-url.ts';
import { openSocket } from './socket.ts';
import { secureContext, type TlsMaterial } from './tls.ts';

export type { ProxySettings } from './proxy-url.ts';

/**
 * Connections are kept for the next reconcile of a warm process. Idle sockets do not keep a process alive; servers close
 * them when they like, which is why a request that met a closed one is sent again.
 */
const agentOptions = { keepAlive: true, keepAliveMsecs: 30_000, maxSockets: 64, timeout: 60_000 };

/** The agents of one access: what requests without TLS, and with it, go through. */
export interface Agents {
  http: http.Agent;
  https: https.Agent;
  /** Ends the connections that are this access's own; those of the process stay. */
  close(): void;
}

const shared: Agents = {
  http: new http.Agent(agentOptions),
  https: new https.Agent(agentOptions),
  close: () => undefined,
};

/**
 * Agents with these certificates and this proxy; those of the process when there is neither. Throws NetworkError
 * InvalidCredentials, or AddressRefused for a proxy that may not be connected to.
 */
export function agentsFor(tls: TlsMaterial, proxy: ProxySettings | undefined, rules: AddressRules): Agents {
  const context = secureContext(tls);
  if (!context && !proxy && !tls.insecureSkipVerify) return shared;
  const secure = {
    ...agentOptions,
    ...(context ? { secureContext: context } : {}),
    ...(tls.insecureSkipVerify ? { rejectUnauthorized: false } : {}),
  };
  const made = proxy ? proxied(proxy, secure, rules) : { http: shared.http, https: new https.Agent(secure) };
  const close = () => {
    if (made.http !== shared.http) made.http.destroy();
    made.https.destroy();
  };
  return { ...made, close };
}

function proxied(
  proxy: ProxySettings,
  secure: https.AgentOptions,
  rules: AddressRules,
): { http: http.Agent; https: https.Agent } {
  const url = proxyUrl(proxy);
  checkHost(url.hostname, rules);
  if (url.protocol === 'socks5:')
    return { http: new SocksAgent(agentOptions, proxy, rules), https: new SecureSocksAgent(secure, proxy, rules) };
  const proxyEnv = { HTTP_PROXY: url.href, HTTPS_PROXY: url.href };
  // The agent looks up the proxy alone; what it is asked to connect to is the proxy's to resolve.
  const lookup = guardedLookup(rules);
  return {
    http: new http.Agent({ ...agentOptions, lookup, proxyEnv } as http.AgentOptions),
    https: new https.Agent({ ...secure, lookup, proxyEnv } as https.AgentOptions),
  };
}

type Connected = (error: Error | null, socket: Duplex) => void;

/** Connections through a SOCKS5 proxy. */
class SocksAgent extends http.Agent {
  readonly #proxy: ProxySettings;
  readonly #rules: AddressRules;

  constructor(options: http.AgentOptions, proxy: ProxySettings, rules: AddressRules) {
    super(options);
    this.#proxy = proxy;
    this.#rules = rules;
  }

  override createConnection(options: http.ClientRequestArgs, connected: Connected): undefined {
    connectThrough(this.#proxy, this.#rules, options, connected, socket => socket);
  }
}

/** The same, with TLS inside. */
class SecureSocksAgent extends https.Agent {
  readonly #proxy: ProxySettings;
  readonly #rules: AddressRules;

  constructor(options: https.AgentOptions, proxy: ProxySettings, rules: AddressRules) {
    super(options);
    this.#proxy = proxy;
    this.#rules = rules;
  }

  override createConnection(options: https.RequestOptions, connected: Connected): undefined {
    const secure = (socket: Duplex) => super.createConnection({ ...options, socket } as https.RequestOptions);
    connectThrough(this.#proxy, this.#rules, options, connected, secure);
  }
}

function connectThrough(
  proxy: ProxySettings,
  rules: AddressRules,
  options: http.ClientRequestArgs,
  connected: Connected,
  wrap: (socket: Duplex) => Duplex | null | undefined,
): void {
  const host = (options.host ?? '').replace(/^\[|\]$/g, '');
  openSocket(host, Number(options.port), { proxy, rules, signal: options.signal })
    .then(socket => connected(null, wrap(socket) ?? socket))
    .catch((error: Error) => connected(error, undefined as unknown as Duplex));
}
