import { Receiver } from '../../../api/notification/receiver.ts';
import type { KubeObject, ObjectKey } from '../../../api/object.ts';
import { ExpressionError } from '../../../cel/expression.ts';
import type { Cluster } from '../../../ports/cluster.ts';
import type { Ports } from '../../../ports/ports.ts';
import { StalledError } from '../../../reconcile/errors.ts';
import { compileFilters, FilterFailed, isFiltered, passes, requestBody } from './filters.ts';
import { receiverTypeOf } from './receiver-types.ts';
import { HookRejected, type HookRequest } from './request.ts';
import { requestReconcile } from './request-reconcile.ts';
import { type Requested, ResourceFailed, resolveResource } from './resources.ts';

/** What a Receiver's request came to: the status that Flux answers, and why. */
export interface HookAnswer {
  status: number;
  message: string;
}

export interface Delivery {
  path: string;
  request: HookRequest;
  trace: string;
}

export interface DeliveryOptions {
  /** Receivers may only name objects of their own namespace. */
  noCrossNamespaceRefs: boolean;
}

export const receiverType = { apiVersion: 'notification.toolkit.fluxcd.io/v1', kind: 'Receiver' };

/**
 * Hands a request to one Receiver: verifies it, and has its resources reconciled. The cases and their statuses are Flux's:
 * 404 no such Receiver, 503 suspended or not ready, 400 not verified, 500 a resource could not be asked, 200 done. Throws
 * what the cluster throws when it cannot be asked: then the request is to be kept.
 */
export async function deliver(
  key: ObjectKey,
  delivery: Delivery,
  ports: Ports,
  options: DeliveryOptions,
): Promise<HookAnswer> {
  const log = ports.log.with({ cluster: key.cluster, receiver: `${key.namespace}/${key.name}` });
  const cluster = await ports.clusters.get(key.cluster);
  const object = await cluster.get(receiverType, key.namespace, key.name);
  const parsed = Receiver.safeParse(object && { ...object, ...receiverType });
  // The index is behind: the Receiver is gone, or has another path by now.
  if (!object || (object.status?.webhookPath ?? '') !== delivery.path) return { status: 404, message: notFound };
  if (!parsed.success) return { status: 503, message: 'the Receiver cannot be read' };
  const receiver = parsed.data;
  if (receiver.spec.suspend) return { status: 503, message: 'the Receiver is suspended' };
  if (!isReady(receiver)) return { status: 503, message: 'the Receiver is not ready' };
  try {
    await verify(cluster, receiver, delivery);
  } catch (error) {
    if (!(error instanceof HookRejected)) throw error;
    log.warn('webhook refused', { error: error.message });
    return { status: 400, message: error.message };
  }
  let failures: Error[];
  try {
    failures = await requestAll(cluster, receiver, { ...delivery, ports, log, ...options });
  } catch (error) {
    if (!(error instanceof FilterFailed || error instanceof StalledError)) throw error;
    failures = [error];
  }
  if (failures.length === 0) return { status: 200, message: '' };
  for (const failure of failures) log.error('unable to request reconciliation', { error: failure.message });
  return { status: 500, message: `unable to request reconciliation: ${failures.map(f => f.message).join('; ')}` };
}

export const notFound = 'no Receiver has this path';

/** Flux's IsReady: Ready is True, and neither Reconciling nor Stalled. */
function isReady(receiver: Receiver): boolean {
  const isTrue = (type: string) =>
    receiver.status.conditions?.some(condition => condition.type === type && condition.status === 'True') ?? false;
  return isTrue('Ready') && isTrue('Reconciling') === isTrue('Stalled');
}

/** The token is read with every request, so that one that was changed is the one that counts. */
async function verify(cluster: Cluster, receiver: Receiver, { request }: Delivery): Promise<void> {
  const { namespace = '' } = receiver.metadata;
  const type = receiverTypeOf(receiver.spec.type);
  if (!type) throw new HookRejected(`receiver type "${receiver.spec.type}" is not built yet`);
  const secretName = receiver.spec.secretRef?.name ?? '';
  const secret = await cluster.get<KubeObject>({ apiVersion: 'v1', kind: 'Secret' }, namespace, secretName);
  const encoded: unknown = secret?.data?.token;
  // Without a token anybody could sign. The caller learns nothing about Secrets; the Receiver's status names it.
  if (typeof encoded !== 'string' || encoded === '') throw new HookRejected("the Receiver's token is missing");
  type.verify(request, Buffer.from(encoded, 'base64'), receiver.spec.events ?? []);
}

async function requestAll(
  cluster: Cluster,
  receiver: Receiver,
  context: { ports: Ports; trace: string; log: Ports['log']; request: HookRequest } & DeliveryOptions,
): Promise<Error[]> {
  const failures: Error[] = [];
  const objects = new Map<string, Requested>();
  const home = receiver.metadata.namespace ?? '';
  const filters = compileFilters(receiver);
  const filtered = receiver.spec.resources.map((_, position) => isFiltered(filters, position));
  const req = filtered.includes(true) ? requestBody(context.request) : undefined;
  const resolved = receiver.spec.resources.map(async (resource, position) => {
    try {
      if (!filtered[position]) return await resolveResource(cluster, resource, home, context);
      const found = await resolveResource(cluster, resource, home, { ...context, filtered: true });
      return found.filter(({ object }) => object && passes(filters, position, object, req));
    } catch (error) {
      if (!(error instanceof ResourceFailed || error instanceof ExpressionError)) throw error;
      failures.push(error);
      return [];
    }
  });
  for (const object of (await Promise.all(resolved)).flat())
    objects.set(`${object.type.apiVersion}/${object.type.kind}/${object.namespace}/${object.name}`, object);
  failures.push(...(await requestReconcile([...objects.values()], { ...context, cluster })));
  return failures;
}
