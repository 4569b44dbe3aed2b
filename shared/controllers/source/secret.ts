import type { KubeObject } from '../../api/object.ts';
import type { ProxySettings, TlsMaterial } from '../../network/http.ts';
import type { Cluster } from '../../ports/cluster.ts';
import { RetryError } from '../../reconcile/errors.ts';

/** A Secret that a source names. Its values are for use at once, never for a log or a message. */
export interface SourceSecret {
  /** `<namespace>/<name>`, for messages. */
  where: string;
  /** Type of the Secret, `Opaque` or such as `kubernetes.io/dockerconfigjson`. */
  type: string;
  /** Names of its keys. */
  keys: string[];
  /** The value as text; undefined when it is absent or empty. */
  text(key: string): string | undefined;
  bytes(key: string): Buffer | undefined;
}

/**
 * Reads a Secret of the object's namespace. Throws a RetryError AuthenticationFailed when it cannot be read or is not there:
 * it may be mended at any time.
 */
export async function readSecret(cluster: Cluster, namespace: string, name: string): Promise<SourceSecret> {
  const where = `${namespace}/${name}`;
  let secret: KubeObject | undefined;
  try {
    secret = await cluster.get({ apiVersion: 'v1', kind: 'Secret' }, namespace, name);
  } catch (error) {
    throw new RetryError('AuthenticationFailed', `failed to get secret '${where}'`, { cause: error });
  }
  if (!secret)
    throw new RetryError('AuthenticationFailed', `failed to get secret '${where}': secrets "${name}" not found`);
  return sourceSecret(secret, where);
}

/** The Secret as {@link readSecret} gives it. */
export function sourceSecret(secret: KubeObject, where: string): SourceSecret {
  const bytes = (key: string): Buffer | undefined => {
    const encoded: unknown = secret.data?.[key];
    const value = typeof encoded === 'string' ? Buffer.from(encoded, 'base64') : undefined;
    return value?.length ? value : undefined;
  };
  return {
    where,
    type: typeof secret.type === 'string' ? secret.type : 'Opaque',
    keys: Object.keys(secret.data ?? {}),
    text: key => bytes(key)?.toString('utf8'),
    bytes,
  };
}

/** Credentials of a Secret that cannot be used as they are. */
export function unusableSecret({ where }: SourceSecret, what: string): RetryError {
  return new RetryError(
    'AuthenticationFailed',
    `failed to configure authentication options: secret '${where}': ${what}`,
  );
}

/** `tls.crt` and `tls.key`, only together; `ca.crt` before `caFile`. Throws a RetryError. */
export function tlsOf(secret: SourceSecret): TlsMaterial {
  const clientCert = secret.text('tls.crt');
  const clientKey = secret.text('tls.key');
  if ((clientCert === undefined) !== (clientKey === undefined))
    throw unusableSecret(secret, "'tls.crt' and 'tls.key' must be set together");
  const ca = secret.text('ca.crt') ?? secret.text('caFile');
  return { ...(ca ? { ca } : {}), ...(clientCert && clientKey ? { clientCert, clientKey } : {}) };
}

/** `username` and `password`; undefined without both. Throws a RetryError for a password alone. */
export function basicOf(secret: SourceSecret): { username: string; password: string } | undefined {
  const username = secret.text('username');
  const password = secret.text('password');
  if (username === undefined && password !== undefined)
    throw unusableSecret(secret, "'password' requires 'username' to be set");
  return username === undefined ? undefined : { username, password: password ?? '' };
}

/** The proxy that spec.proxySecretRef names; undefined without one. Throws a RetryError. */
export async function proxyOf(
  cluster: Cluster,
  namespace: string,
  name: string | undefined,
): Promise<ProxySettings | undefined> {
  if (name === undefined) return undefined;
  const secret = await readSecret(cluster, namespace, name);
  const address = secret.text('address');
  if (address === undefined)
    throw new RetryError('AuthenticationFailed', `secret '${secret.where}': key 'address' not found`);
  return { address: address.trim(), username: secret.text('username'), password: secret.text('password') };
}
