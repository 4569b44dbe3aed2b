import type { Metrics } from '../ports/metrics.ts';
import type { Log } from '../ports/ports.ts';

/**
 * Metrics as lines of a log: for one machine, where nobody collects figures but `sluice logs` shows what each reconcile came
 * to. Times are part of the line's fields; counts say no more than that the line is there.
 */
export function logMetrics(log: Log): Metrics {
  return {
    record: ({ message, level = 'info', figures, fields, figuresOnly }) => {
      if (figuresOnly) return;
      const { ReconcileDuration: durationMs, QueueDelay: delayMs } = figures;
      log[level](message, {
        ...fields,
        ...(durationMs === undefined ? {} : { durationMs }),
        ...(delayMs === undefined ? {} : { delayMs }),
      });
    },
    with: fields => logMetrics(log.with(fields)),
  };
}
