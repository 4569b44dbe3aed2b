import { X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import { NetworkError } from './errors.ts';

/** Whom to trust, and how to prove who we are. PEM texts. */
export interface TlsMaterial {
  /** Trusted beside the well-known authorities. */
  ca?: string | Buffer | undefined;
  clientCert?: string | Buffer | undefined;
  clientKey?: string | Buffer | undefined;
  /** True: the server's certificate is not checked (an OCIRepository's `insecure` over https). */
  insecureSkipVerify?: boolean | undefined;
}

/**
 * The context of TLS connections; undefined when the defaults do. Throws NetworkError InvalidCredentials for PEM that
 * cannot be used, or a certificate without its key.
 */
export function secureContext(material: TlsMaterial): tls.SecureContext | undefined {
  const { ca, clientCert, clientKey } = material;
  if (!ca?.length && !clientCert?.length && !clientKey?.length) return undefined;
  if (!clientCert?.length !== !clientKey?.length)
    throw new NetworkError('InvalidCredentials', 'a client certificate needs its key: give both tls.crt and tls.key');
  try {
    return tls.createSecureContext({
      ...(ca?.length ? { ca: [...tls.getCACertificates('default'), ...certificatesOf(ca.toString())] } : {}),
      ...(clientCert?.length ? { cert: clientCert.toString(), key: clientKey?.toString() } : {}),
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new NetworkError('InvalidCredentials', `the TLS certificates cannot be used: ${reason}`, { cause });
  }
}

/** The certificates of a bundle. Node passes over what it cannot read, which would show as a server that is not trusted. */
function certificatesOf(bundle: string): string[] {
  const found = bundle.match(/-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----[^-]*-----END \1-----/g) ?? [];
  if (found.length === 0) throw new Error('ca.crt holds no PEM certificate');
  return found.map(pem => new X509Certificate(pem).toString());
}
