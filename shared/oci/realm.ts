import net from 'node:net';
import { foreignText, NetworkError } from '../network/errors.ts';
import { type HttpAnswer, type HttpClient, type HttpRequest, shown } from '../network/http.ts';
import { OciError, ociError } from './errors.ts';

/** The registry that names a token server. */
export interface RealmOwner {
  /** Host and port. */
  host: string;
  /** Whether it was reached by plain http. */
  plain: boolean;
}

const nets = new net.BlockList();
for (const [address, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['224.0.0.0', 4],
] as const)
  nets.addSubnet(address, prefix, 'ipv4');
for (const [address, prefix] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  nets.addSubnet(address, prefix, 'ipv6');

/**
 * The token server that a registry names, checked: credentials go there. https, unless the registry itself was reached by
 * plain http; and no private address by its number, unless it is the registry's own, so that a registry cannot have us ask
 * around in our own network. (Names are checked when they are resolved, as those of all servers.) Throws OciError.
 */
export function checkRealm(realm: string, owner: RealmOwner): URL {
  const url = URL.parse(realm);
  const refuse = (why: string) =>
    new OciError(
      'AuthenticationFailed',
      `the registry ${owner.host} names ${foreignText(realm.split('?')[0] ?? '', 100)} as its token server: ${why}`,
    );
  if (!url?.hostname) throw refuse('that is no address');
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && owner.plain))
    throw refuse('credentials are sent by https only, unless the registry itself is reached by plain http');
  if (url.username || url.password) throw refuse('it holds credentials');
  const address = url.hostname.replace(/^\[|\]$/g, '');
  const family = net.isIP(address);
  if (url.host !== owner.host && family !== 0 && nets.check(address, family === 4 ? 'ipv4' : 'ipv6'))
    throw refuse('that is a private address, which a registry may not send others to');
  url.hash = '';
  return url;
}

const maxRedirects = 5;

/** Asks a token server. Every redirect is checked as the server itself; credentials stay with its host. Throws OciError. */
export async function askRealm(
  http: HttpClient,
  request: Omit<HttpRequest, 'url' | 'redirects'>,
  realm: URL,
  owner: RealmOwner,
): Promise<Omit<HttpAnswer, 'body'> & { body: Buffer }> {
  let url = realm;
  let { headers = {} } = request;
  for (let hop = 0; ; hop++) {
    const answer = await http.read({ ...request, headers, url, redirects: 0 }, maxToken).catch(error => {
      throw ociError(error);
    });
    const { location } = answer.headers;
    const redirects = answer.status >= 300 && answer.status < 400 && request.method !== 'POST';
    if (!redirects || location === undefined) return answer;
    if (hop === maxRedirects)
      throw ociError(new NetworkError('RedirectRefused', `${shown(realm)} redirects more than ${maxRedirects} times`));
    const next = checkRealm(URL.parse(location, url.href)?.href ?? '', owner);
    if (next.origin !== url.origin) headers = {};
    url = next;
  }
}

/** Tokens of registries are a few kilobytes. */
const maxToken = 1024 * 1024;
