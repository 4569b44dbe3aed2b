import type { CloudFormationClient, Output, Stack } from '@aws-sdk/client-cloudformation';
import type { QueueName } from '../ports/queue.ts';
import { AwsError, awsError } from './aws-error.ts';
import type { AwsInstallation } from './aws-ports.ts';
import { sdkSettings } from './sdk-settings.ts';
import { callerIdentity, openSts } from './sts.ts';

/** An installation on AWS as the outputs of its stack describe it. */
export interface FoundInstallation extends AwsInstallation {
  region: string;
  webhookUrl: string;
  /** URLs of the queues of what was given up. */
  deadLetters: Record<QueueName | 'timer', string>;
  /** What the functions assume before they sign in to a cluster. */
  clusterRoleArn: string;
  /** What the names of the functions' log groups begin with; ends in a slash. */
  logGroupPrefix: string;
}

/** Keys of the outputs (infra/stacks). */
const outputs = [
  'WebhookUrl',
  'ArtifactsUrl',
  'BucketName',
  'TableName',
  'SourceQueueUrl',
  'KustomizeQueueUrl',
  'NotificationQueueUrl',
  'TimerQueueUrl',
  'SourceDeadLettersUrl',
  'KustomizeDeadLettersUrl',
  'NotificationDeadLettersUrl',
  'TimerDeadLettersUrl',
  'ClusterRoleArn',
  'LogGroupPrefix',
] as const;
type Outputs = Record<(typeof outputs)[number], string>;

/** Of these stacks, all parts are there: made, updated, or back from an update that failed. */
const usable =
  /^(CREATE_COMPLETE|UPDATE_COMPLETE(_CLEANUP_IN_PROGRESS)?|UPDATE_IN_PROGRESS|UPDATE_FAILED|UPDATE_ROLLBACK_.+|IMPORT_.+)$/;

/**
 * Finds an installation by the name of its stack, in the region (undefined: the one that the SDK finds). Throws an AwsError
 * that says where was looked, and what to do.
 */
export async function findInstallation(name: string, region: string | undefined): Promise<FoundInstallation> {
  const { CloudFormationClient } = await import('@aws-sdk/client-cloudformation');
  const client = new CloudFormationClient({ ...(region && { region }), ...sdkSettings });
  try {
    const found = await regionOf(client);
    const stack = await describe(client, name, found);
    return toInstallation(name, found, readOutputs(stack, found));
  } finally {
    client.destroy();
  }
}

async function regionOf(client: CloudFormationClient): Promise<string> {
  try {
    return await client.config.region();
  } catch (error) {
    throw new AwsError(
      'RegionMissing',
      'it is not said in which AWS region the installation is; name it with --aws NAME@REGION, or set AWS_REGION or a region in your AWS profile',
      { cause: error },
    );
  }
}

async function describe(client: CloudFormationClient, name: string, region: string): Promise<Stack> {
  const { DescribeStacksCommand } = await import('@aws-sdk/client-cloudformation');
  const answer = await client.send(new DescribeStacksCommand({ StackName: name })).catch(async error => {
    if (!isAbsent(error)) throw describeError(error, name, region);
    throw await notThere(name, region, error);
  });
  const stack = answer.Stacks?.[0];
  if (!stack) throw await notThere(name, region, undefined);
  const status = stack.StackStatus ?? 'unknown';
  if (usable.test(status)) return stack;
  const why = stack.StackStatusReason ? ` (${stack.StackStatusReason})` : '';
  throw new AwsError(
    'InstallationNotReady',
    status.endsWith('_IN_PROGRESS')
      ? `the stack ${name} in ${region} is ${status}${why}; wait until it is done`
      : `the stack ${name} in ${region} is ${status}${why}, so there is no whole installation; \`aws cloudformation describe-stack-events --stack-name ${name} --region ${region}\` shows what went wrong, \`npm run deploy\` puts it up again`,
  );
}

/** CloudFormation has no error of its own for it: one name, ValidationError, for all that it does not take. */
function isAbsent(error: unknown): boolean {
  const { name, message } = error as Error;
  return name === 'ValidationError' && /does not exist/.test(message);
}

async function notThere(name: string, region: string, cause: unknown): Promise<AwsError> {
  const sts = await openSts({ region });
  const account = await callerIdentity(sts).then(
    identity => `the account ${identity.account}`,
    () => 'the account of these credentials',
  );
  return new AwsError(
    'InstallationNotFound',
    `there is no stack "${name}" in ${region} in ${account}; see whether the name, the region (--aws NAME@REGION, AWS_REGION) and the credentials (AWS_PROFILE) are those it was deployed with; \`npm run deploy\` makes one`,
    { cause },
  );
}

function describeError(error: unknown, name: string, region: string): AwsError {
  const plain = awsError(error, `read the stack ${name} in ${region} (cloudformation:DescribeStacks)`);
  if (plain.code !== 'AccessDenied') return plain;
  return new AwsError(plain.code, `${plain.message}; docs/aws.md lists what the commands need`, { cause: error });
}

function readOutputs(stack: Stack, region: string): Outputs {
  const all = new Map((stack.Outputs ?? []).map(({ OutputKey, OutputValue }: Output) => [OutputKey, OutputValue]));
  const missing = outputs.filter(key => !all.get(key));
  if (missing.length === outputs.length)
    throw new AwsError(
      'InstallationNotFound',
      `the stack "${stack.StackName}" in ${region} is not one of Sluice: it has none of its outputs; name the installation with --aws NAME`,
    );
  if (missing.length > 0)
    throw new AwsError(
      'InstallationOutdated',
      `the stack "${stack.StackName}" in ${region} lacks the outputs ${missing.join(', ')}: it comes from another version of Sluice; deploy this one (\`npm run deploy\`), or use the command line of that one`,
    );
  return Object.fromEntries(outputs.map(key => [key, all.get(key)!])) as Outputs;
}

function toInstallation(name: string, region: string, found: Outputs): FoundInstallation {
  return {
    name,
    region,
    bucket: found.BucketName,
    table: found.TableName,
    queues: {
      source: found.SourceQueueUrl,
      kustomize: found.KustomizeQueueUrl,
      notification: found.NotificationQueueUrl,
      timer: found.TimerQueueUrl,
    },
    deadLetters: {
      source: found.SourceDeadLettersUrl,
      kustomize: found.KustomizeDeadLettersUrl,
      notification: found.NotificationDeadLettersUrl,
      timer: found.TimerDeadLettersUrl,
    },
    artifactsUrl: found.ArtifactsUrl.replace(/\/+$/, ''),
    webhookUrl: found.WebhookUrl.replace(/\/+$/, ''),
    clusterRoleArn: found.ClusterRoleArn,
    logGroupPrefix: found.LogGroupPrefix.replace(/\/*$/, '/'),
  };
}
