import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod';
import { type Figures, type MetricName, type Metrics, metricUnits } from '../ports/metrics.ts';
import { emfMetrics } from './emf-metrics.ts';

const units =
  'Seconds Microseconds Milliseconds Bytes Kilobytes Megabytes Gigabytes Terabytes Bits Kilobits Megabits Gigabits Terabits Percent Count Bytes/Second Kilobytes/Second Megabytes/Second Gigabytes/Second Terabytes/Second Bits/Second Kilobits/Second Megabits/Second Gigabits/Second Terabits/Second Count/Second None'.split(
    ' ',
  );
const Name = z.string().min(1).max(1024);
/** The schema of AWS's "Specification: Embedded metric format", with its limits. */
const Emf = z.looseObject({
  _aws: z.strictObject({
    Timestamp: z.int().positive(),
    LogGroupName: z.string().min(1).optional(),
    CloudWatchMetrics: z.array(
      z.strictObject({
        Namespace: Name.regex(/^[\w.\-/#: ]+$/),
        Dimensions: z.array(z.array(z.string().min(1).max(250)).max(30)).min(1),
        Metrics: z
          .array(
            z.strictObject({
              Name,
              Unit: z.enum(units as [string, ...string[]]).optional(),
              StorageResolution: z.union([z.literal(1), z.literal(60)]).optional(),
            }),
          )
          .min(1)
          .max(100),
      }),
    ),
  }),
});
const DimensionValue = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^[\x20-\x7e]+$/)
  .refine(value => !value.startsWith(':'));
const Value = z.union([z.number(), z.array(z.number()).min(1).max(100)]);

/** The metrics that CloudWatch would take from a line: by dimensions and name. Throws for a line that breaks the rules. */
function metricsOf(line: string): Record<string, unknown> {
  assert.ok(Buffer.byteLength(line) < 256 * 1024 && !line.includes('\n'));
  const root = Emf.parse(JSON.parse(line));
  const found: Record<string, unknown> = {};
  for (const { Namespace, Dimensions, Metrics } of root._aws.CloudWatchMetrics)
    for (const names of Dimensions) {
      const dimensions = names.map(name => `${name}=${DimensionValue.parse(root[name])}`);
      for (const metric of Metrics)
        found[`${Namespace} ${dimensions} ${metric.Name} ${metric.Unit}`] = Value.parse(root[metric.Name]);
    }
  return found;
}

const at = Date.parse('2026-01-02T03:04:05.006Z');
function recorder(): { metrics: Metrics; lines: string[] } {
  const lines: string[] = [];
  return { lines, metrics: emfMetrics({ name: 'prod', clock: { now: () => at }, write: line => lines.push(line) }) };
}

test('a reconcile is one line: its metrics by kind, and what a reader of the log wants', () => {
  const { metrics, lines } = recorder();
  metrics.with({ requestId: 'r1' }).record({
    message: 'reconciled',
    kind: 'Kustomization',
    figures: { Reconciles: 1, ReconcileFailures: 0, ReconcileDuration: 812, QueueDelay: 40 },
    fields: { object: 'c/Kustomization/ns/app', trace: 't1', outcome: 'done' },
  });
  assert.equal(lines.length, 1);
  const of = 'Sluice Name=prod,Kind=Kustomization';
  assert.deepEqual(metricsOf(lines[0]!), {
    [`${of} Reconciles Count`]: 1,
    [`${of} ReconcileFailures Count`]: 0,
    [`${of} ReconcileDuration Milliseconds`]: 812,
    [`${of} QueueDelay Milliseconds`]: 40,
  });
  const { _aws, time, level, message, requestId, object, trace } = JSON.parse(lines[0]!);
  assert.equal(_aws.Timestamp, at);
  assert.deepEqual(
    { time, level, message, requestId, object, trace },
    {
      time: '2026-01-02T03:04:05.006Z',
      level: 'info',
      message: 'reconciled',
      requestId: 'r1',
      object: 'c/Kustomization/ns/app',
      trace: 't1',
    },
  );
});

test('what belongs to no kind has the installation as its only dimension', () => {
  const { metrics, lines } = recorder();
  metrics.record({ message: 'swept', figures: { SweepAge: 1.5, DueSent: 0 }, figuresOnly: true });
  assert.deepEqual(metricsOf(lines[0]!), {
    'Sluice Name=prod SweepAge Seconds': 1.5,
    'Sluice Name=prod DueSent Count': 0,
  });
});

test('fields can neither pass for metrics nor for dimensions, and hold no credentials', () => {
  const { metrics, lines } = recorder();
  const fields = { _aws: 'x', message: 'x', Name: 'other', Kind: 'x', DeadLetters: 'many', token: 'geheim' };
  metrics.record({ message: 'm', kind: 'Alert', figures: { DeadLetters: 1 }, fields });
  assert.deepEqual(metricsOf(lines[0]!), { 'Sluice Name=prod,Kind=Alert DeadLetters Count': 1 });
  assert.equal(JSON.parse(lines[0]!).message, 'm');
  assert.doesNotMatch(lines[0]!, /geheim/);
});

test('every metric there is keeps to the rules together; what is no number is left out', () => {
  const { metrics, lines } = recorder();
  const names = Object.keys(metricUnits) as MetricName[];
  metrics.record({ message: 'all', figures: Object.fromEntries(names.map((name, n) => [name, n])) as Figures });
  assert.equal(Object.keys(metricsOf(lines[0]!)).length, names.length);
  metrics.record({ message: 'none', figures: { SweepAge: Number.NaN, QueueDelay: Number.POSITIVE_INFINITY } });
  assert.deepEqual(metricsOf(lines[1]!), {});
  metrics.record({ message: 'one', figures: { SweepAge: Number.NaN, DueSent: 2 } });
  assert.deepEqual(metricsOf(lines[2]!), { 'Sluice Name=prod DueSent Count': 2 });
});

test('a measurement that cannot be written fails nobody', () => {
  const circle: Record<string, unknown> = {};
  circle.circle = circle;
  const { metrics, lines } = recorder();
  metrics.record({ message: 'm', figures: { DueSent: 1 }, fields: { circle } });
  assert.deepEqual(lines, []);
});
