import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { type AddressRules, checkHost, guardedLookup } from './address.ts';
import { foreignText, NetworkError, networkError } from './errors.ts';
import { type ProxySettings, proxyUrl } from './proxy-url.ts';

/** How a host is reached. */
export interface Route {
  proxy?: ProxySettings | undefined;
  /** What may not be connected to: the host, or, where there is a proxy, that; what it connects to is the proxy's to judge. */
  rules?: AddressRules | undefined;
  /** Ends the attempt; an open socket is the caller's to end. */
  signal?: AbortSignal | undefined;
}

/** How long a proxy may take to connect. */
const patienceMs = 60_000;

/**
 * Opens a TCP connection, through the proxy if there is one: SOCKS5, or the CONNECT of an HTTP proxy. Throws NetworkError
 * (Unreachable, AddressRefused, ProxyFailed, …), or what the signal was aborted with.
 */
export async function openSocket(host: string, port: number, route: Route = {}): Promise<net.Socket> {
  const { proxy, rules = {}, signal } = route;
  const where = `${net.isIPv6(host) ? `[${host}]` : host}:${port}`;
  try {
    signal?.throwIfAborted();
    if (!proxy) return await direct(host, port, rules, signal);
    const url = proxyUrl(proxy);
    checkHost(url.hostname, rules);
    const through = url.protocol === 'socks5:' ? socks : tunnel;
    return await through(url, { host, port, where }, rules, signal);
  } catch (error) {
    throw networkError(error, where, signal);
  }
}

function direct(host: string, port: number, rules: AddressRules, signal?: AbortSignal): Promise<net.Socket> {
  checkHost(host, rules);
  const socket = net.connect({ host, port, lookup: guardedLookup(rules) });
  return new Promise((resolve, reject) => {
    const aborted = () => socket.destroy(new Error('aborted'));
    const settle = () => {
      signal?.removeEventListener('abort', aborted);
      socket.removeAllListeners();
    };
    signal?.addEventListener('abort', aborted);
    socket.once('connect', () => {
      settle();
      resolve(socket);
    });
    socket.once('error', error => {
      settle();
      // A second error of the same attempt has nobody else to hear it.
      socket.on('error', () => undefined);
      reject(error);
    });
  });
}

interface Target {
  host: string;
  port: number;
  where: string;
}

/** The proxy resolves the name, as with Go's client: it may mean something only where the proxy stands. */
async function socks(url: URL, target: Target, rules: AddressRules, signal?: AbortSignal): Promise<net.Socket> {
  const { SocksProxyAgent } = await import('socks-proxy-agent');
  const address = new URL(url.href.replace(/^socks5:/, 'socks5h:'));
  // The proxy's own name may lead to a refused address as any other.
  const agent = new SocksProxyAgent(address, { socketOptions: { lookup: guardedLookup(rules) }, timeout: patienceMs });
  // The connection alone is wanted; the request that the agent tells of it is never sent.
  const request = Object.assign(new http.OutgoingMessage(), { host: target.host }) as unknown as http.ClientRequest;
  const opening = agent.connect(request, { host: target.host, port: target.port, secureEndpoint: false } as never);
  try {
    const socket = await orAborted(opening, signal);
    socket.setTimeout(0);
    return socket;
  } catch (error) {
    void opening.then(
      socket => socket.destroy(),
      () => undefined,
    );
    if (signal?.aborted || error instanceof NetworkError) throw error;
    throw proxyFailed(url, target, error instanceof Error ? error.message : String(error), error);
  }
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason);
    signal.addEventListener('abort', aborted, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}

function tunnel(url: URL, target: Target, rules: AddressRules, signal?: AbortSignal): Promise<net.Socket> {
  const { username, password } = url;
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const request = (url.protocol === 'https:' ? https : http).request({
    method: 'CONNECT',
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port || (url.protocol === 'https:' ? 443 : 80),
    path: target.where,
    agent: false,
    lookup: guardedLookup(rules),
    timeout: patienceMs,
    ...(signal ? { signal } : {}),
    headers: {
      host: target.where,
      ...(username || password ? { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` } : {}),
    },
  });
  return new Promise((resolve, reject) => {
    const refused = (answer: http.IncomingMessage) => {
      request.destroy();
      reject(
        proxyFailed(url, target, `it answered ${answer.statusCode} ${foreignText(answer.statusMessage ?? '', 80)}`),
      );
    };
    request.on('connect', (answer, socket, head) => {
      if (answer.statusCode !== 200) {
        socket.destroy();
        return refused(answer);
      }
      socket.removeAllListeners('timeout');
      socket.setTimeout(0);
      if (head.length > 0) socket.unshift(head);
      resolve(socket as net.Socket);
    });
    request.on('response', refused);
    request.on('timeout', () => request.destroy(new Error(`the proxy ${url.host} does not answer`)));
    request.on('error', reject);
    request.end();
  });
}

function proxyFailed(proxy: URL, target: Target, why: string, cause?: unknown): NetworkError {
  const advice = 'check the address, username and password in the Secret of spec.proxySecretRef';
  return new NetworkError(
    'ProxyFailed',
    `the proxy ${proxy.protocol}//${proxy.host} does not connect to ${target.where}: ${why.trim()}; ${advice}`,
    { cause },
  );
}
