import { ApiError, type Cluster, ClusterUnreachable } from '../../../ports/cluster.ts';
import type { Log, Ports } from '../../../ports/ports.ts';
import { inParallel } from '../../../reconcile/in-parallel.ts';
import { requestedAtAnnotation } from '../../../reconcile/record.ts';
import { isReconciled, messageOf, workItem } from '../../../reconcile/work-item.ts';
import { type Requested, ResourceFailed } from './resources.ts';

/** How many annotations are on their way at once: a Receiver may select hundreds of objects. */
const concurrency = 16;

export interface Requesting {
  cluster: Cluster;
  ports: Ports;
  trace: string;
  log: Log;
}

/**
 * Has objects reconciled at once: annotates them, then sends the work items.
 *
 * Why both, and in this order. Flux annotates, and so its users look for `requestedAt` and for `lastHandledReconcileAt`
 * following it; it is also the only way to kinds that somebody else reconciles in that cluster. The write costs one call per
 * object, half of Flux's (which reads first, to find out what is missing; the answer 404 says that, too). Annotating first
 * makes the worker see the annotation it acts upon, so that the sweep finds nothing new and starts no second reconcile; it
 * also means that whatever breaks in between loses nothing, since the sweep acts on the annotation alone. When annotating
 * fails (a role without `patch`, a throttled API server) the work item is sent all the same.
 */
export async function requestReconcile(objects: Requested[], requesting: Requesting): Promise<ResourceFailed[]> {
  const { ports, trace, cluster } = requesting;
  const now = ports.clock.now();
  const requestedAt = new Date(now).toISOString();
  const failures: Failure[] = [];
  const present: Requested[] = [];
  await inParallel(objects, concurrency, async object => {
    const failure = await annotate(object, requestedAt, requesting);
    if (failure) failures.push(failure);
    if (!failure?.missing) present.push(object);
  });
  const messages = present.filter(hasWorker).map(({ type, namespace, name }) => {
    const key = { cluster: cluster.name, kind: type.kind, namespace, name };
    return messageOf(workItem(key, { reason: 'webhook', trace, sentAt: now, requestedAt }));
  });
  if (messages.length > 0) await ports.queue.send(messages);
  return failures.map(failure => failure.error);
}

interface Failure {
  error: ResourceFailed;
  missing: boolean;
}

async function annotate(object: Requested, at: string, { cluster, log }: Requesting): Promise<Failure | undefined> {
  const { type, namespace, name } = object;
  const label = `${type.kind} ${namespace}/${name}`;
  try {
    await cluster.patch(
      type,
      namespace,
      name,
      { type: 'merge', body: { metadata: { annotations: { [requestedAtAnnotation]: at } } } },
      { fieldManager: 'notification-controller' },
    );
    log.info('reconcile requested', { resource: label });
    return undefined;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404)
      return { missing: true, error: new ResourceFailed(`${label}: not found`, { cause: error }) };
    if (error instanceof ClusterUnreachable) throw error;
    if (hasWorker(object)) {
      log.warn('the object could not be annotated; its work item goes all the same', {
        resource: label,
        error: String(error),
      });
      return undefined;
    }
    return {
      missing: false,
      error: new ResourceFailed(`${label}: failed to annotate: ${String(error)}`, { cause: error }),
    };
  }
}

/** Whether a worker of ours reconciles the kind; others (HelmRelease, say) may have a controller in the cluster. */
function hasWorker({ type }: Requested): boolean {
  return isReconciled(type);
}
