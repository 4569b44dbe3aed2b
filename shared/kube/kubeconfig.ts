import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { type Clock, systemClock } from '../ports/clock.ts';
import type { ClusterAccess, CredentialSource, Credentials } from './access.ts';

export type KubeconfigCode =
  | 'Invalid'
  | 'ContextMissing'
  | 'Unreadable'
  | 'SignInFailed'
  | 'CertificateExpired'
  | 'Unsupported';

/** A kubeconfig that cannot be used, and why. Never carries its contents. */
export class KubeconfigError extends Error {
  readonly code: KubeconfigCode;
  constructor(code: KubeconfigCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KubeconfigError';
    this.code = code;
  }
}

/**
 * Access to the cluster of a context (the current one when none is named), with exec plugins and OIDC. Certificates,
 * keys and tokens may be embedded or files; token files and exec credentials are read again when they run out.
 */
export async function accessFromKubeconfig(
  text: string,
  context?: string,
  clock: Clock = systemClock,
): Promise<ClusterAccess> {
  const config = await load(text, context);
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (!cluster)
    throw new KubeconfigError(
      'ContextMissing',
      `context "${config.getCurrentContext()}" names a cluster that the kubeconfig does not define`,
    );
  if (cluster.proxyUrl)
    throw new KubeconfigError('Unsupported', `cluster "${cluster.name}" sets proxy-url, which is not supported`);
  const ca = cluster.caData
    ? fromBase64(cluster.caData)
    : cluster.caFile
      ? readPem(cluster.caFile, 'certificate-authority')
      : undefined;
  const cert = user?.certData
    ? fromBase64(user.certData)
    : user?.certFile
      ? readPem(user.certFile, 'client-certificate')
      : undefined;
  const key = user?.keyData
    ? fromBase64(user.keyData)
    : user?.keyFile
      ? readPem(user.keyFile, 'client-key')
      : undefined;
  if (cert) checkValidity(cert, user?.name ?? '', clock);
  if (user?.impersonateUser)
    throw new KubeconfigError(
      'Unsupported',
      `user "${user.name}" of the kubeconfig impersonates another (field "as"), which is not supported`,
    );
  const asked = user?.exec || user?.authProvider;
  return {
    server: cluster.server,
    ...(ca ? { ca } : {}),
    ...(cluster.skipTLSVerify ? { insecure: true } : {}),
    ...(cluster.tlsServerName ? { tlsServerName: cluster.tlsServerName } : {}),
    ...(cert && key ? { cert, key } : {}),
    ...(asked ? { credentials: askedCredentials(text, context, config) } : {}),
    ...(user?.token ? { token: user.token } : {}),
    ...(!user?.token && tokenFileOf(config) ? { tokenSource: fileToken(tokenFileOf(config)!, clock) } : {}),
    ...(user?.username ? { username: user.username, password: user.password ?? '' } : {}),
  };
}

async function load(text: string, context?: string): Promise<KubeConfig> {
  // Evaluating client-node costs about 95 ms: only when a kubeconfig is read.
  const client = await import('@kubernetes/client-node/dist/config.js');
  const config = new client.KubeConfig();
  try {
    config.loadFromString(text);
  } catch (cause) {
    // The parser's message quotes the text, which holds keys.
    throw new KubeconfigError('Invalid', 'the kubeconfig is not valid YAML, or misses clusters, users or contexts', {
      cause: new Error((cause as Error).name),
    });
  }
  const wanted = context ?? config.getCurrentContext();
  const names = config.getContexts().map(each => each.name);
  if (!wanted)
    throw new KubeconfigError(
      'ContextMissing',
      `the kubeconfig has no current-context; name one of: ${names.join(', ') || '(it defines none)'}`,
    );
  if (!names.includes(wanted))
    throw new KubeconfigError(
      'ContextMissing',
      `the kubeconfig has no context "${wanted}"; it has: ${names.join(', ') || '(none)'}`,
    );
  config.setCurrentContext(wanted);
  return config;
}

/** Exec plugins and auth providers, run by client-node, which keeps what they answer until it runs out. */
function askedCredentials(text: string, context: string | undefined, first: KubeConfig): CredentialSource {
  let config = first;
  let pending: Promise<Credentials> | undefined;
  const ask = async (): Promise<Credentials> => {
    const options: { headers?: Record<string, string>; cert?: unknown; key?: unknown } = {};
    try {
      await config.applyToHTTPSOptions(options as never);
    } catch (cause) {
      throw signInError(config, cause);
    }
    const authorization = options.headers?.Authorization ?? options.headers?.authorization;
    return {
      ...(authorization ? { authorization } : {}),
      ...(options.cert && options.key ? { cert: String(options.cert), key: String(options.key) } : {}),
    };
  };
  return async fresh => {
    if (fresh) config = await load(text, context);
    // Fifty requests that start together must not start fifty plugins.
    pending ??= ask().finally(() => {
      pending = undefined;
    });
    return pending;
  };
}

function signInError(config: KubeConfig, cause: unknown): KubeconfigError {
  const command = config.getCurrentUser()?.exec?.command ?? 'the auth provider';
  const name = config.getCurrentUser()?.name ?? '';
  const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  const detail = missing
    ? `exec plugin "${command}" is not installed or not on the PATH`
    : `"${command}" failed: ${String((cause as Error).message ?? cause)
        .trim()
        .slice(0, 500)}`;
  return new KubeconfigError('SignInFailed', `cannot sign in as user "${name}" of the kubeconfig: ${detail}`, {
    cause,
  });
}

function checkValidity(pem: string, user: string, clock: Clock): void {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    throw new KubeconfigError('Invalid', `the client certificate of user "${user}" is not a PEM certificate`);
  }
  if (Date.parse(certificate.validTo) < clock.now())
    throw new KubeconfigError(
      'CertificateExpired',
      `the client certificate of user "${user}" expired on ${certificate.validTo}; fetch a new kubeconfig`,
    );
}

function readPem(file: string, field: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new KubeconfigError(
      'Unreadable',
      `the kubeconfig's ${field} file "${file}" cannot be read (${(cause as NodeJS.ErrnoException).code})`,
      { cause },
    );
  }
}

function fromBase64(data: string): string {
  return Buffer.from(data, 'base64').toString('utf8');
}

function tokenFileOf(config: KubeConfig): string | undefined {
  const user = config.getCurrentUser() as {
    authProvider?: { config?: { tokenFile?: string } };
    tokenFile?: string;
  } | null;
  return user?.tokenFile ?? user?.authProvider?.config?.tokenFile;
}

/** Service account tokens are rotated in place: the file is read again every minute, and when the token was refused. */
function fileToken(file: string, clock: Clock): (fresh: boolean) => Promise<string> {
  let token = '';
  let readAt = 0;
  return async fresh => {
    if (fresh || clock.now() - readAt > 60_000) {
      token = readPem(file, 'tokenFile').trim();
      readAt = clock.now();
    }
    return token;
  };
}
