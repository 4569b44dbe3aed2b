import { apiVersionOf, kindOf } from '../api/kinds.ts';
import { type KubeObject, keyString, type ObjectKey } from '../api/object.ts';
import { ApiError } from '../ports/cluster.ts';
import { makeContext, type Recorded } from './context.ts';
import { wakeDependents } from './dependents.ts';
import { classify, findError, isUnreachable, messageOfError, StalledError } from './errors.ts';
import { logUnrecorded, measureReconcile, measureThrown, measureUnreachable } from './measure.ts';
import type { Outcome } from './outcome.ts';
import { tellIfSlow } from './progress.ts';
import { isSuspended, never, recordOf } from './record.ts';
import { postpone, settle } from './settle.ts';
import { statusManager, suspendedStatus, writeStatus } from './status.ts';
import type { Attempt, Subject } from './subject.ts';

/**
 * How far apart the clocks of senders and workers may be. Small, because a message sent within it after a start costs a
 * second look; machines of one region agree within a few milliseconds.
 */
const clockMarginMs = 100;

/** Time kept back from the controller, for writing what came of it. */
const settleMs = 5_000;

/** One reconcile of one object, from the message to the timer that follows. Throws when the message has to come again. */
export async function reconcileItem(attempt: Attempt): Promise<void> {
  const { item, ports } = attempt;
  const key: ObjectKey = { cluster: item.cluster, kind: item.kind, namespace: item.namespace, name: item.name };
  const definition = kindOf(item.kind);
  if (!definition) throw new Error(`${item.kind} is no toolkit kind`);
  const log = ports.log.with({ object: keyString(key), trace: item.trace, reason: item.reason });
  const startedAt = ports.clock.now();
  // What is delivered again was sent before the start that did not finish; it must not be taken for done.
  if (!attempt.redelivered && isSeen(item.sentAt, await ports.index.lastStarted(key), startedAt)) {
    log.info('coalesced: a later reconcile has seen what this message was sent for');
    return;
  }
  await ports.index.markStarted(key, startedAt);
  const cluster = await ports.clusters.get(item.cluster);
  try {
    const type = { apiVersion: apiVersionOf(definition), kind: definition.kind };
    const object = await cluster.get(type, key.namespace, key.name);
    if (!object) {
      await ports.index.removeObject(key);
      return;
    }
    await reconcileObject(attempt, { key, definition, cluster, object, log, startedAt });
  } catch (error) {
    if (!passes(error)) {
      measureThrown(attempt, startedAt);
      throw error;
    }
    // Nothing could be read or written, so there is no status to tell it: a timer comes back, and the log tells.
    measureUnreachable(attempt, startedAt, error);
    await postpone(attempt, key, classify(error));
  }
}

/**
 * Whether a reconcile that began later than the message was sent has seen what it was sent for. A start that lies in the
 * future was marked by a clock that has been set back since: nothing can be told from it.
 */
function isSeen(sentAt: number, lastStarted: number, now: number): boolean {
  return sentAt < lastStarted - clockMarginMs && lastStarted <= now + clockMarginMs;
}

/** Trouble of the API server itself, that comes and goes: not worth the receives that lead to the dead-letter queue. */
function passes(error: unknown): boolean {
  const status = findError(error, ApiError)?.status;
  return isUnreachable(error) || (status !== undefined && (status === 401 || status === 429 || status >= 500));
}

async function reconcileObject(attempt: Attempt, subject: Subject): Promise<void> {
  const { definition, key, log } = subject;
  const { index } = attempt.ports;
  const finalizer = definition.finalizer;
  const deleting = subject.object.metadata.deletionTimestamp !== undefined;
  if (deleting && !(finalizer && subject.object.metadata.finalizers?.includes(finalizer))) {
    // Nothing left to do for us; the object waits for the finalizers of others, or is gone already.
    await index.removeObject(key);
    return;
  }
  if (!deleting && attempt.controller.holdsData?.(subject.object)) return keepData(attempt, subject);
  if (!deleting && finalizer && !subject.object.metadata.finalizers?.includes(finalizer)) {
    const withFinalizer = await addFinalizer(subject, finalizer);
    if (!withFinalizer) return index.removeObject(key);
    subject.object = withFinalizer;
  }
  if (!deleting && subject.object.spec?.suspend === true) {
    log.info('suspended');
    await index.putObject(recordOf(key, await tellSuspended(subject), never, subject.object));
    return;
  }
  await recordReferences(attempt, subject);
  const recorded = await run(attempt, subject, deleting);
  try {
    await conclude(attempt, subject, recorded, deleting ? (finalizer as string) : undefined);
  } catch (error) {
    logUnrecorded(log, recorded.outcome);
    throw error;
  }
  measureReconcile(attempt, subject.startedAt, recorded.outcome);
}

/**
 * An object that only holds data: what it has of a status and a finalizer, from when it was another, goes. Who refers to it
 * is told of a new generation.
 */
async function keepData({ ports, item }: Attempt, subject: Subject): Promise<void> {
  const { cluster, definition, key, object } = subject;
  const known = await ports.index.getObject(key);
  if (!isSuspended(object)) {
    if (definition.finalizer) await removeFinalizer(subject, definition.finalizer);
    // The API server's default of observedGeneration comes back by itself.
    const had = Object.keys(object.status ?? {}).filter(field => field !== 'observedGeneration');
    if (had.length > 0) await writeStatus(cluster, definition, object, {});
  }
  await ports.index.putObject(recordOf(key, { ...object, status: {} }, never, object));
  const isNews = known?.uid !== object.metadata.uid || known?.generation !== object.metadata.generation;
  if (isNews) await wakeDependents(key, ports, item.trace);
}

/** `finalizer` is that of an object that is being deleted; what is done with it lets it go. */
async function conclude(attempt: Attempt, subject: Subject, recorded: Recorded, finalizer?: string): Promise<void> {
  if (finalizer === undefined) return settle(attempt, subject, recorded, 'stays');
  if (recorded.outcome.type !== 'done') return settle(attempt, subject, recorded, 'going');
  await removeFinalizer(subject, finalizer);
  await settle(attempt, subject, recorded, 'gone');
}

/** Nothing is done, but the status says that this generation and this request were seen. */
async function tellSuspended(subject: Subject): Promise<KubeObject> {
  const { cluster, definition, object } = subject;
  if (!definition.hasStatus) return object;
  try {
    return await writeStatus(cluster, definition, object, suspendedStatus(definition, object));
  } catch (error) {
    // Deleted meanwhile.
    if (!(error instanceof ApiError && (error.status === 404 || error.status === 409))) throw error;
    return object;
  }
}

/** When the reconcile that is about to begin must have recorded what came of it. */
const lostAfterMs = 5 * 60_000;

/**
 * The index must know what the object refers to before the controller reads that: whoever is referred to writes its
 * status first and then wakes those the index names. So either it is read as it now is, or it wakes this object.
 */
async function recordReferences({ ports }: Attempt, { key, object, startedAt }: Subject): Promise<void> {
  const record = recordOf(key, object, startedAt + lostAfterMs);
  const known = await ports.index.getObject(key);
  const covered = known?.uid === record.uid && record.refs.every(ref => known.refs.includes(ref));
  if (!covered) await ports.index.putObject(record);
}

/** Runs the controller; whatever it throws becomes an outcome. */
async function run(attempt: Attempt, subject: Subject, deleting: boolean): Promise<Recorded> {
  const { definition, object } = subject;
  const timeout = Math.max(1, attempt.deadline - settleMs - attempt.ports.clock.now());
  const signal = AbortSignal.timeout(timeout);
  const parsed = definition.schema.safeParse(object);
  const { context, finish, stage } = makeContext(attempt, subject, (parsed.data ?? object) as KubeObject, signal);
  const progress = tellIfSlow(subject, attempt.ports.clock, stage);
  let outcome: Outcome;
  try {
    if (deleting) outcome = (await inTime(attempt.controller.finalize?.(context), signal)) ?? finalized;
    else {
      if (parsed.error) throw new StalledError('InvalidSpec', `the object is not valid: ${firstIssue(parsed.error)}`);
      const fields = definition.unsupported(object);
      if (fields.length > 0)
        throw new StalledError(
          'UnsupportedField',
          `not supported by Sluice yet: ${fields.join(', ')}; remove it to go on`,
        );
      outcome = await inTime(attempt.controller.reconcile(context), signal);
    }
  } catch (error) {
    // The API server's own trouble says nothing about the object.
    if (isUnreachable(error)) throw error;
    outcome = signal.aborted
      ? { type: 'failed', reason: 'Timeout', message: `ran out of time: ${messageOfError(error)}`, error }
      : classify(error);
  } finally {
    await progress.stop();
  }
  return finish(outcome);
}

/** How long a controller has, once told to stop, before it is left alone. */
const stopMs = 2_000;

/**
 * What the controller comes to, or, when it does not stop in time, an error: the object has to be told before the
 * invocation is ended from outside, or nobody ever learns why nothing happens.
 */
async function inTime<T>(work: T | Promise<T>, signal: AbortSignal): Promise<T> {
  const late = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const arm = () => {
    timer = setTimeout(() => late.reject(new Error('the work went on when it was told to stop')), stopMs);
  };
  signal.addEventListener('abort', arm, { once: true });
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', arm);
  }
}

const finalized: Outcome = { type: 'done', reason: 'Succeeded', message: 'finalized' };

function firstIssue(error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] }): string {
  const issue = error.issues[0];
  return issue ? `${issue.path.map(String).join('.')}: ${issue.message}` : 'unknown reason';
}

async function addFinalizer(subject: Subject, finalizer: string): Promise<KubeObject | undefined> {
  return editFinalizers(subject, names => [...new Set([...names, finalizer])]);
}

async function removeFinalizer(subject: Subject, finalizer: string): Promise<void> {
  await editFinalizers(subject, names => names.filter(name => name !== finalizer));
}

const maxConflicts = 5;

/**
 * One merge patch, on the condition that the object is as it was read, since the list is replaced as a whole; read anew and
 * tried again when someone else was faster. Undefined when the object is gone.
 */
async function editFinalizers(subject: Subject, edit: (names: string[]) => string[]): Promise<KubeObject | undefined> {
  const { cluster, definition } = subject;
  const type = { apiVersion: subject.object.apiVersion, kind: subject.object.kind };
  let object = subject.object;
  for (let conflicts = 0; ; conflicts++) {
    const { name, namespace, resourceVersion, finalizers = [] } = object.metadata;
    const edited = edit(finalizers);
    if (edited.length === finalizers.length) return object;
    const body = { metadata: { finalizers: edited, resourceVersion } };
    try {
      return await cluster.patch<KubeObject>(
        type,
        namespace,
        name,
        { type: 'merge', body },
        {
          fieldManager: statusManager(definition),
        },
      );
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 409)) throw error;
      if (error.status === 409 && conflicts >= maxConflicts) throw error;
      const fresh = error.status === 404 ? undefined : await cluster.get(type, namespace, name);
      // Gone, or a namesake in its place.
      if (!fresh || fresh.metadata.uid !== object.metadata.uid) return undefined;
      object = fresh;
    }
  }
}
