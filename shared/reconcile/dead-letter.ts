import { apiVersionOf, type KindDefinition, kindOf } from '../api/kinds.ts';
import { keyString, type ObjectKey } from '../api/object.ts';
import type { Measurement } from '../ports/metrics.ts';
import type { Ports } from '../ports/ports.ts';
import { type MessageSubject, messageSubject, parseBody } from './message-subject.ts';
import type { ConditionFact } from './outcome.ts';
import { isSuspended, never, recordOf } from './record.ts';
import { sendEvents } from './recorder.ts';
import { statusAfter, writeStatus } from './status.ts';
import { conditionsOf } from './subject.ts';
import { summarize } from './summarize.ts';
import { WorkItem } from './work-item.ts';
import type { WorkRecord } from './worker.ts';

/** What becomes of a dead letter: its object was told, or is gone; or it has to stay until someone has looked at it. */
export type DeadLetterFate = 'done' | 'kept';

/**
 * Takes a record of a dead-letter queue. A work item makes its object's Ready=False with the cause, and lets the schedule try
 * again later. Everything else (what no version of ours knows, a kind that is no longer there, an event, a timer) has nobody
 * that could be told: it is kept, since it may hold what cannot be made again. Throws when the object could not be told, so
 * that the record stays where it is.
 */
export async function deadLettered(record: WorkRecord, ports: Ports): Promise<DeadLetterFate> {
  const item = WorkItem.safeParse(parseBody(record.body));
  const definition = item.success ? kindOf(item.data.kind) : undefined;
  const subject = messageSubject(record.body);
  if (!item.success || !definition) {
    await announce(record, ports, { message: keptMessage(subject), fields: { ...subject } });
    return 'kept';
  }
  const { object, trace } = subject;
  await announce(record, ports, {
    message: 'a reconcile failed too often and was given up',
    fields: { object, trace },
  });
  await tellObject(item.data, definition, ports);
  return 'done';
}

function keptMessage({ type }: MessageSubject): string {
  const what =
    type === undefined ? 'a message that nobody understands' : 'a message that is about no object we could tell';
  return `${what} was given up; it stays in the dead-letter queue for 14 days, until someone has looked at it`;
}

/** SQS keeps a message at most that long. */
const announcedSeconds = 14 * 24 * 3600;

/**
 * Says and counts it once, however often the record comes. How often it was received does not tell: that count may go on from
 * the queue it was given up by.
 */
async function announce(
  record: WorkRecord,
  ports: Ports,
  what: Pick<Measurement, 'message' | 'fields'>,
): Promise<void> {
  if (!(await ports.index.once(`dead-letter/${record.messageId}`, announcedSeconds))) return;
  const queue = record.eventSourceARN?.split(':').at(-1);
  ports.metrics.record({
    message: what.message,
    level: 'error',
    figures: { DeadLetters: 1 },
    fields: {
      messageId: record.messageId,
      ...(queue ? { queue } : {}),
      bytes: Buffer.byteLength(record.body),
      ...what.fields,
    },
  });
}

async function tellObject(item: WorkItem, definition: KindDefinition, ports: Ports): Promise<void> {
  const { cluster: name, kind, namespace, name: object, trace } = item;
  const key: ObjectKey = { cluster: name, kind, namespace, name: object };
  const log = ports.log.with({ object: keyString(key), trace });
  const cluster = await ports.clusters.get(name);
  const found = await cluster.get({ apiVersion: apiVersionOf(definition), kind }, namespace, object);
  if (!found) return ports.index.removeObject(key);
  if (!definition.hasStatus) return;
  const message =
    'the worker stopped several times without coming to an end (time-out, out of memory or a defect); the log of the trace tells more';
  const outcome = { type: 'failed', reason: 'ReconciliationFailed', message } as const;
  const { conditions: _, ...draft } = (found.status ?? {}) as Record<string, unknown>;
  const conditions = summarize({
    before: conditionsOf(found),
    generation: found.metadata.generation ?? 0,
    outcome,
    facts: new Map<string, ConditionFact>(),
    transient: [],
    stage: undefined,
    now: ports.clock.now(),
  });
  const written = await writeStatus(
    cluster,
    definition,
    found,
    statusAfter(definition, found, draft, conditions, outcome),
  );
  const dueAt = isSuspended(found) ? never : ports.clock.now() + retryAfterMs;
  await ports.index.putObject(recordOf(key, written, dueAt, found));
  const event = { severity: 'error', reason: outcome.reason, message } as const;
  await sendEvents({ key, definition, object: written, cluster, ports, log, trace }, [event]);
}

/** What killed three workers will likely kill a fourth; so not soon. */
const retryAfterMs = 15 * 60_000;
