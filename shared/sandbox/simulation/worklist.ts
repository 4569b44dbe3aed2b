/** Work by key: a key that is asked for many times before its turn is worked once. */
export interface Worklist<K> {
  add(key: K): void;
  /** As `add`, but later; the earliest of several times counts. */
  addAfter(key: K, milliseconds: number): void;
  stop(): void;
}

interface Timer {
  at: number;
  handle: NodeJS.Timeout;
}

const batch = 200;
const firstRetry = 20;
const lastRetry = 5_000;

/**
 * A list whose work runs on the event loop in batches, so that thousands of objects do not block it. Work that throws is
 * tried again after a growing pause; `report` hears of it.
 */
export function worklist(work: (key: string) => void, report: (key: string, error: unknown) => void): Worklist<string> {
  const waiting = new Set<string>();
  const timers = new Map<string, Timer>();
  const failures = new Map<string, number>();
  let running = false;
  let stopped = false;

  const runOne = (key: string): void => {
    try {
      work(key);
      failures.delete(key);
    } catch (error) {
      const times = failures.get(key) ?? 0;
      failures.set(key, times + 1);
      report(key, error);
      addAfter(key, Math.min(firstRetry * 2 ** times, lastRetry));
    }
  };

  const run = (): void => {
    running = false;
    let count = 0;
    for (const key of waiting) {
      if (stopped) return;
      if (count++ >= batch) break;
      waiting.delete(key);
      runOne(key);
    }
    if (waiting.size > 0) schedule();
  };

  const schedule = (): void => {
    if (running || stopped) return;
    running = true;
    setImmediate(run);
  };

  const add = (key: string): void => {
    if (stopped) return;
    waiting.add(key);
    schedule();
  };

  const addAfter = (key: string, milliseconds: number): void => {
    if (stopped) return;
    const at = Date.now() + milliseconds;
    const known = timers.get(key);
    if (known && known.at <= at) return;
    if (known) clearTimeout(known.handle);
    const handle = setTimeout(() => {
      timers.delete(key);
      add(key);
    }, milliseconds);
    handle.unref();
    timers.set(key, { at, handle });
  };

  const stop = (): void => {
    stopped = true;
    waiting.clear();
    for (const { handle } of timers.values()) clearTimeout(handle);
    timers.clear();
  };

  return { add, addAfter, stop };
}
