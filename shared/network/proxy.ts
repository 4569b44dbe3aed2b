import http from 'node:http';
import https from 'node:https';
import { SocksProxyAgent } from 'socks-proxy-agent';
import { type AddressRules, checkHost, guardedLookup } from './address.ts';
import { NetworkError } from './errors.ts';
import { secureContext, type TlsMaterial } from './tls.ts';

/** A proxy, as the Secret of spec.proxySecretRef names it. */
export interface ProxySettings {
  /** http://, https:// or socks5://host[:port], without credentials. */
  address: string;
  username?: string | undefined;
  password?: string | undefined;
}

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

/** As Flux's limit on the length of a proxy's address. */
const maxAddress = 2048;

/** The proxy's address as a URL with its credentials. Throws NetworkError InvalidCredentials. */
export function proxyUrl({ address, username, password }: ProxySettings): URL {
  const url = address.length > maxAddress ? null : URL.parse(address);
  if (!url?.hostname || !['http:', 'https:', 'socks5:'].includes(url.protocol))
    throw new NetworkError(
      'InvalidCredentials',
      "the proxy's address must be http://, https:// or socks5://host[:port]; correct `address` in the Secret of spec.proxySecretRef",
    );
  if (username) url.username = encodeURIComponent(username);
  if (password) url.password = encodeURIComponent(password);
  return url;
}

function proxied(
  proxy: ProxySettings,
  secure: https.AgentOptions,
  rules: AddressRules,
): { http: http.Agent; https: https.Agent } {
  const url = proxyUrl(proxy);
  checkHost(url.hostname, rules);
  if (url.protocol === 'socks5:') {
    // The proxy resolves the names, as with Go's client: they may mean something only where it stands.
    const socks = new URL(url.href.replace(/^socks5:/, 'socks5h:'));
    const agent = new SocksProxyAgent(socks, secure);
    return { http: agent, https: agent as unknown as https.Agent };
  }
  const proxyEnv = { HTTP_PROXY: url.href, HTTPS_PROXY: url.href };
  // The agent looks up the proxy alone; what it is asked to connect to is the proxy's to resolve.
  const lookup = guardedLookup(rules);
  return {
    http: new http.Agent({ ...agentOptions, lookup, proxyEnv } as http.AgentOptions),
    https: new https.Agent({ ...secure, lookup, proxyEnv } as https.AgentOptions),
  };
}
