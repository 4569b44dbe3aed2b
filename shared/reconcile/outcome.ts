import type { Condition } from '../api/object.ts';

/**
 * What a reconcile came to. A controller only says this; the kit turns it into conditions, events, timers and the index
 * (see summarize.ts and worker.ts).
 */
export type Outcome = Done | Requeue | Waiting | Stalled | Failed;

/** The object is as its spec wants it: Ready=True. The next look is after `afterMs`, or the kind's interval. */
export interface Done {
  type: 'done';
  reason: string;
  message: string;
  /** Milliseconds; without it the object's `spec.interval` with jitter, or never for a kind that has none. */
  afterMs?: number;
}

/** Look again soon, with nothing to say about it: conditions are left as they are. */
export interface Requeue {
  type: 'requeue';
  afterMs: number;
}

/**
 * Not an error: something else has to happen first (a dependency, a rollout). Ends the invocation; a timer comes back,
 * and whoever makes the awaited thing happen may come first.
 */
export interface Waiting {
  type: 'waiting';
  afterMs: number;
  reason: string;
  message: string;
  /** `False` when Ready has to say that the object is not there yet (a dependency), `Unknown` while work goes on (health). */
  ready: 'False' | 'Unknown';
  /** Ready's own words while work goes on, when `reason` and `message` belong to the Reconciling condition. */
  readyMessage?: string;
}

/** Needs a change of the spec: Stalled=True, Ready=False, no retry. */
export interface Stalled {
  type: 'stalled';
  reason: string;
  message: string;
  error?: unknown;
  /** Metadata of the Event that the kit sends for it. */
  metadata?: Record<string, string>;
  /** Milliseconds until a look whether it still holds, for what another object's spec may mend; otherwise none. */
  afterMs?: number;
}

/** Went wrong and may go well later: Ready=False, retried with backoff or after `afterMs`. */
export interface Failed {
  type: 'failed';
  reason: string;
  message: string;
  error?: unknown;
  /** Metadata of the Event that the kit sends for it. */
  metadata?: Record<string, string>;
  /** The Event's reason, where Flux gives it another than the condition's. */
  eventReason?: string;
  /** Milliseconds until the retry; without it the exponential backoff. */
  afterMs?: number;
}

/** What a step knows about a condition other than Ready, Reconciling and Stalled; null removes it. */
export type ConditionFact = Pick<Condition, 'status' | 'reason' | 'message'> | null;
