import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tableSchema } from '../../shared/aws/dynamo-table.ts';
import { resourcesOf, templatesOf } from '../testing/synthesized.ts';

const { state } = templatesOf();
const only = (type: string) => {
  const found = resourcesOf(state, type);
  assert.equal(found.length, 1, type);
  return found[0]!;
};

test('bucket, table and key keep their logical ids: with another, an update would make new ones and leave the old', () => {
  assert.deepEqual(
    resourcesOf(state).map(([id]) => id),
    ['Key961B73FD', 'Artifacts82DD59A1', 'ArtifactsPolicy6E9058CC', 'Index4A79713B', 'ClusterRoleD9CA7471'],
  );
  // The same whatever is configured. What cannot change without replacement is not configurable.
  const other = templatesOf('name: other\nretention: { recovery: 7 }\nregion: us-east-1\n').state;
  assert.deepEqual(Object.keys(other.toJSON().Resources), Object.keys(state.toJSON().Resources));
  const keys = (template: typeof state) => {
    const [, table] = resourcesOf(template, 'AWS::DynamoDB::GlobalTable')[0]!;
    return [table.Properties.TableName, table.Properties.KeySchema, table.Properties.AttributeDefinitions];
  };
  assert.deepEqual(keys(other), keys(state));
  assert.equal(only('AWS::S3::Bucket')[1].Properties.BucketName, undefined);
});

test('bucket, table and key stay when the stack goes, and the stack refuses to', () => {
  for (const type of ['AWS::S3::Bucket', 'AWS::DynamoDB::GlobalTable', 'AWS::KMS::Key']) {
    const [, resource] = only(type);
    assert.equal(resource.DeletionPolicy, 'Retain', type);
    assert.equal(resource.UpdateReplacePolicy, 'Retain', type);
  }
});

test('the bucket is encrypted by a key that rotates, closed to the public, and refuses plain HTTP', () => {
  const [keyId, key] = only('AWS::KMS::Key');
  assert.equal(key.Properties.EnableKeyRotation, true);
  const [, { Properties: bucket }] = only('AWS::S3::Bucket');
  const [rule] = bucket.BucketEncryption.ServerSideEncryptionConfiguration;
  assert.equal(rule.ServerSideEncryptionByDefault.SSEAlgorithm, 'aws:kms');
  assert.deepEqual(rule.ServerSideEncryptionByDefault.KMSMasterKeyID, { 'Fn::GetAtt': [keyId, 'Arn'] });
  assert.equal(rule.BucketKeyEnabled, true);
  assert.deepEqual(Object.values(bucket.PublicAccessBlockConfiguration), [true, true, true, true]);
  const [, { Properties: policy }] = only('AWS::S3::BucketPolicy');
  const denied = policy.PolicyDocument.Statement.filter((statement: { Effect: string }) => statement.Effect === 'Deny');
  assert.match(JSON.stringify(denied), /"aws:SecureTransport":"false"/);
});

test('unfinished uploads and what the schedule left behind go by themselves; artifacts never do', () => {
  const [, { Properties: bucket }] = only('AWS::S3::Bucket');
  const rules: { Prefix?: string; ExpirationInDays?: number; Status: string }[] = bucket.LifecycleConfiguration.Rules;
  assert.equal(rules.filter(rule => 'AbortIncompleteMultipartUpload' in rule).length, 1);
  for (const rule of rules) {
    assert.equal(rule.Status, 'Enabled');
    if (rule.ExpirationInDays !== undefined) assert.match(rule.Prefix ?? '', /^(pending|builds)\/$/);
  }
});

test('the table is what the index expects', () => {
  const [, { Properties: table }] = only('AWS::DynamoDB::GlobalTable');
  const types = new Map(
    table.AttributeDefinitions.map((attribute: { AttributeName: string; AttributeType: string }) => [
      attribute.AttributeName,
      attribute.AttributeType,
    ]),
  );
  const schemaOf = (keys: { AttributeName: string; KeyType: string }[]) =>
    keys.map(key => ({ name: key.AttributeName, type: types.get(key.AttributeName) }));
  assert.deepEqual(schemaOf(table.KeySchema), [tableSchema.partitionKey, tableSchema.sortKey]);
  assert.deepEqual(table.TimeToLiveSpecification, { AttributeName: tableSchema.ttlAttribute, Enabled: true });
  const indexes = (table.GlobalSecondaryIndexes ?? []).map(
    (index: { IndexName: string; KeySchema: never; Projection: { ProjectionType: string } }) => {
      const [partitionKey, sortKey] = schemaOf(index.KeySchema);
      return { name: index.IndexName, partitionKey, sortKey, projection: index.Projection.ProjectionType };
    },
  );
  assert.deepEqual(indexes, tableSchema.indexes);
});

test('the table is encrypted, recoverable, paid by the request, and protected', () => {
  const [, { Properties: table }] = only('AWS::DynamoDB::GlobalTable');
  assert.equal(table.BillingMode, 'PAY_PER_REQUEST');
  assert.deepEqual(table.SSESpecification, { SSEEnabled: true, SSEType: 'KMS' });
  for (const replica of table.Replicas) {
    assert.equal(replica.DeletionProtectionEnabled, true);
    assert.deepEqual(replica.PointInTimeRecoverySpecification, {
      PointInTimeRecoveryEnabled: true,
      RecoveryPeriodInDays: 35,
    });
  }
});
