import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** How often one request is sent at most. */
export const tries = 4;
/** Before the second try, in milliseconds; doubled for each further one. */
const firstWaitMs = 300;
/** Who asks us to wait longer is asked again by the next reconcile: an invocation is not held for it. */
export const longestWaitMs = 3_000;

/**
 * Milliseconds that a Retry-After header (seconds, or a date) asks to wait; undefined without one. A date is told by the
 * server's clock, so it is measured by that, too.
 */
export function retryAfterMs(headers: IncomingHttpHeaders): number | undefined {
  const asked = headers['retry-after']?.trim();
  if (asked === undefined) return undefined;
  if (/^\d{1,9}$/.test(asked)) return Number(asked) * 1000;
  const ms = Date.parse(asked) - Date.parse(headers.date ?? '');
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** Whether an answer of this status may be another one if asked again. */
export function isPassing(status: number): boolean {
  return [408, 425, 429, 500, 502, 503, 504].includes(status);
}

/** Waits before the next try; `attempt` counts from 1. Throws what the signal is aborted with. */
export async function waitForTry(attempt: number, asked: number | undefined, signal?: AbortSignal): Promise<void> {
  const ms = asked ?? firstWaitMs * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
  try {
    await delay(ms, undefined, signal ? { signal } : {});
  } catch (error) {
    throw signal?.reason instanceof Error ? signal.reason : error;
  }
}
