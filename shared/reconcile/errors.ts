import { ApiError, ClusterUnreachable, UnknownCluster } from '../ports/cluster.ts';
import type { Outcome } from './outcome.ts';

/** An error that knows the reason of the condition it leads to. Capabilities' own errors have the same shape. */
export class ReconcileError extends Error {
  /** The condition's reason: CamelCase, as Flux writes it. */
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ReconcileError';
    this.code = code;
  }
}

/** Only a change of the spec helps: no retry. */
export class StalledError extends ReconcileError {
  readonly stalled = true;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.name = 'StalledError';
  }
}

/** May go well later: retried after `afterMs`, or with backoff. */
export class RetryError extends ReconcileError {
  readonly afterMs: number | undefined;
  constructor(code: string, message: string, options?: ErrorOptions & { afterMs?: number }) {
    super(code, message, options);
    this.name = 'RetryError';
    this.afterMs = options?.afterMs;
  }
}

/** Not an error: come back in `afterMs`. Ready says False with the code and message meanwhile. */
export class WaitError extends ReconcileError {
  readonly afterMs: number;
  constructor(code: string, message: string, afterMs: number, options?: ErrorOptions) {
    super(code, message, options);
    this.name = 'WaitError';
    this.afterMs = afterMs;
  }
}

/** The error, its causes, and the members of aggregate errors: outermost first. */
export function* errorChain(error: unknown): Generator<unknown> {
  const seen = new Set<unknown>();
  const pending = [error];
  while (pending.length > 0) {
    const next = pending.shift();
    if (next === undefined || next === null || seen.has(next)) continue;
    seen.add(next);
    yield next;
    if (next instanceof Error && next.cause !== undefined) pending.push(next.cause);
    if (next instanceof AggregateError) pending.push(...next.errors);
  }
}

/** The first link of the chain that is of this class; a wrapped error keeps its meaning. */
export function findError<E>(error: unknown, type: abstract new (...args: never[]) => E): E | undefined {
  for (const link of errorChain(error)) if (link instanceof type) return link as E;
  return undefined;
}

/** The first `code` in the chain that can be a condition's reason; system codes (ENOENT, ERR_…) cannot. */
export function codeOf(error: unknown): string | undefined {
  for (const link of errorChain(error)) {
    const code = ownCode(link);
    if (code !== undefined) return code;
  }
  return undefined;
}

function ownCode(link: unknown): string | undefined {
  const code = (link as { code?: unknown }).code;
  return typeof code === 'string' && /^[A-Z][A-Za-z0-9]*$/.test(code) && /[a-z]/.test(code) ? code : undefined;
}

/**
 * What is said about an error in a condition: its message, and those of its causes as far as they add something. Stops at
 * an error of a capability (one with a reason of its own): that one tells all that may be told; the API server's answer
 * behind it can quote the values of a Secret. Bounded.
 */
export function messageOfError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  let text = error.message;
  for (let link: unknown = error; link instanceof Error; link = link.cause) {
    if (link.message && !text.includes(link.message)) text = text ? `${text}: ${link.message}` : link.message;
    if (!(link instanceof ReconcileError) && ownCode(link) !== undefined) break;
  }
  return truncate(text || error.name, 10_000);
}

/** At most `limit` characters, ending in a mark that something was cut. */
export function truncate(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 15)}… (truncated)`;
}

/**
 * The outcome that an error means. Walks the whole chain: the first of our classes decides; anything else (an API error,
 * an unreachable cluster, a bug) is failed, and so retried.
 */
export function classify(error: unknown, fallbackCode = 'ReconciliationFailed'): Outcome {
  const message = messageOfError(error);
  const known = findError(error, ReconcileError);
  if (known instanceof StalledError) return { type: 'stalled', reason: known.code, message, error };
  if (known instanceof WaitError)
    return { type: 'waiting', reason: known.code, message, afterMs: known.afterMs, ready: 'False' };
  const retry = findError(error, RetryError);
  const throttled = findError(error, ApiError)?.retryAfter;
  const afterMs = retry?.afterMs ?? (throttled === undefined ? undefined : throttled * 1000);
  return {
    type: 'failed',
    reason: codeOf(error) ?? fallbackCode,
    message,
    error,
    ...(afterMs === undefined ? {} : { afterMs }),
  };
}

/** Whether the cluster itself could not be reached: then nothing can be written into the object's status either. */
export function isUnreachable(error: unknown): boolean {
  return findError(error, ClusterUnreachable) !== undefined || findError(error, UnknownCluster) !== undefined;
}
