import type { KubeObject } from '../api/object.ts';
import type { Context, EventRecord } from './controller.ts';
import type { ConditionFact, Outcome } from './outcome.ts';
import { requestedAtAnnotation } from './record.ts';
import { statusAfter } from './status.ts';
import { type Attempt, conditionsOf, type Subject } from './subject.ts';
import { summarize } from './summarize.ts';

/** What a controller left behind, ready to be written. */
export interface Recorded {
  outcome: Outcome;
  /** The whole status, conditions included. */
  status: Record<string, unknown>;
  events: EventRecord[];
}

/** The context of one reconcile, and how to close it. */
export function makeContext(
  attempt: Attempt,
  subject: Subject,
  object: KubeObject,
  signal: AbortSignal,
): { context: Context; finish(outcome: Outcome): Recorded; stage(): string | undefined } {
  const { ports, item } = attempt;
  const { conditions: _, ...draft } = structuredClone(subject.object.status ?? {}) as Record<string, unknown>;
  const facts = new Map<string, ConditionFact>();
  const events: EventRecord[] = [];
  let stage: string | undefined;
  const requestedAt = subject.object.metadata.annotations?.[requestedAtAnnotation];
  const requested = requestedAt !== undefined && requestedAt !== subject.object.status?.lastHandledReconcileAt;
  const now = ports.clock.now();
  const context: Context = {
    object,
    key: subject.key,
    cluster: subject.cluster.withSignal?.(signal) ?? subject.cluster,
    ports,
    clock: ports.clock,
    log: subject.log,
    trace: item.trace,
    reason: item.reason,
    startedAt: subject.startedAt,
    // A request is answered here even if it came after the message was sent.
    askedAt:
      requested && item.requestedAt !== requestedAt ? now : Math.min(now, Math.max(item.sentAt, item.dueAt ?? 0)),
    requested,
    redelivered: attempt.redelivered,
    signal,
    deadline: attempt.deadline,
    status: draft,
    condition: (type, fact) => void facts.set(type, fact),
    event: event => void events.push(event),
    stage: message => {
      stage = message;
    },
  };
  const finish = (outcome: Outcome): Recorded => {
    const conditions = summarize({
      before: conditionsOf(subject.object),
      generation: subject.object.metadata.generation ?? 0,
      outcome,
      facts,
      transient: attempt.controller.transientConditions,
      stage,
      now: ports.clock.now(),
    });
    const failure = failureEvent(outcome);
    return {
      outcome,
      status: statusAfter(subject.definition, subject.object, draft, conditions, outcome),
      events: failure ? [...events, failure] : events,
    };
  };
  return { context, finish, stage: () => stage };
}

function failureEvent(outcome: Outcome): EventRecord | undefined {
  if (outcome.type !== 'failed' && outcome.type !== 'stalled') return undefined;
  const { message, metadata } = outcome;
  const reason = (outcome.type === 'failed' ? outcome.eventReason : undefined) ?? outcome.reason;
  return { severity: 'error', reason, message, ...(metadata ? { metadata } : {}) };
}
