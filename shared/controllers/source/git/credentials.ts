import type { GitAuth } from '../../../git/remote.ts';
import { isEncrypted } from '../../../git/ssh-identity.ts';
import type { ProxySettings } from '../../../network/http.ts';
import type { Cluster } from '../../../ports/cluster.ts';
import { RetryError } from '../../../reconcile/errors.ts';
import { basicOf, proxyOf, readSecret, type SourceSecret, tlsOf, unusableSecret } from '../secret.ts';

/**
 * Reads the Secret that a source names, and makes of it what the remote at `url` asks for. Undefined without a Secret. Throws
 * a RetryError.
 */
export async function credentialsOf(
  cluster: Cluster,
  namespace: string,
  secretName: string | undefined,
  url: string,
): Promise<GitAuth | undefined> {
  if (secretName !== undefined) return authFromSecret(await readSecret(cluster, namespace, secretName), url);
  if (isSsh(url))
    throw new RetryError(
      'AuthenticationFailed',
      "failed to configure authentication options: invalid 'ssh' auth option: 'identity' is required: set spec.secretRef",
    );
  return undefined;
}

/**
 * The credentials a Secret holds: for ssh addresses `identity`, `known_hosts` and, if that is encrypted, `password`; for others
 * `bearerToken`, or else `username` and `password`; and TLS. Throws a RetryError, since a Secret may be mended at any time.
 */
export function authFromSecret(secret: SourceSecret, url: string): GitAuth {
  if (secret.text('githubAppID') !== undefined)
    throw new RetryError(
      'InvalidProviderConfiguration',
      `secretRef '${secret.where}' has github app data but provider is not set to github`,
    );
  if (isSsh(url)) return sshFromSecret(secret);
  const tls = tlsOf(secret);
  const bearerToken = secret.text('bearerToken');
  if (bearerToken !== undefined) return { ...tls, bearerToken: bearerToken.trim() };
  const { username, password } = basicOf(secret) ?? {};
  return { ...tls, ...(username ? { username } : {}), ...(password ? { password } : {}) };
}

function sshFromSecret(secret: SourceSecret): GitAuth {
  const identity = secret.text('identity');
  const knownHosts = secret.text('known_hosts');
  const passphrase = secret.text('password');
  if (identity === undefined) throw unusableSecret(secret, "invalid 'ssh' auth option: 'identity' is required");
  if (knownHosts === undefined) throw unusableSecret(secret, "invalid 'ssh' auth option: 'known_hosts' is required");
  if (passphrase === undefined && isEncrypted(identity))
    throw new RetryError(
      'AuthenticationFailed',
      `SSH identity key is encrypted but no 'password' field was provided in the secret '${secret.where}'`,
    );
  return { ssh: { identity, passphrase, knownHosts } };
}

/** The proxy that spec.proxySecretRef names; undefined without one. Throws a RetryError. */
export async function gitProxy(
  cluster: Cluster,
  namespace: string,
  secretName: string | undefined,
): Promise<ProxySettings | undefined> {
  try {
    return await proxyOf(cluster, namespace, secretName);
  } catch (cause) {
    throw new RetryError('AuthenticationFailed', 'failed to configure proxy options', { cause });
  }
}

function isSsh(url: string): boolean {
  return /^ssh:/i.test(url);
}
