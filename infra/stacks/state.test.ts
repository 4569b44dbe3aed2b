import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tableSchema } from '../../shared/aws/dynamo-table.ts';
import { listed, shortName, statementsOf } from '../testing/granted.ts';
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

test('a role reads the sources at AWS: what is listed, nothing of our own, and only when there are any', () => {
  const template = templatesOf(`
sources:
  aws:
    - arn:aws:ecr:eu-west-1:111122223333:repository/team/*
    - arn:aws:ecr-public::111122223333:repository/base
    - arn:aws:s3:::config
    - arn:aws:codecommit:eu-west-1:111122223333:shop
    - arn:aws:kms:eu-west-1:111122223333:key/0123-45
`).state;
  const [, role] = resourcesOf(template, 'AWS::IAM::Role').find(([id]) => id.startsWith('SourcesRole'))!;
  const grants = statementsOf(role).flatMap(({ Effect, Action, Resource }) =>
    listed(Action).flatMap(action => listed(Resource).map(resource => `${Effect} ${action} ${shortName(resource)}`)),
  );
  assert.deepEqual(grants, [
    'Allow ecr:BatchGetImage arn:aws:ecr:eu-west-1:111122223333:repository/team/*',
    'Allow ecr:GetDownloadUrlForLayer arn:aws:ecr:eu-west-1:111122223333:repository/team/*',
    'Allow ecr:ListImages arn:aws:ecr:eu-west-1:111122223333:repository/team/*',
    'Allow ecr:GetAuthorizationToken *',
    'Allow ecr-public:GetAuthorizationToken *',
    'Allow sts:GetServiceBearerToken *',
    'Allow s3:ListBucket arn:aws:s3:::config',
    'Allow s3:GetBucketLocation arn:aws:s3:::config',
    'Allow s3:GetObject arn:aws:s3:::config/*',
    'Allow codecommit:GitPull arn:aws:codecommit:eu-west-1:111122223333:shop',
    'Allow kms:Decrypt arn:aws:kms:eu-west-1:111122223333:key/0123-45',
    'Deny s3:* Artifacts82DD59A1',
    'Deny s3:* Artifacts82DD59A1/*',
  ]);
  const [trust] = role.Properties.AssumeRolePolicyDocument.Statement;
  assert.match(JSON.stringify(trust.Condition.ArnLike['aws:PrincipalArn']), /:role\/sluice\/sluice\/\*/);
  assert.ok(template.toJSON().Outputs.SourcesRoleArn);
  assert.equal(resourcesOf(state, 'AWS::IAM::Role').length, 1);
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
