import type { TlsMaterial } from '../network/http.ts';
import { GitError } from './errors.ts';

/** How to prove who we are, and whom to trust. */
export interface GitAuth extends Pick<TlsMaterial, 'ca' | 'clientCert' | 'clientKey'> {
  username?: string;
  password?: string;
  bearerToken?: string;
  /** For ssh addresses, which need it; the rest is for http and https. */
  ssh?: SshAuth;
}

export interface SshAuth {
  /** Private key: OpenSSH's form, or PEM. */
  identity: string;
  /** Of the private key. */
  passphrase?: string | undefined;
  /** Keys of servers, in the form of OpenSSH's known_hosts file. */
  knownHosts: string;
}

/** The Authorization header; undefined without credentials. Those of the URL fill what the Secret leaves out. */
export function authorization(auth: GitAuth, url: URL): string | undefined {
  const username = auth.username || decodeURIComponent(url.username);
  const password = auth.password || decodeURIComponent(url.password);
  if (auth.bearerToken && (username || password))
    throw new GitError(
      'InvalidCredentials',
      'a bearer token and a username or password cannot be used together: remove one from the Secret or the URL',
    );
  if (auth.bearerToken) {
    if (/[^\x21-\x7e]/.test(auth.bearerToken))
      throw new GitError('InvalidCredentials', 'the bearer token holds characters that no header may (a line break?)');
    return `Bearer ${auth.bearerToken}`;
  }
  if (!username && !password) return undefined;
  if (!username) throw new GitError('InvalidCredentials', 'the Secret has a password but no username');
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
