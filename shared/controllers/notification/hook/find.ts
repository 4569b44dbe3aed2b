import { receiverKind } from '../../../api/notification/receiver.ts';
import type { ObjectKey } from '../../../api/object.ts';
import { ApiError, UnknownCluster } from '../../../ports/cluster.ts';
import type { Ports } from '../../../ports/ports.ts';
import { messageOfError } from '../../../reconcile/errors.ts';
import { receiverType } from './deliver.ts';

export interface Found {
  receivers: ObjectKey[];
  /** Clusters of which neither the index nor the cluster itself could say whether they have such a Receiver. */
  unknown: string[];
}

/**
 * The Receivers with this path: from the index. The index can be thrown away, and a push that comes before it is rebuilt must
 * not be lost: so, when it knows no such path, clusters of which it knows no Receiver at all are asked themselves, by one
 * LIST. A cluster with Receivers in the index is believed to have no others. Anybody can call unknown paths, so that looking
 * for them costs a cluster, and the index, at most one look in some seconds, see `askCluster`.
 */
export async function findReceivers(path: string, ports: Ports): Promise<Found> {
  const receivers = await ports.index.byHookPath(path);
  if (receivers.length > 0) return { receivers, unknown: [] };
  const found: Found = { receivers: [], unknown: [] };
  const clusters = await ports.clusters.names();
  await Promise.all(
    clusters.map(async cluster => {
      const paths = await askCluster(cluster, ports);
      if (!paths) found.unknown.push(cluster);
      else found.receivers.push(...(paths.get(path) ?? []));
    }),
  );
  return found;
}

/** Receivers of one cluster, for a request that waited for it. Undefined when it cannot be asked yet. */
export async function findReceiversOf(cluster: string, path: string, ports: Ports): Promise<ObjectKey[] | undefined> {
  const indexed = (await ports.index.byHookPath(path)).filter(key => key.cluster === cluster);
  if (indexed.length > 0) return indexed;
  const paths = await listPaths(cluster, ports);
  return paths && (paths.get(path) ?? []);
}

async function hasIndexedReceivers(cluster: string, ports: Ports): Promise<boolean> {
  // A resync lists kind by kind; what it has not come to is not in the index yet.
  for await (const object of ports.index.objects(cluster)) if (object.key.kind === receiverKind.kind) return true;
  return false;
}

type Paths = Map<string, ObjectKey[]>;

/** Clusters looked at a moment ago, and what was found. */
const asked = new Map<string, { at: number; paths: Promise<Paths | undefined> }>();
const askedMs = 5_000;

function askCluster(cluster: string, ports: Ports): Promise<Paths | undefined> {
  const now = ports.clock.now();
  const known = asked.get(cluster);
  if (known && now - known.at < askedMs) return known.paths;
  const paths = hasIndexedReceivers(cluster, ports).then(has => (has ? new Map() : listPaths(cluster, ports)));
  asked.set(cluster, { at: now, paths });
  return paths;
}

/** For tests, which share the process: forgets what clusters said. */
export function forgetAsked(): void {
  asked.clear();
}

async function listPaths(cluster: string, ports: Ports): Promise<Paths | undefined> {
  try {
    const list = await (await ports.clusters.get(cluster)).list(receiverType);
    const paths: Paths = new Map();
    for (const { metadata, status } of list.items) {
      const path = status?.webhookPath;
      if (typeof path !== 'string' || path === '') continue;
      const key = { cluster, kind: receiverKind.kind, namespace: metadata.namespace ?? '', name: metadata.name };
      paths.set(path, [...(paths.get(path) ?? []), key]);
    }
    return paths;
  } catch (error) {
    // Flux's kinds are not installed there, or the cluster was removed.
    if ((error instanceof ApiError && error.status === 404) || error instanceof UnknownCluster) return new Map();
    ports.log.warn('the Receivers of a cluster could not be listed', { cluster, error: messageOfError(error) });
    return undefined;
  }
}
