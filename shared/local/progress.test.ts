import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Observation } from './host.ts';
import { Progress, type Step } from './progress.ts';

const sha = '1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d';
const revision = `main@sha1:${sha}`;

function started(queue: 'source' | 'notification', body: unknown, at: number): Observation {
  const message = {
    id: '1',
    queue,
    group: 'g',
    dedup: 'd',
    handle: 'h',
    receiveCount: 1,
    final: false,
    sentAt: at,
    firstReceivedAt: at,
  };
  return { type: 'started', at, message: { ...message, sequence: 1, body: JSON.stringify(body) } };
}

function event(kind: string, reason: string, message: string, severity = 'info') {
  return {
    type: 'event',
    cluster: 'local',
    trace: 't',
    involvedObject: { apiVersion: 'x/v1', kind, namespace: 'apps', name: 'demo', uid: 'u', resourceVersion: '1' },
    severity,
    timestamp: '2026-01-02T03:04:05Z',
    reason,
    message,
    metadata: { 'kustomize.toolkit.fluxcd.io/revision': revision },
    reportingController: 'c',
    reportingInstance: 'i',
  };
}

test('the way of a push: each step once it is known, with the time since the push', () => {
  const steps: Step[] = [];
  const progress = new Progress(step => steps.push(step));
  progress.pushed({ at: 1000, branch: 'main', commit: sha });
  const item = { type: 'reconcile', cluster: 'local', kind: 'GitRepository', namespace: 'apps', name: 'demo' };
  progress.observe({ type: 'webhook', at: 1010, milliseconds: 20, status: 200, trace: 't' });
  progress.observe(started('source', { ...item, reason: 'webhook', trace: 't', sentAt: 1020 }, 1025));
  progress.observe(started('notification', event('GitRepository', 'NewArtifact', 'stored'), 1200));
  const log = (message: string, more = {}) =>
    progress.observe({
      type: 'log',
      line: {
        time: new Date(1300).toISOString(),
        level: 'info',
        message,
        trace: 't',
        object: 'local/Kustomization/apps/demo',
        ...more,
      },
    });
  log('built');
  log('anything else');
  log('applied', { time: new Date(1400).toISOString(), revision, changes: 'ConfigMap/a/b configured' });
  progress.observe(started('notification', event('Kustomization', 'Progressing', 'ConfigMap/a/b configured'), 1450));
  progress.observe(started('notification', event('Kustomization', 'Progressing', 'Health check passed in 1s'), 1500));
  progress.observe(started('notification', event('Kustomization', 'BuildFailed', 'no\nmore', 'error'), 1600));
  log('notification sent', { reason: 'NewArtifact', provider: 'chat' });
  assert.deepEqual(
    steps.map(({ after, name, what }) => [after, name, what]),
    [
      [0, 'pushed', 'main 1a2b3c4'],
      [30, 'received', 'webhook answered 200'],
      [200, 'fetched', 'GitRepository apps/demo  main@sha1:1a2b3c4'],
      [300, 'built', 'Kustomization apps/demo'],
      [400, 'applied', 'Kustomization apps/demo  main@sha1:1a2b3c4  ConfigMap/a/b configured'],
      [500, 'healthy', 'Kustomization apps/demo  main@sha1:1a2b3c4'],
      [600, 'failed', 'Kustomization apps/demo: no'],
      [300, 'announced', 'NewArtifact by chat'],
    ],
  );
});

test('what is no message of ours makes no step', () => {
  const progress = new Progress(() => assert.fail('no step'));
  progress.observe(started('notification', 'text', 1));
  progress.observe(started('source', { type: 'other' }, 1));
  progress.observe({ type: 'webhook', at: 1, milliseconds: 1, status: 404, trace: undefined });
});
