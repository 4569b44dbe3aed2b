import { randomBytes } from 'node:crypto';
import type { Secrets } from '../../ports/secrets.ts';

/** Name of the secret from which the tokens in artifact URLs are derived. */
export const artifactSecretName = 'artifact-url-key';

/** The key of this installation's artifact URLs, made at first use; of workers that make it at once, one wins for all. */
export async function artifactSecret(secrets: Secrets): Promise<string> {
  const known = await secrets.get(artifactSecretName);
  if (known) return known;
  const made = randomBytes(32).toString('hex');
  if (await secrets.create(artifactSecretName, made)) return made;
  const theirs = await secrets.get(artifactSecretName);
  if (!theirs) throw new Error(`the secret ${artifactSecretName} was deleted while it was read`);
  return theirs;
}
