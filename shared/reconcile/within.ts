/** The time for something is over. */
export class TimeOver extends Error {
  readonly code = 'TimeOver';
  constructor(ms: number) {
    super(`no answer within ${ms / 1000} s`);
    this.name = 'TimeOver';
  }
}

/**
 * Waits for `work` at most `ms`, then throws TimeOver. A cluster that hangs would otherwise hold an invocation until it is
 * killed. The work itself goes on and may still succeed: what is done here twice harms nobody.
 */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeOver(ms)), ms);
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}
