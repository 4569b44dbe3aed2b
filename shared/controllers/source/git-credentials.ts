import type { GitAuth } from '../../git/remote.ts';
import type { Cluster } from '../../ports/cluster.ts';
import { RetryError } from '../../reconcile/errors.ts';
import { basicOf, readSecret, type SourceSecret, tlsOf } from './secret.ts';

/** Reads the Secret that a source names, and makes of it what the remote asks for. Undefined without a Secret. */
export async function credentialsOf(
  cluster: Cluster,
  namespace: string,
  secretName: string | undefined,
): Promise<GitAuth | undefined> {
  return secretName === undefined ? undefined : authFromSecret(await readSecret(cluster, namespace, secretName));
}

/**
 * The credentials a Secret holds: `bearerToken`, or else `username` and `password`; and TLS. Pure. Throws a RetryError,
 * since a Secret may be mended at any time.
 */
export function authFromSecret(secret: SourceSecret): GitAuth {
  if (secret.text('githubAppID') !== undefined)
    throw new RetryError(
      'InvalidProviderConfiguration',
      `secretRef '${secret.where}' has github app data but provider is not set to github`,
    );
  const tls = tlsOf(secret);
  const bearerToken = secret.text('bearerToken');
  if (bearerToken !== undefined) return { ...tls, bearerToken: bearerToken.trim() };
  const { username, password } = basicOf(secret) ?? {};
  return { ...tls, ...(username ? { username } : {}), ...(password ? { password } : {}) };
}
