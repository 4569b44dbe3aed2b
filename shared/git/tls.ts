import { X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import { GitError } from './errors.ts';

/** How to prove who we are, and whom to trust. PEM texts. */
export interface GitAuth {
  username?: string;
  password?: string;
  bearerToken?: string;
  /** Trusted beside the well-known authorities. */
  ca?: string | Buffer | undefined;
  clientCert?: string | Buffer;
  clientKey?: string | Buffer;
}

/** The TLS side of the credentials; undefined when the defaults do. */
export function secureContext(auth: GitAuth): tls.SecureContext | undefined {
  const { ca, clientCert, clientKey } = auth;
  if (!ca?.length && !clientCert?.length && !clientKey?.length) return undefined;
  if (!clientCert?.length !== !clientKey?.length)
    throw new GitError('InvalidCredentials', 'a client certificate needs its key: give both tls.crt and tls.key');
  try {
    return tls.createSecureContext({
      ...(ca?.length ? { ca: [...tls.getCACertificates('default'), ...certificatesOf(ca.toString())] } : {}),
      ...(clientCert?.length ? { cert: clientCert.toString(), key: clientKey?.toString() } : {}),
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GitError('InvalidCredentials', `the TLS certificates cannot be used: ${reason}`, { cause });
  }
}

/** The certificates of a bundle. Node passes over what it cannot read, which would show as a server that is not trusted. */
function certificatesOf(bundle: string): string[] {
  const found = bundle.match(/-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----[^-]*-----END \1-----/g) ?? [];
  if (found.length === 0) throw new Error('ca.crt holds no PEM certificate');
  return found.map(pem => new X509Certificate(pem).toString());
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
