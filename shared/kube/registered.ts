import { type Cluster, type Clusters, UnknownCluster } from '../ports/cluster.ts';
import type { ClusterRecord, EksAccess, Index } from '../ports/index.ts';
import type { Secrets } from '../ports/secrets.ts';
import type { ClusterAccess } from './access.ts';
import { type ConnectOptions, connect, type KubeClient } from './client.ts';
import { accessFromKubeconfig } from './kubeconfig.ts';

/** A registered cluster that cannot be connected, before anything was sent to it. */
export class ClusterAccessError extends Error {
  readonly code: 'SecretMissing' | 'Unsupported';
  constructor(code: 'SecretMissing' | 'Unsupported', message: string) {
    super(message);
    this.name = 'ClusterAccessError';
    this.code = code;
  }
}

export interface RegisteredOptions extends ConnectOptions {
  /** How to sign in to clusters that are registered by their EKS name; given by who puts the parts together. */
  eks?: (name: string, access: EksAccess) => Promise<ClusterAccess>;
}

/** The clusters of the registry. One client per cluster and process; a registration that changed gets a new one. */
export function registeredClusters(index: Index, secrets: Secrets, options: RegisteredOptions = {}): Clusters {
  const clients = new Map<string, { access: string; client: Promise<KubeClient> }>();
  return {
    names: async () => (await index.clusters()).map(record => record.name),
    get: async (name: string): Promise<Cluster> => {
      const record = await index.cluster(name);
      if (!record) {
        clients.delete(name);
        throw new UnknownCluster(name);
      }
      const access = JSON.stringify([record.access, record.addedAt]);
      const known = clients.get(name);
      if (known?.access === access) return known.client;
      const client = accessOf(record, secrets, options).then(found => connect(name, found, options));
      clients.set(name, { access, client });
      try {
        return await client;
      } catch (error) {
        // Not remembered: the secret may be there at the next try.
        clients.delete(name);
        throw error;
      }
    },
  };
}

async function accessOf(record: ClusterRecord, secrets: Secrets, { eks }: RegisteredOptions): Promise<ClusterAccess> {
  if (record.access.type === 'eks') {
    if (eks) return eks(record.name, record.access);
    throw new ClusterAccessError(
      'Unsupported',
      `cluster "${record.name}" is registered by its EKS name, and nothing here can sign in to EKS`,
    );
  }
  const text = await secrets.get(record.access.secret);
  if (text === undefined)
    throw new ClusterAccessError(
      'SecretMissing',
      `the kubeconfig of cluster "${record.name}" is missing (secret "${record.access.secret}"); register the cluster again`,
    );
  return accessFromKubeconfig(text, record.access.context);
}
