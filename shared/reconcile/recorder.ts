import { createHash } from 'node:crypto';
import type { KindDefinition } from '../api/kinds.ts';
import type { KubeObject, ObjectKey } from '../api/object.ts';
import { ApiError, type Cluster } from '../ports/cluster.ts';
import type { Log, Ports } from '../ports/ports.ts';
import type { EventRecord } from './controller.ts';
import { messageOfError, truncate } from './errors.ts';
import { eventMessage, type ToolkitEvent } from './event.ts';
import { rfc3339 } from './summarize.ts';

/** Annotation of cluster Events and notifications that names the trace a push began. */
export const traceAnnotation = 'sluice.dev/trace';

export interface Recording {
  key: ObjectKey;
  definition: KindDefinition;
  object: KubeObject;
  cluster: Cluster;
  ports: Ports;
  log: Log;
  trace: string;
}

/**
 * Sends what a reconcile recorded: to the cluster as core/v1 Events, and to the notification queue. An Event that cannot
 * be written (a terminating namespace, say) is logged: it never fails the reconcile. The queue has to take its messages.
 */
export async function sendEvents(recording: Recording, events: readonly EventRecord[]): Promise<void> {
  if (events.length === 0) return;
  const now = recording.ports.clock.now();
  const messages = events.flatMap((event, sequence) =>
    event.to === 'cluster' ? [] : [eventMessage(toolkitEvent(recording, event, now), recording.key, sequence)],
  );
  const writes = events
    .filter(event => event.to !== 'notification')
    .map(event =>
      writeEvent(recording, event, now).catch((error: unknown) =>
        recording.log.warn('the Event could not be written', { reason: event.reason, error: messageOfError(error) }),
      ),
    );
  await Promise.all([messages.length > 0 ? recording.ports.queue.send(messages) : undefined, ...writes]);
}

function toolkitEvent(recording: Recording, event: EventRecord, now: number): ToolkitEvent {
  const { key, object, definition, trace } = recording;
  return {
    type: 'event',
    cluster: key.cluster,
    trace,
    involvedObject: reference(object),
    severity: event.severity,
    timestamp: rfc3339(now),
    reason: event.reason,
    message: truncate(event.message, maxMessage),
    metadata: metadataOf(recording, event),
    reportingController: definition.fieldManager,
    reportingInstance: 'sluice',
  };
}

function reference(object: KubeObject) {
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name,
    uid: object.metadata.uid ?? '',
    resourceVersion: object.metadata.resourceVersion ?? '',
  };
}

/** Keys without a group get the kind's; annotations that the user set for events come along; the trace is added. */
function metadataOf({ object, definition, trace }: Recording, event: EventRecord): Record<string, string> {
  const metadata: Record<string, string> = { [traceAnnotation]: trace };
  for (const [key, value] of Object.entries(event.metadata ?? {}))
    if (value !== '') metadata[key.includes('/') ? key : `${definition.group}/${key}`] = value;
  for (const [key, value] of Object.entries(object.metadata.annotations ?? {}))
    if (key.startsWith('event.toolkit.fluxcd.io/')) metadata[key] = value;
  return metadata;
}

const maxMessage = 30_000;

/** How often this process saw each Event, oldest first: a repeated one is counted up in one call. */
const seen = new Map<string, number>();
const maxSeen = 4096;

/**
 * Writes an Event. Its name follows from what it says, so that a repeated one is found again by any worker: counted up
 * instead of created, as client-go's recorder does within one process.
 */
async function writeEvent(recording: Recording, event: EventRecord, now: number): Promise<void> {
  const body = clusterEvent(recording, event, now);
  const id = `${recording.key.cluster}/${body.metadata.namespace}/${body.metadata.name}`;
  const count = seen.get(id);
  seen.delete(id);
  const total = count === undefined ? await createEvent(recording, body) : await countUp(recording, body, count + 1);
  seen.set(id, total);
  if (seen.size > maxSeen) seen.delete(seen.keys().next().value as string);
}

async function createEvent({ cluster }: Recording, body: KubeObject): Promise<number> {
  try {
    await cluster.create(body);
    return 1;
  } catch (error) {
    if (!(error instanceof ApiError && error.reason === 'AlreadyExists')) throw error;
    const existing = await cluster.get(eventType, body.metadata.namespace, body.metadata.name);
    const count = Number(existing?.count ?? 0) + 1;
    await patchCount(cluster, body, count);
    return count;
  }
}

async function countUp({ cluster }: Recording, body: KubeObject, count: number): Promise<number> {
  try {
    await patchCount(cluster, body, count);
    return count;
  } catch (error) {
    // Events live for an hour.
    if (!(error instanceof ApiError && error.status === 404)) throw error;
    await cluster.create(body);
    return 1;
  }
}

async function patchCount(cluster: Cluster, body: KubeObject, count: number): Promise<void> {
  const { namespace, name, annotations } = body.metadata;
  const patch = { metadata: { annotations }, count, lastTimestamp: body.lastTimestamp };
  await cluster.patch(eventType, namespace, name, { type: 'merge', body: patch });
}

const eventType = { apiVersion: 'v1', kind: 'Event' };

function clusterEvent(recording: Recording, event: EventRecord, now: number): KubeObject {
  const { object, definition } = recording;
  const type = event.severity === 'error' ? 'Warning' : 'Normal';
  const said = [object.metadata.uid, definition.fieldManager, type, event.reason, event.message].join('\n');
  const hash = createHash('sha256').update(said).digest('hex').slice(0, 16);
  return {
    ...eventType,
    metadata: {
      // Names have at most 253 characters.
      name: `${object.metadata.name.slice(0, 236)}.${hash}`,
      namespace: object.metadata.namespace || 'default',
      annotations: metadataOf(recording, event),
    },
    involvedObject: reference(object),
    reason: event.reason,
    message: truncate(event.message, maxMessage),
    source: { component: definition.fieldManager },
    firstTimestamp: rfc3339(now),
    lastTimestamp: rfc3339(now),
    count: 1,
    type,
    reportingComponent: definition.fieldManager,
    reportingInstance: '',
  };
}
