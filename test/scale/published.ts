/**
 * Quotas and prices as published, for us-east-1. `read` says where a number could be read when this was written: on a page of
 * AWS's own, on somebody else's page that quotes AWS's, or nowhere from here (then it is what AWS's page was known to say).
 */
export interface Published {
  value: number;
  unit: string;
  /** AWS's page that is the source of the number. */
  page: string;
  /** When what was read was written, where that is known. */
  read: 'AWS' | 'quoted' | 'not checked';
  note?: string;
}

/** When the pages were looked up. */
export const readOn = '2026-11-23';

const lambdaSqs = 'Lambda, Configuring scaling behavior for SQS event source mappings';
const fifoPage = 'SQS, FIFO queue quotas; Avoid large message backlogs';
const messagesPage = 'SQS, Message quotas';

export const quotas = {
  lambdaConcurrency: { value: 1000, unit: 'invocations at a time', page: 'Lambda, Function scaling', read: 'AWS' },
  lambdaScaling: {
    value: 100,
    unit: 'environments a second, each function',
    page: 'Lambda, Scaling behavior',
    read: 'AWS',
    note: 'published as 1,000 every 10 seconds',
  },
  pollersAtFirst: { value: 5, unit: 'invocations at a time', page: lambdaSqs, read: 'AWS' },
  pollersGrowth: {
    value: 5,
    unit: 'more a second',
    page: lambdaSqs,
    read: 'AWS',
    note: 'published as 300 a minute, for standard queues; taken to hold for FIFO queues too',
  },
  mappingConcurrency: {
    value: 1000,
    unit: 'invocations at a time',
    page: 'CloudFormation, EventSourceMapping ScalingConfig',
    read: 'AWS',
    note: 'highest MaximumConcurrency; provisioned mode goes to 20,000 and grows by 1,000 a minute',
  },
  fifoInFlight: { value: 120_000, unit: 'messages', page: fifoPage, read: 'AWS' },
  fifoRate: {
    value: 70_000,
    unit: 'calls a second, each action',
    page: messagesPage,
    read: 'AWS',
    note: 'high throughput, without batching; less in other regions; without high throughput 300',
  },
  standardInFlight: { value: 120_000, unit: 'messages', page: 'SQS, Standard queue quotas', read: 'not checked' },
  tableWrites: { value: 40_000, unit: 'write units a second', page: 'DynamoDB, Quotas', read: 'AWS' },
  tableReads: { value: 40_000, unit: 'read units a second', page: 'DynamoDB, Quotas', read: 'AWS' },
  newTableWrites: {
    value: 4000,
    unit: 'write units a second',
    page: 'DynamoDB, On-demand capacity mode',
    read: 'AWS',
    note: 'of a new table; afterwards twice the highest rate of before, within half an hour',
  },
  partitionWrites: {
    value: 1000,
    unit: 'write units a second',
    page: 'AWS re:Post, On-demand throttling',
    read: 'AWS',
  },
  partitionReads: { value: 3000, unit: 'read units a second', page: 'AWS re:Post, On-demand throttling', read: 'AWS' },
  storeWrites: { value: 3500, unit: 'writes a second, each prefix', page: 'S3, Optimizing performance', read: 'AWS' },
  storeReads: { value: 5500, unit: 'reads a second, each prefix', page: 'S3, Optimizing performance', read: 'AWS' },
  gateway: { value: 10_000, unit: 'requests a second', page: 'API Gateway, Quotas', read: 'AWS' },
  secretReads: { value: 10_000, unit: 'reads a second', page: 'Secrets Manager, Quotas', read: 'AWS' },
  assumeRole: { value: 600, unit: 'calls a second', page: 'IAM and STS quotas', read: 'not checked' },
} as const satisfies Record<string, Published>;

const dynamoPage = 'aws.amazon.com/dynamodb/pricing/on-demand';
const provisionedPage = 'aws.amazon.com/dynamodb/pricing/provisioned';
const cloudWatchPage = 'aws.amazon.com/cloudwatch/pricing';

/** US dollars. */
export const prices = {
  lambdaGbSecond: {
    value: 0.0000166667,
    unit: 'GB-s, x86_64',
    page: 'aws.amazon.com/lambda/pricing',
    read: 'quoted',
    note: 'first tier (6 billion GB-s)',
  },
  lambdaArmGbSecond: {
    value: 0.0000133334,
    unit: 'GB-s, arm64',
    page: 'aws.amazon.com/lambda/pricing',
    read: 'quoted',
    note: 'first tier (7.5 billion GB-s)',
  },
  lambdaRequest: { value: 0.2e-6, unit: 'request', page: 'aws.amazon.com/lambda/pricing', read: 'quoted' },
  fifoRequest: { value: 0.5e-6, unit: 'request', page: 'aws.amazon.com/sqs/pricing', read: 'quoted' },
  standardRequest: { value: 0.4e-6, unit: 'request', page: 'aws.amazon.com/sqs/pricing', read: 'quoted' },
  writeUnit: { value: 0.625e-6, unit: 'write unit', page: dynamoPage, read: 'quoted' },
  readUnit: { value: 0.125e-6, unit: 'read unit', page: dynamoPage, read: 'quoted' },
  writeCapacity: { value: 0.00065, unit: 'write capacity unit and hour', page: provisionedPage, read: 'quoted' },
  readCapacity: { value: 0.00013, unit: 'read capacity unit and hour', page: provisionedPage, read: 'quoted' },
  tableGb: { value: 0.25 + 0.2, unit: 'GB-month with recovery', page: dynamoPage, read: 'not checked' },
  storePut: { value: 5e-6, unit: 'PUT', page: 'aws.amazon.com/s3/pricing', read: 'quoted' },
  storeGet: { value: 0.4e-6, unit: 'GET', page: 'aws.amazon.com/s3/pricing', read: 'quoted' },
  storeGb: { value: 0.023, unit: 'GB-month', page: 'aws.amazon.com/s3/pricing', read: 'quoted' },
  key: { value: 1, unit: 'KMS key and month', page: 'aws.amazon.com/kms/pricing', read: 'not checked' },
  gatewayRequest: { value: 1e-6, unit: 'request', page: 'aws.amazon.com/api-gateway/pricing', read: 'quoted' },
  secret: { value: 0.4, unit: 'secret and month', page: 'aws.amazon.com/secrets-manager/pricing', read: 'quoted' },
  secretRead: { value: 5e-6, unit: 'read', page: 'aws.amazon.com/secrets-manager/pricing', read: 'quoted' },
  logGb: { value: 0.5, unit: 'GB, first 10 TB', page: cloudWatchPage, read: 'quoted' },
  logGbSecond: { value: 0.25, unit: 'GB, next 20 TB', page: cloudWatchPage, read: 'not checked' },
  logGbThird: { value: 0.1, unit: 'GB, next 20 TB', page: cloudWatchPage, read: 'not checked' },
  logGbRest: { value: 0.05, unit: 'GB, beyond', page: cloudWatchPage, read: 'not checked' },
  logGbKept: { value: 0.03, unit: 'GB-month, compressed', page: cloudWatchPage, read: 'quoted' },
  metric: { value: 0.3, unit: 'metric and month', page: cloudWatchPage, read: 'quoted' },
  alarm: { value: 0.1, unit: 'alarm and month', page: cloudWatchPage, read: 'not checked' },
  dashboard: { value: 3, unit: 'dashboard and month', page: cloudWatchPage, read: 'quoted' },
  natGb: { value: 0.045, unit: 'GB through a NAT gateway', page: 'aws.amazon.com/vpc/pricing', read: 'not checked' },
} as const satisfies Record<string, Published>;
