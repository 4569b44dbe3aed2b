import type { Clock } from '../ports/clock.ts';
import { messageOfError } from './errors.ts';
import type { ConditionFact, Outcome } from './outcome.ts';
import { statusAfter, writeStatus } from './status.ts';
import { conditionsOf, type Subject } from './subject.ts';
import { summarize } from './summarize.ts';

/**
 * Most reconciles take less than a second, and a status that says "in progress" would double what they write. One that
 * takes longer than this says so, once, so that those who look know that something is going on, and what.
 */
const slowAfterMs = 5_000;

/**
 * Watches over a running reconcile; `stop` has to be awaited before the final status is written. The object of `subject`
 * is replaced by what was written, so that the final status is compared with what the cluster has.
 */
export function tellIfSlow(subject: Subject, clock: Clock, stage: () => string | undefined): { stop(): Promise<void> } {
  let writing: Promise<void> | undefined;
  const timer = setTimeout(() => {
    writing = tell(subject, stage() ?? 'reconciliation in progress', clock.now()).catch((error: unknown) =>
      subject.log.warn('the progress could not be written', { error: messageOfError(error) }),
    );
  }, slowAfterMs);
  return {
    async stop() {
      clearTimeout(timer);
      await writing;
    },
  };
}

async function tell(subject: Subject, message: string, now: number): Promise<void> {
  const { object, cluster, definition } = subject;
  if (!definition.hasStatus) return;
  const readyMessage = 'Reconciliation in progress';
  const outcome: Outcome = {
    type: 'waiting',
    ready: 'Unknown',
    reason: 'Progressing',
    message,
    readyMessage,
    afterMs: 0,
  };
  const { conditions: _, ...status } = (object.status ?? {}) as Record<string, unknown>;
  const conditions = summarize({
    before: conditionsOf(object),
    generation: object.metadata.generation ?? 0,
    outcome,
    facts: new Map<string, ConditionFact>(),
    transient: [],
    stage: message,
    now,
  });
  subject.object = await writeStatus(
    cluster,
    definition,
    object,
    statusAfter(definition, object, status, conditions, outcome),
  );
}
