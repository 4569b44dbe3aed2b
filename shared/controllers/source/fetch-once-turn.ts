import { setTimeout as delay } from 'node:timers/promises';
import type { Context } from '../../reconcile/controller.ts';
import { ReconcileError } from '../../reconcile/errors.ts';

/** What is needed of the reconcile that asks. */
export type Asker = Pick<Context, 'ports' | 'clock' | 'log' | 'signal' | 'deadline' | 'askedAt' | 'startedAt' | 'key'>;

/** Another worker is at it, and takes longer than one may wait for: to be looked at again in `afterMs`. */
export class BusyElsewhere extends ReconcileError {
  readonly afterMs: number;
  constructor(afterMs: number) {
    super('Progressing', 'another object with the same source is fetching it');
    this.name = 'BusyElsewhere';
    this.afterMs = afterMs;
  }
}

/** How long a worker is held while another does the work. */
const patienceMs = 4_000;
const firstPauseMs = 20;
const longestPauseMs = 500;
/** When one that waited in vain looks again, and up to how much later, so that not all come at once. */
const againMs = 4_000;
const spreadMs = 4_000;

export interface Turn<T> {
  /** Looks whether the work has been done. */
  look(): Promise<{ answer: T } | undefined>;
  act(): Promise<T>;
}

/** Work under way in this process, by id; settles without an error. */
const underWay = new Map<string, Promise<unknown>>();

/**
 * Of all workers, in this process and elsewhere, one acts at a time; those who come meanwhile look until it has. A worker
 * that dies frees the place when its invocation would have ended anyway. Throws BusyElsewhere.
 */
export async function oneAtATime<T>(work: Asker, id: string, { look, act }: Turn<T>): Promise<T> {
  const { index } = work.ports;
  const claim = `source/${id}`;
  let waited = 0;
  for (let pause = firstPauseMs; ; pause = Math.min(pause * 1.6, longestPauseMs)) {
    const found = await look();
    if (found) return found.answer;
    const here = underWay.get(id);
    if (!here && (await index.once(claim, secondsLeft(work)))) {
      // Whoever had the place until now may have done the work since we looked.
      const turn = look().then(async done => (done ? done.answer : act()));
      const ended = turn.catch(() => {}).then(() => index.forget(claim).catch(error => tellKept(work, error)));
      underWay.set(id, ended);
      await ended;
      underWay.delete(id);
      return turn;
    }
    if (waited >= patienceMs) throw new BusyElsewhere(againMs + Math.floor(Math.random() * spreadMs));
    const begun = performance.now();
    const rest = delay(here ? patienceMs - waited : pause, undefined, { signal: work.signal, ref: !here });
    await (here ? Promise.race([here, rest]) : rest);
    waited += Math.max(1, performance.now() - begun);
  }
}

/** Until this invocation is over, whatever comes of it. */
function secondsLeft({ deadline, clock }: Asker): number {
  return Math.max(5, Math.ceil((deadline - clock.now()) / 1000) + 5);
}

function tellKept(work: Asker, error: unknown): void {
  work.log.warn('a place that others wait for is kept until it expires', { error: String(error) });
}
