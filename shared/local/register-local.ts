import type { Index } from '../ports/index.ts';
import type { Secrets } from '../ports/secrets.ts';

/** The name under which `sluice start` registers its cluster. */
export const localCluster = 'local';

/** Name of the secret that holds its kubeconfig. */
const secret = 'cluster-local';

/**
 * Registers the cluster of `sluice start`. With the same kubeconfig as last time everything known of it stays; another one
 * may be another cluster, of which nothing is known.
 */
export async function registerLocal(index: Index, secrets: Secrets, kubeconfig: string, now: number): Promise<void> {
  const known = await index.cluster(localCluster);
  if (known && (await secrets.get(secret)) === kubeconfig) return;
  await secrets.put(secret, kubeconfig);
  if (known) await index.removeCluster(localCluster);
  const access = { type: 'kubeconfig', secret } as const;
  await index.addCluster({ name: localCluster, access, changes: 'watch', addedAt: now });
}
