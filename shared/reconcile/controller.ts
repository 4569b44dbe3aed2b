import type { KubeObject, ObjectKey } from '../api/object.ts';
import type { Clock } from '../ports/clock.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { Log, Ports } from '../ports/ports.ts';
import type { ConditionFact, Outcome } from './outcome.ts';

/**
 * A controller is a function from (object, context) to an outcome. The kit reads the object, keeps suspension, finalizers,
 * `observedGeneration`, `lastHandledReconcileAt`, conditions, Events, backoff, timers and the index.
 */
export interface Controller<T extends KubeObject = KubeObject> {
  /** One of the toolkit kinds of shared/api/kinds.ts. */
  readonly kind: string;
  reconcile(context: Context<T>): Promise<Outcome>;
  /**
   * Called instead of `reconcile` once the object has a deletionTimestamp; `done` lets it go (the finalizer is removed).
   * Without it there is nothing to clean up.
   */
  finalize?(context: Context<T>): Promise<Outcome>;
  /**
   * True for an object that only holds data for others, such as the address of a registry: it is not reconciled, and has
   * neither a finalizer nor a status.
   */
  holdsData?(object: T): boolean;
  /**
   * Condition types, besides Ready, Reconciling and Stalled, that only hold while somebody says so: summarize removes them
   * unless this reconcile set them (`context.condition`). Types not named here keep their last value.
   */
  readonly transientConditions: readonly string[];
}

/** What a controller may use during one reconcile. */
export interface Context<T extends KubeObject = KubeObject> {
  /** The object as it is now, parsed by its kind's schema (defaults filled in). Not to be changed: see `status`. */
  readonly object: T;
  readonly key: ObjectKey;
  /** The object's own cluster, as Sluice itself. Its requests end with `signal`. */
  readonly cluster: Cluster;
  readonly ports: Ports;
  readonly clock: Clock;
  readonly log: Log;
  readonly trace: string;
  /** Why this reconcile runs: the `reason` of its work item. */
  readonly reason: string;
  /** Epoch ms at which this reconcile began: of messages sent before, none will come any more. */
  readonly startedAt: number;
  /**
   * Epoch ms: what is learnt of the world outside counts only if it was asked for at this time or later, since whoever called
   * for this reconcile may have seen the world change just before.
   */
  readonly askedAt: number;
  /** True when `reconcile.fluxcd.io/requestedAt` asks for something that is not yet handled. */
  readonly requested: boolean;
  /**
   * True when an earlier worker got the same message and did not finish: what it did may be in the cluster without being
   * in the status.
   */
  readonly redelivered: boolean;
  /** Aborted when the invocation runs out of time. */
  readonly signal: AbortSignal;
  /** Epoch ms at which `signal` aborts. */
  readonly deadline: number;
  /**
   * The status as it shall become, without conditions: a copy of the object's, changed by steps, written once by the kit
   * and only when it differs from what the cluster has.
   */
  readonly status: Record<string, unknown>;
  /** Says that a condition other than Ready, Reconciling and Stalled now holds, or (null) no longer does. */
  condition(type: string, fact: ConditionFact): void;
  /**
   * Records an Event: sent to the cluster and to the notification queue by the kit, after the status is written. `metadata`
   * keys without a slash get the kind's group as prefix, as Flux's consumers expect them (`<group>/revision`).
   */
  event(event: EventRecord): void;
  /**
   * Says what is being done: the message of the Reconciling condition, should this reconcile not end with success. Costs
   * nothing; the status is written once, at the end.
   */
  stage(message: string): void;
}

export interface EventRecord {
  severity: 'info' | 'error';
  reason: string;
  message: string;
  metadata?: Record<string, string>;
  /** Only to the notification queue, or only to the cluster; both when absent. */
  to?: 'notification' | 'cluster';
}

/**
 * One step of a reconcile. An outcome ends the reconcile; `undefined` goes on to the next step. Steps meet through the one
 * context object, which a controller extends by what its steps find out.
 */
export interface Step<C> {
  readonly name: string;
  run(context: C): Promise<Outcome | undefined>;
}

/** Runs the steps in order until one comes to an outcome. The last step has to. */
export async function runSteps<C extends { log: Log; signal: AbortSignal }>(
  steps: readonly Step<C>[],
  context: C,
): Promise<Outcome> {
  for (const step of steps) {
    context.signal.throwIfAborted();
    const outcome = await step.run(context);
    if (outcome) return outcome;
  }
  throw new Error(`no step came to an outcome; the last one, "${steps.at(-1)?.name ?? 'none'}", has to`);
}
