/** The kinds of work of the model, each from what was measured under its name. */
import { latencyMs, pauseMs } from './assumptions.ts';
import { times, total, type Work, work, workOf } from './work.ts';

const dependentsMeasured = 3;

/** Sending to more dependents than were measured: ten in a call. */
function sourceChanged(dependents: number): Work {
  const measured = work(`GitRepository, new revision, ${dependentsMeasured} dependents`, 'source');
  const more = Math.ceil(dependents / 10) - 1;
  const sending = sendsOf(more, 'source');
  return {
    ...measured,
    // Some calls are under way at a time: order matters within a group only.
    seconds: measured.seconds + sending.cpuSeconds + (Math.ceil(more / 10) * latencyMs.queue) / 1000,
    cpuSeconds: measured.cpuSeconds + sending.cpuSeconds,
    sends: measured.sends + more,
    messages: { ...measured.messages, kustomize: dependents },
  };
}

function sendsOf(count: number, of: Work['function']): Work {
  return workOf('sends', { tally: { 'queue.sends': count }, cpuMs: 0, ms: 0 }, of);
}

const changed = work('Kustomization, one of ten objects changed', 'kustomize');

export const works = {
  GitRepository: {
    unchanged: work('GitRepository, unchanged', 'source'),
    cold: work('GitRepository, unchanged, cold', 'source'),
    changed: sourceChanged,
  },
  Kustomization: {
    unchanged: work('Kustomization, unchanged', 'kustomize'),
    cold: work('Kustomization, unchanged, cold', 'kustomize'),
    changed,
    changedCold: work('Kustomization, one of ten changed, cold', 'kustomize'),
    made: work('Kustomization, ten objects made', 'kustomize'),
    waiting: work('Kustomization, health awaited, by timer', 'kustomize'),
  },
  webhook: work('webhook', 'webhook'),
  event: work('event, one Provider told', 'notification'),
  eventUnheard: work('event, no Alert asks for it', 'notification'),
  /** Events that a changed Kustomization sends. */
  eventsOfChange: changed.messages.notification ?? 0,
  timer: {
    /** By the reconcile that sets it, which was counted at an interval that needs none. */
    set: workOf('timer', { tally: { 'queue.sends': 1, 'queue.timer': 1 }, cpuMs: 0, ms: 0 }, 'kustomize'),
    /** One message in, one out. */
    forward: workOf('timer', { tally: { 'queue.sends': 1, 'queue.kustomize': 1 }, cpuMs: 1, ms: 0 }, 'timer'),
  },
} as const;

const hundredDue = work('schedule, a hundred objects due', 'schedule');
/** Every other time, it writes when it was (sweep-record.ts); within the measurement's seconds it never does. */
const restated = workOf('sweep restated', { tally: { 'index.setCursor': 0.5 }, cpuMs: 0, ms: 0 }, 'schedule');
const sweep = total([work('sweep, unchanged', 'schedule'), restated]);

export const scheduled = {
  sweep,
  sweepPause: (pauseMs.sweep ?? 0) / 1000,
  /** Each object that changed costs the sweep a look into the index. */
  change: workOf('change', { tally: { 'index.getObject': 1 }, cpuMs: 1, ms: 0 }, 'schedule'),
  dueObject: times(hundredDue, 1 / 100),
  /** Seconds of the schedule for each object that it sends: CPU, and three rounds of waiting for a hundred. */
  dueSeconds: hundredDue.cpuSeconds / 100 + (2 * latencyMs.index + latencyMs.queue) / 1000 / 100,
  nothing: workOf('nothing', { tally: {}, cpuMs: 0, ms: 0 }, 'schedule'),
};
