import { parseDuration } from '../api/duration.ts';
import type { KubeObject, ObjectKey } from '../api/object.ts';
import { ApiError } from '../ports/cluster.ts';
import { backoffMs, jittered } from './backoff.ts';
import type { Recorded } from './context.ts';
import { wakeDependents } from './dependents.ts';
import type { Outcome } from './outcome.ts';
import { never, recordOf } from './record.ts';
import { sendEvents } from './recorder.ts';
import { writeStatus } from './status.ts';
import { type Attempt, conditionsOf, type Subject } from './subject.ts';
import { messageOf, workItem } from './work-item.ts';

/**
 * Makes known what a reconcile came to. The status first: whoever is woken afterwards reads it. Then, side by side, the
 * Events, the index, the dependents and the timer; each of them may be repeated when the message comes again.
 */
export async function settle(
  attempt: Attempt,
  subject: Subject,
  recorded: Recorded,
  fate: 'stays' | 'going' | 'gone',
): Promise<void> {
  const { ports, item } = attempt;
  const { key, definition, cluster, log } = subject;
  const recording = { key, definition, cluster, ports, log, trace: item.trace };
  if (fate === 'gone') {
    await Promise.all([
      sendEvents({ ...recording, object: subject.object }, recorded.events),
      ports.index.removeObject(key),
    ]);
    return;
  }
  await recordHookPath(attempt, subject, recorded);
  const object = await write(subject, recorded);
  if (!object) {
    await ports.index.removeObject(key);
    return;
  }
  await Promise.all([
    sendEvents({ ...recording, object }, recorded.events),
    comeBack(attempt, subject, object, recorded.outcome),
    tellDependents(attempt, subject, object),
  ]);
}

/** A push may come as soon as the status names the path of a hook, so that the index knows it by then. */
async function recordHookPath({ ports }: Attempt, { key, object }: Subject, { status }: Recorded): Promise<void> {
  const { webhookPath } = status;
  if (key.kind !== 'Receiver' || webhookPath === undefined || webhookPath === object.status?.webhookPath) return;
  await ports.index.putObject(recordOf(key, { ...object, status }, ports.clock.now() + graceMs));
}

async function write(subject: Subject, recorded: Recorded): Promise<KubeObject | undefined> {
  if (!subject.definition.hasStatus) return subject.object;
  try {
    return await writeStatus(subject.cluster, subject.definition, subject.object, recorded.status);
  } catch (error) {
    // Deleted meanwhile, or deleted and made anew: what we found out belongs to nobody.
    if (error instanceof ApiError && (error.status === 404 || isUidConflict(error))) return undefined;
    throw error;
  }
}

function isUidConflict(error: ApiError): boolean {
  return error.status === 409 && /uid/i.test(error.message);
}

/** A later look at an object whose cluster went away before there was an end: by timer, with nothing else known. */
export async function postpone(attempt: Attempt, key: ObjectKey, outcome: Outcome): Promise<void> {
  const delay = delayOf(attempt, undefined, outcome);
  await attempt.ports.index.setDue(key, attempt.ports.clock.now() + delay + graceMs);
  await sendTimer(attempt, key, outcome, delay, { unfinished: true });
}

/** An object that a timer brings back is due only later in the index: the schedule makes good a timer that was lost. */
const graceMs = 60_000;
/** Longer than this, and the schedule alone brings an object back: a timer would cost two queue messages for nothing. */
const scheduledFromMs = 90_000;
const maxTimerMs = 900_000;

async function comeBack(attempt: Attempt, subject: Subject, object: KubeObject, outcome: Outcome): Promise<void> {
  const { key, object: seen } = subject;
  const { index, clock } = attempt.ports;
  const delay = delayOf(attempt, object, outcome);
  if (delay === never) return index.putObject(recordOf(key, object, never, seen));
  const byTimer = delay <= (outcome.type === 'done' ? scheduledFromMs : maxTimerMs);
  await index.putObject(recordOf(key, object, clock.now() + delay + (byTimer ? graceMs : 0), seen));
  if (byTimer) await sendTimer(attempt, key, outcome, delay);
}

async function sendTimer(
  attempt: Attempt,
  key: ObjectKey,
  outcome: Outcome,
  delayMs: number,
  more: { unfinished?: boolean } = {},
): Promise<void> {
  const { ports, item } = attempt;
  const failed = outcome.type === 'failed';
  const seconds = Math.min(900, Math.max(1, Math.round(delayMs / 1000)));
  const sentAt = ports.clock.now();
  const next = workItem(key, {
    reason: failed ? 'retry' : outcome.type === 'done' ? 'interval' : 'timer',
    trace: item.trace,
    sentAt,
    dueAt: sentAt + seconds * 1000,
    ...(failed ? { attempt: (item.attempt ?? 0) + 1 } : {}),
    ...more,
  });
  await ports.queue.sendLater(messageOf(next), seconds);
}

/** How long until the object is looked at again without anyone asking. */
function delayOf(attempt: Attempt, object: KubeObject | undefined, outcome: Outcome): number {
  switch (outcome.type) {
    case 'done':
      return outcome.afterMs ?? intervalOf(object, attempt.random);
    case 'requeue':
    case 'waiting':
      return outcome.afterMs;
    case 'stalled':
      return outcome.afterMs ?? never;
    case 'failed':
      return outcome.afterMs ?? backoffMs((attempt.item.attempt ?? 0) + 1);
  }
}

function intervalOf(object: KubeObject | undefined, random: () => number): number {
  const interval = object?.spec?.interval;
  return typeof interval === 'string' ? jittered(parseDuration(interval), random) : never;
}

async function tellDependents(attempt: Attempt, subject: Subject, after: KubeObject): Promise<void> {
  const { ports, item } = attempt;
  // A worker that died after its status write may not have woken anyone; so the one that follows it does.
  if (!attempt.redelivered && !worthWaking(subject.object, after)) return;
  await wakeDependents(subject.key, ports, item.trace);
}

/** A new artifact, or Ready=True for something it was not ready for before. */
function worthWaking(before: KubeObject, after: KubeObject): boolean {
  const [old, now] = [before.status?.artifact, after.status?.artifact];
  if (now && (old?.revision !== now.revision || old?.digest !== now.digest)) return true;
  if (!isReady(after)) return false;
  return (
    !isReady(before) ||
    before.status?.observedGeneration !== after.status?.observedGeneration ||
    before.status?.lastAppliedRevision !== after.status?.lastAppliedRevision
  );
}

function isReady(object: KubeObject): boolean {
  return conditionsOf(object).some(condition => condition.type === 'Ready' && condition.status === 'True');
}
