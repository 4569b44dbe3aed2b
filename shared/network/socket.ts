import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { type AddressRules, checkHost, guardedLookup } from './address.ts';
import { foreignText, NetworkError, networkError } from './errors.ts';
import { type ProxySettings, proxyLogin, proxyUrl } from './proxy-url.ts';
import { askSocks } from './socks.ts';
import { secureContext, type TlsMaterial } from './tls.ts';

/** How a host is reached. */
export interface Route {
  proxy?: ProxySettings | undefined;
  /** Whom to trust where the proxy itself speaks TLS. */
  tls?: Pick<TlsMaterial, 'ca' | 'insecureSkipVerify'> | undefined;
  /** What may not be connected to: the host, or, where there is a proxy, that; what it connects to is the proxy's to judge. */
  rules?: AddressRules | undefined;
  /** Ends the attempt; an open socket is the caller's to end. */
  signal?: AbortSignal | undefined;
}

interface Target {
  /** A name or an address, without brackets. */
  host: string;
  port: number;
}

/** How long a proxy may take to connect. */
const patienceMs = 60_000;

/**
 * Opens a TCP connection, through the proxy if there is one: SOCKS5, or the CONNECT of an HTTP proxy. Throws NetworkError
 * (Unreachable, AddressRefused, ProxyFailed, …), or what the signal was aborted with.
 */
export async function openSocket(host: string, port: number, route: Route = {}): Promise<net.Socket> {
  const target = { host, port };
  try {
    route.signal?.throwIfAborted();
    return await (route.proxy ? through(route.proxy, target, route) : connected(connectTo(target, route), route));
  } catch (error) {
    throw networkError(error, nameOf(target), route.signal);
  }
}

/** A socket that connects to a host, if that is none of the refused. Throws AddressRefused, also as the socket's error. */
export function connectTo({ host, port }: Target, { rules = {} }: Route): net.Socket {
  checkHost(host, rules);
  return net.connect({ host, port, lookup: guardedLookup(rules) });
}

/** A socket that connects to a proxy, with TLS if that is what it speaks. */
export function connectToProxy(url: URL, route: Route): net.Socket {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const standard = { 'http:': 80, 'https:': 443, 'socks5:': 1080 }[url.protocol] ?? 80;
  const socket = connectTo({ host, port: Number(url.port || standard) }, route);
  if (url.protocol !== 'https:') return socket;
  const context = secureContext({ ca: route.tls?.ca });
  const secure = tls.connect({
    socket,
    ...(net.isIP(host) ? { host } : { servername: host }),
    ...(context ? { secureContext: context } : {}),
    rejectUnauthorized: route.tls?.insecureSkipVerify !== true,
  });
  socket.on('error', error => secure.destroy(error));
  return secure;
}

function nameOf({ host, port }: Target): string {
  return `${net.isIPv6(host) ? `[${host}]` : host}:${port}`;
}

function connected(socket: net.Socket, { signal }: Route): Promise<net.Socket> {
  const event = socket instanceof tls.TLSSocket ? 'secureConnect' : 'connect';
  return settled(socket, signal, done => socket.once(event, done));
}

/** Waits for what `begin` reports, the socket's end, or the signal, which destroy it. Leaves no listener behind. */
async function settled(
  socket: net.Socket,
  signal: AbortSignal | undefined,
  begin: (done: () => void, failed: (error: unknown) => void) => unknown,
): Promise<net.Socket> {
  let aborted = () => {};
  let ended = (_error: Error | boolean) => {};
  try {
    await new Promise<void>((resolve, reject) => {
      aborted = () => reject(signal?.reason);
      ended = error => reject(error instanceof Error ? error : new Error('the connection was closed'));
      signal?.addEventListener('abort', aborted);
      socket.on('error', ended);
      socket.on('close', ended);
      begin(resolve, reject);
    });
    return socket;
  } catch (error) {
    // A second error of the same attempt has nobody else to hear it.
    socket.on('error', () => undefined);
    socket.destroy();
    throw error;
  } finally {
    signal?.removeEventListener('abort', aborted);
    socket.off('error', ended);
    socket.off('close', ended);
  }
}

async function through(proxy: ProxySettings, target: Target, route: Route): Promise<net.Socket> {
  const url = proxyUrl(proxy);
  const socket = await connected(connectToProxy(url, route), route).catch(error => {
    throw networkError(error, `the proxy ${shownProxy(url)}`, route.signal);
  });
  socket.setTimeout(patienceMs, () => socket.destroy(new Error(`it does not answer within ${patienceMs / 1000} s`)));
  const ask = url.protocol === 'socks5:' ? askSocks(socket, target, proxy) : askTunnel(socket, target, proxy);
  try {
    await settled(socket, route.signal, (done, failed) => ask.then(done, failed));
  } catch (error) {
    if (route.signal?.aborted) throw error;
    throw proxyFailed(url, target, error);
  }
  socket.setTimeout(0);
  socket.removeAllListeners('timeout');
  return socket;
}

/** Asks an HTTP proxy for a connection. Throws an Error with what it said. */
function askTunnel(socket: net.Socket, target: Target, proxy: ProxySettings): Promise<void> {
  const where = nameOf(target);
  const login = proxyLogin(proxy);
  const request = http.request({
    method: 'CONNECT',
    path: where,
    createConnection: () => socket,
    headers: { host: where, ...(login ? { 'proxy-authorization': login } : {}) },
  });
  return new Promise((resolve, reject) => {
    const refused = ({ statusCode, statusMessage = '' }: http.IncomingMessage) =>
      reject(new Error(`it answers ${statusCode} ${foreignText(statusMessage, 80)}`.trim()));
    request.on('connect', (answer: http.IncomingMessage, _: unknown, head: Buffer) => {
      if (answer.statusCode !== 200) return refused(answer);
      if (head.length > 0) socket.unshift(head);
      resolve();
    });
    request.on('response', refused);
    request.on('error', reject);
    request.end();
  });
}

function shownProxy(url: URL): string {
  return `${url.protocol}//${url.host}`;
}

function proxyFailed(proxy: URL, target: Target, cause: unknown): NetworkError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const advice = 'check the address, username and password in the Secret of spec.proxySecretRef';
  const message = `the proxy ${shownProxy(proxy)} does not connect to ${nameOf(target)}: ${foreignText(why)}; ${advice}`;
  return new NetworkError('ProxyFailed', message, { cause });
}
