import { parseDuration } from '../../../api/duration.ts';
import { Alert } from '../../../api/notification/alert.ts';
import { Provider, providerKind } from '../../../api/notification/provider.ts';
import { type Cluster, UnknownCluster } from '../../../ports/cluster.ts';
import type { Log, Ports } from '../../../ports/ports.ts';
import { findError, messageOfError } from '../../../reconcile/errors.ts';
import type { ToolkitEvent } from '../../../reconcile/event.ts';
import { within } from '../../../reconcile/within.ts';
import { readAccess } from '../provider/destination.ts';
import { masked, send } from '../provider/post.ts';
import { PostFailed } from '../provider/provider-type.ts';
import { providerTypeOf } from '../provider/provider-types.ts';
import { delayAfter, notifyLater, occurrenceId } from './again.ts';
import { alertsOf, alertType } from './alerts-of.ts';
import { complain } from './complain.ts';
import { duplicateId, duplicateSeconds } from './duplicate.ts';
import { fluxEvent } from './flux-event.ts';
import { type Complaint, matchAlerts } from './match.ts';
import { cleanMetadata, combineMetadata, isCommitStatusUpdate } from './metadata.ts';

const providerType = { apiVersion: 'notification.toolkit.fluxcd.io/v1beta3', kind: 'Provider' };

/** Flux's default of spec.timeout. */
const defaultTimeoutMs = 15_000;

/** How long it is remembered that an Alert's Provider has got an event: longer than all retries take. */
const sentSeconds = 3600;

export interface DispatchOptions {
  /** Alerts may only name objects of their own namespace. */
  noCrossNamespaceRefs: boolean;
  /** Milliseconds until the invocation has to be done. */
  timeLeft: number;
}

/**
 * Sends an event to the Providers of the Alerts that want it. `redelivered` says that the queue brought the message before,
 * and whoever had it did not come to an end: then it is no duplicate of itself.
 */
export async function dispatchEvent(
  queued: ToolkitEvent,
  redelivered: boolean,
  ports: Ports,
  options: DispatchOptions,
): Promise<void> {
  const event = cleanMetadata(queued);
  const log = eventLog(event, ports);
  const id = duplicateId(event);
  if (!redelivered && !(await ports.index.once(id, duplicateSeconds))) {
    log.info('event discarded: the same was sent within the last five minutes');
    return;
  }
  try {
    await dispatchToAlerts(event, 1, ports, options);
  } catch (error) {
    await ports.index.forget(id);
    throw error;
  }
}

/** The second and later tries, for one Alert, or for all of them when the cluster could not be read before. */
export async function dispatchAgain(
  message: { event: ToolkitEvent; alert?: { namespace: string; name: string } | undefined; attempt: number },
  ports: Ports,
  options: DispatchOptions,
): Promise<void> {
  const { event, alert: ref, attempt } = message;
  if (!ref) return dispatchToAlerts(event, attempt, ports, options);
  await orLater({ event, attempt, ports, options }, async () => {
    const cluster = await ports.clusters.get(event.cluster);
    const alert = Alert.safeParse(await cluster.get(alertType, ref.namespace, ref.name));
    if (!alert.success || alert.data.spec.suspend) return;
    await notify({ cluster, event, alert: alert.data, attempt, ports, options });
  });
}

async function dispatchToAlerts(
  event: ToolkitEvent,
  attempt: number,
  ports: Ports,
  options: DispatchOptions,
): Promise<void> {
  const log = eventLog(event, ports);
  await orLater({ event, attempt, ports, options }, async () => {
    const cluster = await ports.clusters.get(event.cluster);
    const { alerts, complaints } = await matchAlerts(
      event,
      await alertsOf(cluster, log),
      once(() => labelsOf(cluster, event)),
    );
    await Promise.all(complaints.map(complaint => complain(cluster, complaint, event.trace, ports)));
    if (alerts.length === 0) {
      log.info('event discarded: no Alert wants it');
      return;
    }
    const sent = await Promise.allSettled(
      alerts.map(alert => notify({ cluster, event, alert, attempt, ports, options })),
    );
    const failed = sent.find(result => result.status === 'rejected');
    if (failed) throw failed.reason;
  });
}

/** When the cluster cannot be read there is nothing to be said to anybody: the whole event comes again later. */
async function orLater(
  { event, attempt, ports, options }: Omit<Notifying, 'cluster' | 'alert'>,
  act: () => Promise<void>,
): Promise<void> {
  try {
    await within(options.timeLeft, act());
  } catch (error) {
    // Removed meanwhile: the worker drops the message.
    if (findError(error, UnknownCluster)) throw error;
    const delay = delayAfter(attempt);
    if (delay === undefined) {
      eventLog(event, ports).error('event dropped: its cluster could not be read', {
        error: messageOfError(error),
        attempt,
      });
      return;
    }
    eventLog(event, ports).warn('the cluster could not be read; the event comes again', {
      error: messageOfError(error),
      delay,
    });
    await notifyLater({ type: 'notify', event, attempt: attempt + 1 }, delay, ports);
  }
}

async function labelsOf(cluster: Cluster, event: ToolkitEvent): Promise<Record<string, string> | undefined> {
  const { apiVersion, kind, namespace, name } = event.involvedObject;
  const object = await cluster.get({ apiVersion, kind }, namespace, name);
  return object && (object.metadata.labels ?? {});
}

interface Notifying {
  cluster: Cluster;
  event: ToolkitEvent;
  alert: Alert;
  attempt: number;
  ports: Ports;
  options: DispatchOptions;
}

/** Sends to the Provider of one Alert. What goes wrong there is this Alert's matter: it is retried or told to its owner. */
async function notify(notifying: Notifying): Promise<void> {
  const { cluster, event, alert, attempt, ports } = notifying;
  const { namespace = '', name } = alert.metadata;
  const mark = `notified/${occurrenceId(event)}/${namespace}/${name}`;
  if (!(await ports.index.once(mark, sentSeconds))) return;
  try {
    await post(notifying);
  } catch (error) {
    await ports.index.forget(mark);
    if (!(error instanceof PostFailed)) throw error;
    const delay = error.retry ? delayAfter(attempt, error.retryAfter) : undefined;
    ports.metrics.record({
      message: delay === undefined ? 'notification failed' : 'notification failed; it is sent again',
      level: 'warn',
      figures: { NotificationFailures: 1 },
      fields: { ...eventFields(event), alert: `${namespace}/${name}`, error: error.message, ...(delay && { delay }) },
      // Said by the complaint, which also its owner reads.
      figuresOnly: delay === undefined,
    });
    if (delay !== undefined) {
      await notifyLater({ type: 'notify', event, alert: { namespace, name }, attempt: attempt + 1 }, delay, ports);
      return;
    }
    await complain(cluster, dispatchFailed(alert, event, error.message), event.trace, ports);
  }
}

async function post({ cluster, event, alert, ports, options }: Notifying): Promise<void> {
  const { namespace = '' } = alert.metadata;
  if (options.noCrossNamespaceRefs && event.involvedObject.namespace !== namespace)
    throw new PostFailed(
      'cross-namespace references have been blocked; the Alert may only name objects of its namespace',
      {
        retry: false,
      },
    );
  const provider = await readProvider(cluster, alert);
  if (provider.spec.suspend) return;
  const type = providerTypeOf(provider.spec.type);
  const unbuilt = providerKind.unsupported(provider);
  if (!type || unbuilt.length > 0)
    throw new PostFailed(`Provider ${provider.metadata.name} uses what is not built yet: ${unbuilt.join(', ')}`, {
      retry: false,
    });
  if (isCommitStatusUpdate(event) && !provider.spec.type.startsWith('generic')) return;
  const { metadata, conflicts } = combineMetadata(event, alert);
  if (Object.keys(conflicts).length > 0)
    await complain(cluster, metadataConflict(alert, conflicts), event.trace, ports);
  const access = await readAccess(cluster, provider);
  const timeoutMs = provider.spec.timeout ? parseDuration(provider.spec.timeout) : defaultTimeoutMs;
  try {
    const outgoing = type.encode(fluxEvent(event, metadata), access.destination);
    const limit = Math.min(timeoutMs, options.timeLeft);
    const body = await send(
      outgoing,
      { tls: access.tls, timeoutMs: limit, rules: { refuseLoopback: ports.refuseLoopback } },
      ports.clock.now(),
    );
    type.checkAnswer?.(outgoing.url, body);
  } catch (error) {
    if (!(error instanceof PostFailed)) throw error;
    throw new PostFailed(masked(error.message, access.secrets), error);
  }
  ports.metrics.record({
    message: 'notification sent',
    figures: { NotificationsSent: 1 },
    fields: {
      ...eventFields(event),
      alert: `${namespace}/${alert.metadata.name}`,
      provider: provider.metadata.name,
      severity: event.severity,
      reason: event.reason,
    },
  });
}

async function readProvider(cluster: Cluster, alert: Alert): Promise<Provider> {
  const name = `${alert.metadata.namespace}/${alert.spec.providerRef.name}`;
  const object = await cluster.get(providerType, alert.metadata.namespace, alert.spec.providerRef.name);
  if (!object)
    throw new PostFailed(
      `failed to read provider: Provider.notification.toolkit.fluxcd.io "${alert.spec.providerRef.name}" not found`,
      { retry: false },
    );
  const provider = Provider.safeParse({ ...object, ...providerType });
  if (!provider.success)
    throw new PostFailed(`Provider ${name} cannot be read: ${provider.error.message}`, { retry: false });
  return provider.data;
}

function dispatchFailed(alert: Alert, event: ToolkitEvent, message: string): Complaint {
  const { kind, namespace, name } = event.involvedObject;
  return {
    alert,
    reason: 'NotificationDispatchFailed',
    message: `failed to dispatch notification for ${kind}/${namespace}/${name}: ${message}`,
  };
}

function metadataConflict(alert: Alert, conflicts: Record<string, string[]>): Complaint {
  return {
    alert,
    reason: 'MetadataAppendFailed',
    message:
      'several sources set the same metadata keys, the strongest was taken; the annotations of this Event name them (precedence: object annotations, spec.eventMetadata, spec.summary, controller)',
    annotations: Object.fromEntries(Object.entries(conflicts).map(([key, sources]) => [key, sources.join(', ')])),
  };
}

function eventLog(event: ToolkitEvent, ports: Ports): Log {
  return ports.log.with(eventFields(event));
}

function eventFields(event: ToolkitEvent): Record<string, unknown> {
  const { kind, namespace, name } = event.involvedObject;
  return { trace: event.trace, cluster: event.cluster, object: `${kind}/${namespace}/${name}` };
}

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= read();
    return result;
  };
}
