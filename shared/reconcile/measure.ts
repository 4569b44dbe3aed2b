import { keyString } from '../api/object.ts';
import type { Figures } from '../ports/metrics.ts';
import type { Log } from '../ports/ports.ts';
import { messageOfError, truncate } from './errors.ts';
import type { Outcome } from './outcome.ts';
import type { Attempt } from './subject.ts';
import type { WorkItem } from './work-item.ts';

/** Says what a reconcile came to, once: the log's line and the metrics of its kind in one. */
export function measureReconcile(attempt: Attempt, startedAt: number, outcome: Outcome): void {
  const failed = outcome.type === 'failed' || outcome.type === 'stalled';
  attempt.ports.metrics.record({
    message: failed ? `reconcile ${outcome.type}` : 'reconciled',
    level: failed ? 'warn' : 'info',
    kind: attempt.item.kind,
    figures: figuresOf(attempt, startedAt, failed),
    fields: { ...fieldsOf(attempt.item), outcome: outcome.type, ...detailsOf(outcome) },
  });
}

/** The same for a reconcile that came to no end, since its cluster did not answer: there is no status to tell it. */
export function measureUnreachable(attempt: Attempt, startedAt: number, error: unknown): void {
  attempt.ports.metrics.record({
    message: 'the cluster does not answer; trying again later',
    level: 'warn',
    kind: attempt.item.kind,
    figures: figuresOf(attempt, startedAt, true),
    fields: { ...fieldsOf(attempt.item), error: messageOfError(error) },
  });
}

/** The same for one whose message has to come again; why, the worker says. */
export function measureThrown(attempt: Attempt, startedAt: number): void {
  attempt.ports.metrics.record({
    message: 'a reconcile came to no end',
    level: 'warn',
    kind: attempt.item.kind,
    figures: figuresOf(attempt, startedAt, true),
    fields: fieldsOf(attempt.item),
    figuresOnly: true,
  });
}

/** What the controller came to, when that could not be recorded: otherwise nobody would learn of it. */
export function logUnrecorded(log: Log, outcome: Outcome): void {
  if (outcome.type !== 'failed' && outcome.type !== 'stalled') return;
  log.warn(`reconcile ${outcome.type}, and that could not be recorded`, detailsOf(outcome));
}

function figuresOf({ item, ports }: Attempt, startedAt: number, failed: boolean): Figures {
  return {
    Reconciles: 1,
    ReconcileFailures: failed ? 1 : 0,
    ReconcileDuration: Math.max(0, ports.clock.now() - startedAt),
    // A timer's message waited on purpose until it came due. Clocks differ a little.
    QueueDelay: Math.max(0, startedAt - (item.dueAt ?? item.sentAt)),
  };
}

/** Characters of a text that others have written: a line with metrics must stay below 256 KiB. */
const longest = 10_000;

function fieldsOf(item: WorkItem): Record<string, unknown> {
  return { object: keyString(item), trace: item.trace, reason: item.reason };
}

function detailsOf(outcome: Outcome): Record<string, unknown> {
  if (outcome.type === 'requeue') return {};
  if (outcome.type === 'done' || outcome.type === 'waiting') return { code: outcome.reason };
  const stack = outcome.error instanceof Error ? outcome.error.stack : undefined;
  const error = truncate(outcome.message, longest);
  return { code: outcome.reason, error, ...(stack ? { stack: truncate(stack, longest) } : {}) };
}
