import { NetworkError } from './errors.ts';

/** A proxy, as the Secret of spec.proxySecretRef names it. */
export interface ProxySettings {
  /** http://, https:// or socks5://host[:port], without credentials. */
  address: string;
  username?: string | undefined;
  password?: string | undefined;
}

/** As Flux's limit on the length of a proxy's address. */
const maxAddress = 2048;

/** The proxy's address as a URL, without credentials. Throws NetworkError InvalidCredentials. */
export function proxyUrl({ address }: ProxySettings): URL {
  const url = address.length > maxAddress ? null : URL.parse(address);
  if (!url?.hostname || !['http:', 'https:', 'socks5:'].includes(url.protocol))
    throw new NetworkError(
      'InvalidCredentials',
      "the proxy's address must be http://, https:// or socks5://host[:port]; correct `address` in the Secret of spec.proxySecretRef",
    );
  url.username = '';
  url.password = '';
  return url;
}

/** The value of the header Proxy-Authorization; undefined without a login. */
export function proxyLogin({ username = '', password = '' }: ProxySettings): string | undefined {
  if (!username && !password) return undefined;
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
