import type { Clock } from '../ports/clock.ts';
import { type Measurement, type MetricName, type Metrics, metricUnits } from '../ports/metrics.ts';
import { logText } from '../reconcile/log-lines.ts';
import { writeStdoutLine } from './stdout-log.ts';

/** Namespace of all metrics in CloudWatch; the stack's alarms and dashboard look there. */
export const metricNamespace = 'Sluice';

export interface EmfOptions {
  /** Name of the installation: the dimension `Name`. */
  name: string;
  clock: Clock;
  /** Takes one line, without its end; by default it goes to standard output, where Lambda reads the log. */
  write?: (line: string) => void;
}

/**
 * Metrics by CloudWatch's embedded metric format (AWS documentation, "Specification: Embedded metric format"): a JSON line of
 * the log that says in `_aws` which of its members are metrics. Nothing is called and nothing waits; the line is kept as a line
 * of the log with all its fields, so that a figure leads to the objects and traces behind it. Dimensions are only the
 * installation and the kind, since each combination is a metric that costs.
 */
export function emfMetrics(options: EmfOptions): Metrics {
  return embedded(options, {});
}

function embedded(options: EmfOptions, fields: Record<string, unknown>): Metrics {
  const write = options.write ?? writeStdoutLine;
  return {
    record: measurement => {
      try {
        write(emfLine(measurement, options, fields));
      } catch {
        // Not worth failing the work for.
      }
    },
    with: more => embedded(options, { ...fields, ...more }),
  };
}

function emfLine(measurement: Measurement, { name, clock }: EmfOptions, common: Record<string, unknown>): string {
  const { message, level = 'info', kind, figures, fields } = measurement;
  const now = clock.now();
  // What is no finite number would make CloudWatch drop the whole line's metrics.
  const values = Object.entries(figures).filter(([, value]) => Number.isFinite(value)) as [MetricName, number][];
  const metrics = values.map(([metric]) => ({ Name: metric, Unit: metricUnits[metric] }));
  const dimensions = { Name: name, ...(kind ? { Kind: kind } : {}) };
  const directive = { Namespace: metricNamespace, Dimensions: [Object.keys(dimensions)], Metrics: metrics };
  const line = { time: new Date(now).toISOString(), level, message };
  return logText({
    ...line,
    ...common,
    ...fields,
    ...line,
    ...dimensions,
    ...Object.fromEntries(values),
    _aws: { Timestamp: now, CloudWatchMetrics: metrics.length > 0 ? [directive] : [] },
  });
}
