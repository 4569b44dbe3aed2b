import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withReconcile } from './history.ts';

const at = Date.parse('2026-01-01T00:00:00Z');
const reconcile = (digest: string, status: string, minute: number) => ({
  digest,
  status,
  at: at + minute * 60_000,
  durationMs: 1500,
  metadata: { revision: `r${minute}` },
});

test('the first reconcile', () => {
  assert.deepEqual(withReconcile(undefined, reconcile('sha256:a', 'ReconciliationSucceeded', 0)), [
    {
      digest: 'sha256:a',
      firstReconciled: '2026-01-01T00:00:00Z',
      lastReconciled: '2026-01-01T00:00:00Z',
      lastReconciledDuration: '1.5s',
      lastReconciledStatus: 'ReconciliationSucceeded',
      totalReconciliations: 1,
      metadata: { revision: 'r0' },
    },
  ]);
});

test('same manifests with the same result are counted, come to the front and keep their first time', () => {
  let history = withReconcile(undefined, reconcile('a', 'ok', 0));
  history = withReconcile(history, reconcile('b', 'ok', 1));
  history = withReconcile(history, reconcile('a', 'failed', 2));
  history = withReconcile(history, reconcile('a', 'ok', 3));
  assert.deepEqual(
    history.map(entry => [
      entry.digest,
      entry.lastReconciledStatus,
      entry.totalReconciliations,
      entry.metadata?.revision,
    ]),
    [
      ['a', 'ok', 2, 'r3'],
      ['a', 'failed', 1, 'r2'],
      ['b', 'ok', 1, 'r1'],
    ],
  );
  assert.equal(history[0]?.firstReconciled, '2026-01-01T00:00:00Z');
  assert.equal(history[0]?.lastReconciled, '2026-01-01T00:03:00Z');
});

test('five are kept', () => {
  let history: ReturnType<typeof withReconcile> = [];
  for (let n = 0; n < 8; n++) history = withReconcile(history, reconcile(`d${n}`, 'ok', n));
  assert.deepEqual(
    history.map(({ digest }) => digest),
    ['d7', 'd6', 'd5', 'd4', 'd3'],
  );
});
