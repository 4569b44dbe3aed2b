import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition } from '../api/object.ts';
import type { ConditionFact, Outcome } from './outcome.ts';
import { summarize } from './summarize.ts';

const then = '2026-01-01T00:00:00Z';
const now = Date.parse('2026-01-01T00:01:00.987Z');
const nowText = '2026-01-01T00:01:00Z';

function condition(type: string, status: Condition['status'], reason: string, message: string): Condition {
  return { type, status, reason, message, observedGeneration: 1, lastTransitionTime: then };
}

/** Conditions in short: `Ready=True/Reason: message`. */
function summary(
  outcome: Outcome,
  before: Condition[] = [],
  more: { facts?: [string, ConditionFact][]; transient?: string[]; stage?: string } = {},
) {
  return summarize({
    before,
    generation: 2,
    outcome,
    facts: new Map(more.facts ?? []),
    transient: more.transient ?? [],
    stage: more.stage,
    now,
  });
}
const short = (conditions: Condition[]) => conditions.map(c => `${c.type}=${c.status}/${c.reason}: ${c.message}`);

const done: Outcome = { type: 'done', reason: 'Succeeded', message: 'ok' };
const failed: Outcome = { type: 'failed', reason: 'BuildFailed', message: 'no' };

const tables: [string, Outcome, Condition[], Parameters<typeof summary>[2], string[]][] = [
  ['done makes Ready true', done, [], {}, ['Ready=True/Succeeded: ok']],
  [
    'done ends Reconciling and Stalled',
    done,
    [condition('Stalled', 'True', 'X', 'x'), condition('Reconciling', 'True', 'Progressing', 'p')],
    {},
    ['Ready=True/Succeeded: ok'],
  ],
  ['failed before anything began says no Reconciling', failed, [], {}, ['Ready=False/BuildFailed: no']],
  [
    'failed during work is retried',
    failed,
    [],
    { stage: 'building' },
    ['Reconciling=True/ProgressingWithRetry: building', 'Ready=False/BuildFailed: no'],
  ],
  [
    'failed keeps the Reconciling it had',
    failed,
    [condition('Reconciling', 'True', 'Progressing', 'earlier')],
    {},
    ['Reconciling=True/ProgressingWithRetry: earlier', 'Ready=False/BuildFailed: no'],
  ],
  [
    'stalled says it twice and is not reconciling',
    { type: 'stalled', reason: 'URLInvalid', message: 'bad' },
    [condition('Reconciling', 'True', 'Progressing', 'p')],
    { stage: 'x' },
    ['Stalled=True/URLInvalid: bad', 'Ready=False/URLInvalid: bad'],
  ],
  [
    'waiting for health is progress',
    { type: 'waiting', ready: 'Unknown', reason: 'Progressing', message: 'Running', readyMessage: 'busy', afterMs: 1 },
    [],
    {},
    ['Reconciling=True/Progressing: Running', 'Ready=Unknown/Progressing: busy'],
  ],
  [
    'waiting for a dependency is not ready',
    { type: 'waiting', ready: 'False', reason: 'DependencyNotReady', message: 'a', afterMs: 1 },
    [condition('Stalled', 'True', 'X', 'x')],
    {},
    ['Ready=False/DependencyNotReady: a'],
  ],
  [
    'requeue leaves everything',
    { type: 'requeue', afterMs: 1 },
    [condition('FetchFailed', 'True', 'X', 'x')],
    { transient: ['FetchFailed'] },
    ['FetchFailed=True/X: x'],
  ],
  [
    'transient conditions go when nobody says them again; others stay',
    done,
    [condition('FetchFailed', 'True', 'X', 'x'), condition('ArtifactInStorage', 'True', 'Succeeded', 's')],
    { transient: ['FetchFailed'] },
    ['Ready=True/Succeeded: ok', 'ArtifactInStorage=True/Succeeded: s'],
  ],
  [
    'null removes',
    done,
    [condition('Healthy', 'True', 'Succeeded', 's')],
    { facts: [['Healthy', null]] },
    ['Ready=True/Succeeded: ok'],
  ],
];

for (const [name, outcome, before, more, expected] of tables)
  test(name, () => assert.deepEqual(short(summary(outcome, before, more)), expected));

test('the transition time moves only with status, reason or message; the generation always', () => {
  const [same] = summary(done, [condition('Ready', 'True', 'Succeeded', 'ok')]);
  assert.deepEqual([same?.lastTransitionTime, same?.observedGeneration], [then, 2]);
  const [other] = summary(done, [condition('Ready', 'True', 'Succeeded', 'old')]);
  assert.equal(other?.lastTransitionTime, nowText);
});
