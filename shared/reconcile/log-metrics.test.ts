import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LogLine, makeLog } from './log-lines.ts';
import { logMetrics } from './log-metrics.ts';

test('a measurement is one line of its level, with its times; what says nothing but figures is none', () => {
  const lines: LogLine[] = [];
  const metrics = logMetrics(makeLog(line => lines.push(line), { now: () => 0 })).with({ object: 'c/Alert/ns/a' });
  metrics.record({
    message: 'reconcile failed',
    level: 'warn',
    kind: 'Alert',
    figures: { Reconciles: 1, ReconcileFailures: 1, ReconcileDuration: 5, QueueDelay: 7 },
    fields: { trace: 't', message: 'of a field' },
  });
  metrics.record({ message: 'schedule done', figures: { SweepAge: 3 }, figuresOnly: true });
  metrics.record({ message: 'notification sent', figures: { NotificationsSent: 1 } });
  const time = '1970-01-01T00:00:00.000Z';
  const object = 'c/Alert/ns/a';
  assert.deepEqual(lines, [
    { time, level: 'warn', message: 'reconcile failed', object, trace: 't', durationMs: 5, delayMs: 7 },
    { time, level: 'info', message: 'notification sent', object },
  ]);
});
