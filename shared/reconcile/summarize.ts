import type { Condition } from '../api/object.ts';
import { truncate } from './errors.ts';
import type { ConditionFact, Outcome } from './outcome.ts';

export interface Summary {
  /** The conditions the object has. */
  before: readonly Condition[];
  generation: number;
  outcome: Outcome;
  /** What steps said about other conditions. */
  facts: ReadonlyMap<string, ConditionFact>;
  /** Types that go when no step said so this time. */
  transient: readonly string[];
  /** What was being done last: Reconciling's message when there was no success. */
  stage: string | undefined;
  now: number;
}

/**
 * The one place that decides about conditions. Ready, Reconciling and Stalled follow from the outcome, as kstatus wants
 * them (the latter two exist only while true); the rest from the facts. A condition's transition time changes only when
 * its status, reason or message does.
 */
export function summarize(summary: Summary): Condition[] {
  const { outcome } = summary;
  const conditions = new Map<string, Omit<Condition, 'lastTransitionTime'> | Condition>();
  for (const condition of summary.before) conditions.set(condition.type, condition);
  const set = (type: string, fact: ConditionFact) => {
    if (fact === null) conditions.delete(type);
    else
      conditions.set(type, {
        type,
        status: fact.status,
        observedGeneration: summary.generation,
        reason: fact.reason,
        message: truncate(fact.message, maxMessage),
      });
  };
  if (outcome.type !== 'requeue') {
    for (const type of summary.transient) if (!summary.facts.has(type)) set(type, null);
    for (const [type, fact] of topConditions(summary)) set(type, fact);
  }
  for (const [type, fact] of summary.facts) set(type, fact);
  return [...conditions.values()]
    .map(condition => withTransition(condition, summary))
    .sort((a, b) => rank(a.type) - rank(b.type) || (a.type < b.type ? -1 : 1));
}

const maxMessage = 32_768;

function topConditions({ outcome, before, stage }: Summary): [string, ConditionFact][] {
  const had = before.find(condition => condition.type === 'Reconciling');
  const message = stage ?? had?.message;
  const retrying: ConditionFact =
    message === undefined ? null : { status: 'True', reason: 'ProgressingWithRetry', message };
  switch (outcome.type) {
    case 'done':
      return [
        ['Ready', { status: 'True', reason: outcome.reason, message: outcome.message }],
        ['Reconciling', null],
        ['Stalled', null],
      ];
    case 'stalled':
      return [
        ['Ready', { status: 'False', reason: outcome.reason, message: outcome.message }],
        ['Reconciling', null],
        ['Stalled', { status: 'True', reason: outcome.reason, message: outcome.message }],
      ];
    case 'failed':
      return [
        ['Ready', { status: 'False', reason: outcome.reason, message: outcome.message }],
        ['Reconciling', retrying],
        ['Stalled', null],
      ];
    case 'waiting':
      if (outcome.ready === 'False')
        return [
          ['Ready', { status: 'False', reason: outcome.reason, message: outcome.message }],
          ['Reconciling', retrying],
          ['Stalled', null],
        ];
      return [
        ['Ready', { status: 'Unknown', reason: outcome.reason, message: outcome.readyMessage ?? outcome.message }],
        ['Reconciling', { status: 'True', reason: outcome.reason, message: outcome.message }],
        ['Stalled', null],
      ];
    case 'requeue':
      return [];
  }
}

function withTransition(condition: Omit<Condition, 'lastTransitionTime'> | Condition, summary: Summary): Condition {
  const old = summary.before.find(candidate => candidate.type === condition.type);
  if (old === condition) return old;
  const same =
    old !== undefined &&
    old.status === condition.status &&
    old.reason === condition.reason &&
    old.message === condition.message;
  return { ...condition, lastTransitionTime: same ? old.lastTransitionTime : rfc3339(summary.now) };
}

/** Stalled, Reconciling and Ready first, for those who read them in a terminal; the rest by name. */
function rank(type: string): number {
  const place = ['Stalled', 'Reconciling', 'Ready'].indexOf(type);
  return place < 0 ? 3 : place;
}

/** As Kubernetes writes times: UTC, whole seconds. */
export function rfc3339(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
