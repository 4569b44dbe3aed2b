import type { KubeObject } from '../../api/object.ts';
import type { GitAuth } from '../../git/remote.ts';
import type { Cluster } from '../../ports/cluster.ts';
import { RetryError } from '../../reconcile/errors.ts';

/** Reads the Secret that a source names, and makes of it what the remote asks for. Undefined without a Secret. */
export async function credentialsOf(
  cluster: Cluster,
  namespace: string,
  secretName: string | undefined,
): Promise<GitAuth | undefined> {
  if (secretName === undefined) return undefined;
  const where = `${namespace}/${secretName}`;
  let secret: KubeObject | undefined;
  try {
    secret = await cluster.get({ apiVersion: 'v1', kind: 'Secret' }, namespace, secretName);
  } catch (error) {
    throw new RetryError('AuthenticationFailed', `failed to get secret '${where}'`, { cause: error });
  }
  if (!secret)
    throw new RetryError('AuthenticationFailed', `failed to get secret '${where}': secrets "${secretName}" not found`);
  return authFromSecret(secret, where);
}

/**
 * The credentials a Secret holds: `bearerToken`, or else `username` and `password`; `tls.crt` and `tls.key` only
 * together; `ca.crt` before `caFile`. Pure. Throws a RetryError, since a Secret may be mended at any time.
 */
export function authFromSecret(secret: KubeObject, where: string): GitAuth {
  const value = (key: string): string | undefined => {
    const encoded = secret.data?.[key];
    const text = typeof encoded === 'string' ? Buffer.from(encoded, 'base64').toString('utf8') : '';
    return text === '' ? undefined : text;
  };
  const fail = (what: string) =>
    new RetryError('AuthenticationFailed', `failed to configure authentication options: secret '${where}': ${what}`);
  if (value('githubAppID') !== undefined)
    throw new RetryError(
      'InvalidProviderConfiguration',
      `secretRef '${where}' has github app data but provider is not set to github`,
    );
  const clientCert = value('tls.crt');
  const clientKey = value('tls.key');
  if ((clientCert === undefined) !== (clientKey === undefined))
    throw fail("'tls.crt' and 'tls.key' must be set together");
  const ca = value('ca.crt') ?? value('caFile');
  const tls = { ...(ca ? { ca } : {}), ...(clientCert && clientKey ? { clientCert, clientKey } : {}) };
  const bearerToken = value('bearerToken');
  if (bearerToken !== undefined) return { ...tls, bearerToken: bearerToken.trim() };
  const username = value('username');
  const password = value('password');
  if (username === undefined && password !== undefined) throw fail("'password' requires 'username' to be set");
  return { ...tls, ...(username ? { username } : {}), ...(password ? { password } : {}) };
}
