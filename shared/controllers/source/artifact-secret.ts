import { randomBytes } from 'node:crypto';
import type { Secrets } from '../../ports/secrets.ts';

/** Name of the secret from which the tokens in artifact URLs are derived. */
export const artifactSecretName = 'artifact-url-key';

/**
 * The key of this installation's artifact URLs, made at first use. Read again after it was made: when two workers make it
 * at once the later one wins for both, and a URL of the other would be mended by that object's next reconcile.
 */
export async function artifactSecret(secrets: Secrets): Promise<string> {
  const known = await secrets.get(artifactSecretName);
  if (known) return known;
  const made = randomBytes(32).toString('hex');
  await secrets.put(artifactSecretName, made);
  return (await secrets.get(artifactSecretName)) ?? made;
}
