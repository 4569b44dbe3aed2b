import { apiVersionOf, kindOf } from '../api/kinds.ts';
import { keyString, type ObjectKey } from '../api/object.ts';
import type { Ports } from '../ports/ports.ts';
import type { ConditionFact } from './outcome.ts';
import { never, recordOf } from './record.ts';
import { sendEvents } from './recorder.ts';
import { statusAfter, writeStatus } from './status.ts';
import { conditionsOf } from './subject.ts';
import { summarize } from './summarize.ts';
import { WorkItem } from './work-item.ts';
import type { WorkRecord } from './worker.ts';

/**
 * For each record of a dead-letter queue: makes the object's Ready=False with the cause, and lets the schedule try again
 * later. Messages that are no work items are logged; there is no object to tell. Throws when the object could not be
 * told, so that the record stays where it is.
 */
export async function deadLettered(record: WorkRecord, ports: Ports): Promise<void> {
  const log = ports.log.with({ message: record.messageId });
  const item = WorkItem.safeParse(parse(record.body));
  const definition = item.success ? kindOf(item.data.kind) : undefined;
  if (!item.success || !definition) {
    log.error('a message that no worker understands lies in the dead-letter queue', { bytes: record.body.length });
    return;
  }
  const { cluster: name, kind, namespace, name: object, trace } = item.data;
  const key: ObjectKey = { cluster: name, kind, namespace, name: object };
  log.error('a reconcile failed too often and was given up', { object: keyString(key), trace });
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
  const written = await writeStatus(cluster, definition, found, statusAfter(found, draft, conditions, outcome));
  const dueAt = found.spec?.suspend === true ? never : ports.clock.now() + retryAfterMs;
  await ports.index.putObject(recordOf(key, written, dueAt, found));
  const event = { severity: 'error', reason: outcome.reason, message } as const;
  await sendEvents({ key, definition, object: written, cluster, ports, log, trace }, [event]);
}

/** What killed three workers will likely kill a fourth; so not soon. */
const retryAfterMs = 15 * 60_000;

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
