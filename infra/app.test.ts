import assert from 'node:assert/strict';
import { test } from 'node:test';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { QueuesStack } from './stacks/queues.ts';
import { StateStack } from './stacks/state.ts';

const state = Template.fromStack(new StateStack(new App(), 'State'));
const queues = Template.fromStack(new QueuesStack(new App(), 'Queues'));

test('the bucket and the table outlive the stack, encrypted, closed, and recoverable', () => {
  const buckets = Object.values(state.findResources('AWS::S3::Bucket'));
  const tables = Object.values(state.findResources('AWS::DynamoDB::GlobalTable'));
  assert.equal(buckets.length, 1);
  assert.equal(tables.length, 1);
  for (const resource of [...buckets, ...tables]) assert.equal(resource.DeletionPolicy, 'Retain');
  state.hasResourceProperties('AWS::S3::Bucket', {
    PublicAccessBlockConfiguration: {
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    },
  });
  assert.equal(tables[0]?.Properties.Replicas[0].PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled, true);
  assert.equal(tables[0]?.Properties.Replicas[0].DeletionProtectionEnabled, true);
});

test('every work queue is FIFO, gives up after three receives, and is seen again soon after a worker died', () => {
  const all = Object.values(queues.findResources('AWS::SQS::Queue')).map(resource => resource.Properties);
  const fed = all.filter(properties => properties.RedrivePolicy);
  assert.equal(fed.length, 4);
  for (const properties of fed) {
    assert.equal(properties.RedrivePolicy.maxReceiveCount, 3);
    assert.ok(properties.VisibilityTimeout <= 180);
  }
  assert.equal(
    fed.filter(properties => properties.FifoQueue && properties.FifoThroughputLimit === 'perMessageGroupId').length,
    3,
  );
  for (const properties of all) assert.equal(properties.SqsManagedSseEnabled, true);
});
