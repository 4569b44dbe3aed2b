import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../api/object.ts';
import { checkHealth, jobsWithTtl, summarizeHealth } from './health.ts';
import { type HealthStatus, kstatus } from './kstatus.ts';

const now = Date.parse('2026-06-01T00:01:00Z');
const of = (kind: string, apiVersion: string, rest: object, metadata: object = {}): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name: 'x', namespace: 'n', ...metadata },
  ...rest,
});
const condition = (type: string, status: string, reason = 'R', message = 'm') => ({ type, status, reason, message });
const ready = { replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 };
const available = [condition('Available', 'True'), condition('Progressing', 'True', 'NewReplicaSetAvailable')];
const deployment = (status: object, spec: object = {}) =>
  of('Deployment', 'apps/v1', { spec: { replicas: 2, progressDeadlineSeconds: 600, ...spec }, status });
const statefulSet = (status: object, spec: object = {}) =>
  of('StatefulSet', 'apps/v1', { spec: { replicas: 2, ...spec }, status });
const pod = (status: object, created = '2026-06-01T00:00:00Z') =>
  of('Pod', 'v1', { status }, { creationTimestamp: created });
const daemon = (status: object) =>
  of('DaemonSet', 'apps/v1', { status: { observedGeneration: 1, ...status } }, { generation: 1 });
const full = {
  desiredNumberScheduled: 2,
  currentNumberScheduled: 2,
  updatedNumberScheduled: 2,
  numberAvailable: 2,
  numberReady: 2,
};
const job = (status: object, spec: object = {}) => of('Job', 'batch/v1', { spec, status });
const definition = (...conditions: object[]) =>
  of('CustomResourceDefinition', 'apiextensions.k8s.io/v1', { status: { conditions } });
const custom = (status: object, metadata: object = {}) => of('Thing', 'example.com/v1', { status }, metadata);

const table: [string, HealthStatus, string, KubeObject][] = [
  [
    'anything being deleted',
    'Terminating',
    'Resource scheduled for deletion',
    custom({}, { deletionTimestamp: 'now' }),
  ],
  [
    'a generation not seen yet',
    'InProgress',
    'Thing generation is 3, but latest observed generation is 2',
    custom({ observedGeneration: 2, conditions: [condition('Ready', 'True')] }, { generation: 3 }),
  ],
  [
    'Reconciling',
    'InProgress',
    'm',
    custom({ conditions: [condition('Ready', 'True'), condition('Reconciling', 'True')] }),
  ],
  ['Stalled', 'Failed', 'm', custom({ conditions: [condition('Stalled', 'True')] })],
  [
    'Ready',
    'Current',
    'Resource is Ready',
    custom({ observedGeneration: 3, conditions: [condition('Ready', 'True')] }, { generation: 3 }),
  ],
  ['not Ready', 'InProgress', 'm', custom({ conditions: [condition('Ready', 'False')] })],
  ['Ready unknown', 'InProgress', 'm', custom({ conditions: [condition('Ready', 'Unknown')] })],
  ['no status at all', 'Current', 'Resource is current', of('Thing', 'example.com/v1', {})],
  ['conditions that are no list', 'Current', 'Resource is current', custom({ conditions: { a: 1 } })],
  ['a ConfigMap', 'Current', 'Resource is always ready', of('ConfigMap', 'v1', {})],
  [
    'a Deployment that is available',
    'Current',
    'Deployment is available. Replicas: 2',
    deployment({ ...ready, conditions: available }),
  ],
  [
    'one with too few replicas',
    'InProgress',
    'Replicas: 1/2',
    deployment({ ...ready, replicas: 1, conditions: available }),
  ],
  [
    'one that updates',
    'InProgress',
    'Updated: 1/2',
    deployment({ ...ready, updatedReplicas: 1, conditions: available }),
  ],
  [
    'one with old pods',
    'InProgress',
    'Pending termination: 1',
    deployment({ ...ready, replicas: 3, conditions: available }),
  ],
  [
    'one not available yet',
    'InProgress',
    'Available: 1/2',
    deployment({ ...ready, availableReplicas: 1, conditions: available }),
  ],
  ['one not ready yet', 'InProgress', 'Ready: 1/2', deployment({ ...ready, readyReplicas: 1, conditions: available })],
  [
    'one past its deadline',
    'Failed',
    'Progress deadline exceeded',
    deployment({ ...ready, conditions: [condition('Progressing', 'False', 'ProgressDeadlineExceeded')] }),
  ],
  [
    'one whose ReplicaSet is new',
    'InProgress',
    'ReplicaSet not Available',
    deployment({ ...ready, conditions: [condition('Available', 'True')] }),
  ],
  [
    'one without a deadline',
    'Current',
    'Deployment is available. Replicas: 2',
    deployment({ ...ready, conditions: [condition('Available', 'True')] }, { progressDeadlineSeconds: undefined }),
  ],
  [
    'one of no replicas',
    'Current',
    'Deployment is available. Replicas: 0',
    deployment({ conditions: available }, { replicas: 0 }),
  ],
  ['one just created', 'InProgress', 'Replicas: 0/2', deployment({})],
  [
    'a StatefulSet',
    'Current',
    'All replicas scheduled as expected. Replicas: 2',
    statefulSet({ replicas: 2, readyReplicas: 2, currentReplicas: 2, currentRevision: 'a', updateRevision: 'a' }),
  ],
  [
    'one between revisions',
    'InProgress',
    'Waiting for updated revision to match current',
    statefulSet({ replicas: 2, readyReplicas: 2, currentReplicas: 2, currentRevision: 'a', updateRevision: 'b' }),
  ],
  [
    'one with a partition',
    'InProgress',
    'updated: 0/1',
    statefulSet({ replicas: 2, readyReplicas: 2 }, { updateStrategy: { rollingUpdate: { partition: 1 } } }),
  ],
  [
    'one past its partition',
    'Current',
    'Partition rollout complete. updated: 1',
    statefulSet(
      { replicas: 2, readyReplicas: 2, updatedReplicas: 1 },
      { updateStrategy: { rollingUpdate: { partition: 1 } } },
    ),
  ],
  [
    'one updated by hand',
    'Current',
    'StatefulSet is using the ondelete update strategy',
    statefulSet({}, { updateStrategy: { type: 'OnDelete' } }),
  ],
  ['a DaemonSet', 'Current', 'All replicas scheduled as expected. Replicas: 2', daemon(full)],
  ['one that updates', 'InProgress', 'Updated: 1/2', daemon({ ...full, updatedNumberScheduled: 1 })],
  [
    'one never observed',
    'InProgress',
    'DaemonSet status.observedGeneration not found',
    of('DaemonSet', 'apps/v1', {}, { generation: 1 }),
  ],
  [
    'a ReplicaSet whose pods fail',
    'InProgress',
    'Replica Failure condition. Check Pods',
    of('ReplicaSet', 'apps/v1', { status: { conditions: [condition('ReplicaFailure', 'True')] } }),
  ],
  ['a Pod that runs', 'Current', 'Pod is Ready', pod({ phase: 'Running', conditions: [condition('Ready', 'True')] })],
  [
    'one that crashes',
    'Failed',
    'Containers in CrashLoop state: c',
    pod({ phase: 'Running', containerStatuses: [{ name: 'c', state: { waiting: { reason: 'CrashLoopBackOff' } } }] }),
  ],
  ['one that starts', 'InProgress', 'Pod is running but is not Ready', pod({ phase: 'Running' })],
  [
    'one that cannot be scheduled',
    'Failed',
    'Pod could not be scheduled',
    pod({ phase: 'Pending', conditions: [condition('PodScheduled', 'False', 'Unschedulable')] }),
  ],
  [
    'one not scheduled yet',
    'InProgress',
    'Pod has not been scheduled',
    pod(
      { phase: 'Pending', conditions: [condition('PodScheduled', 'False', 'Unschedulable')] },
      '2026-06-01T00:00:50Z',
    ),
  ],
  ['one that has completed', 'Current', 'Pod has completed successfully', pod({ phase: 'Succeeded' })],
  [
    'a claim',
    'InProgress',
    'PVC is not Bound. phase: Pending',
    of('PersistentVolumeClaim', 'v1', { status: { phase: 'Pending' } }),
  ],
  ['a bound claim', 'Current', 'PVC is Bound', of('PersistentVolumeClaim', 'v1', { status: { phase: 'Bound' } })],
  [
    'a Job that runs',
    'InProgress',
    'Job in progress. success:0, active: 1, failed: 0',
    job({ startTime: 't', active: 1 }),
  ],
  ['a Job not started', 'InProgress', 'Job not started. active: 0/3', job({}, { parallelism: 3 })],
  [
    'a Job done',
    'Current',
    'Job Completed. succeeded: 2/2',
    job({ succeeded: 2, conditions: [condition('Complete', 'True')] }, { completions: 2 }),
  ],
  ['a Job failed', 'Failed', 'Job Failed. failed: 1/1', job({ failed: 1, conditions: [condition('Failed', 'True')] })],
  ['a Job suspended', 'Current', 'Job is suspended', job({}, { suspend: true })],
  [
    'a CRD established',
    'Current',
    'CRD is established',
    definition(condition('NamesAccepted', 'True'), condition('Established', 'True')),
  ],
  ['a CRD whose names clash', 'Failed', 'taken', definition(condition('NamesAccepted', 'False', 'Conflict', 'taken'))],
  [
    'a CRD being installed',
    'InProgress',
    'Install in progress',
    definition(condition('Established', 'False', 'Installing')),
  ],
  ['a Service', 'Current', 'Service is ready', of('Service', 'v1', { spec: { type: 'ClusterIP' } })],
  [
    'a load balancer without an address',
    'InProgress',
    'ClusterIP not set. Service type: LoadBalancer',
    of('Service', 'v1', { spec: { type: 'LoadBalancer' } }),
  ],
];

describe('kstatus', () => {
  for (const [name, status, message, object] of table)
    it(`${name}: ${status}`, () => assert.deepEqual(kstatus(object, now), { status, message }));
});

describe('summarizeHealth', () => {
  const result = (name: string, status: HealthStatus) => ({
    ref: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'n', name },
    status,
    message: '',
  });
  const [good, slow, bad] = [result('good', 'Current'), result('slow', 'InProgress'), result('bad', 'Failed')];
  it('waits while nothing has failed', () =>
    assert.equal(summarizeHealth([good, slow], { timedOut: false }).state, 'waiting'));
  it('fails early, naming what failed only', () =>
    assert.deepEqual(summarizeHealth([good, slow, bad], { timedOut: false }), {
      state: 'failed',
      message: "failed early due to stalled resources: [Deployment/n/bad status: 'Failed']",
    }));
  it('waits for the others when it may not fail fast', () => {
    assert.equal(summarizeHealth([slow, bad], { timedOut: false, failFast: false }).state, 'waiting');
    assert.equal(summarizeHealth([good, bad], { timedOut: false, failFast: false }).state, 'failed');
  });
  it('names everything unhealthy when the time is up', () =>
    assert.equal(
      summarizeHealth([good, slow, bad], { timedOut: true }).message,
      "timeout waiting for: [Deployment/n/slow status: 'InProgress', Deployment/n/bad status: 'Failed']",
    ));
  it('is healthy when all are, or there is nothing', () => {
    assert.equal(summarizeHealth([good], { timedOut: true }).state, 'healthy');
    assert.equal(summarizeHealth([], { timedOut: false }).state, 'healthy');
  });
});

describe('jobsWithTtl', () => {
  it('takes a Job that removed itself for done', async () => {
    const cleaned = job({}, { ttlSecondsAfterFinished: 0 });
    const jobs = jobsWithTtl([
      cleaned,
      job({}, {}),
      of('Job', 'example.com/v1', { spec: { ttlSecondsAfterFinished: 1 } }),
    ]);
    assert.deepEqual([...jobs], ['batch/Job/n/x']);
    const absent = { get: async () => undefined, namespaced: async () => true } as never;
    const ref = { apiVersion: 'batch/v1', kind: 'Job', namespace: 'n', name: 'x' };
    assert.equal((await checkHealth(absent, [ref], { jobsWithTtl: jobs }))[0]?.status, 'Current');
    assert.equal((await checkHealth(absent, [ref]))[0]?.status, 'NotFound');
  });
});
