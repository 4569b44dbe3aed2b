import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { systemClock } from '../ports/clock.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Ports } from '../ports/ports.ts';
import { type LogLine, makeLog } from '../reconcile/log-lines.ts';
import { awsError } from './aws-error.ts';
import { awsPorts } from './aws-ports.ts';
import type { FoundInstallation } from './cloudformation-installation.ts';
import { operatorAccess } from './operator-access.ts';
import { sdkSettings } from './sdk-settings.ts';

export interface OperatorOptions {
  /** Address the bucket by path; see AwsOptions. */
  pathStyle?: boolean;
  /** Takes what the parts log. */
  log(line: LogLine): void;
  /** Hears, once for each, of clusters that are asked with the operator's own credentials. */
  asOneself(cluster: string, roleArn: string): void;
}

/**
 * The ports of an installation on AWS for someone who works on it from outside, with AWS credentials of their own: those of the
 * functions, but for how clusters are signed in to, and that nothing is measured, and logged only what goes wrong.
 */
export function operatorPorts(found: FoundInstallation, options: OperatorOptions): Ports {
  return awsPorts({
    ...found,
    ...(options.pathStyle && { pathStyle: true }),
    log: makeLog(options.log, systemClock, 'error'),
    metrics: unmeasured,
    eks: async (name, access) => operatorAccess(name, access, systemClock, role => options.asOneself(name, role)),
  });
}

const unmeasured: Metrics = { record: () => {}, with: () => unmeasured };

/** How many messages wait in each of the queues, by what the queues are called here: those that someone works on just now, too. */
export async function messageCounts(urls: Record<string, string>, region: string): Promise<Record<string, number>> {
  const client = new SQSClient({ region, ...sdkSettings });
  try {
    const counts = Object.entries(urls).map(async ([name, url]) => [name, await countOf(client, name, url)] as const);
    return Object.fromEntries(await Promise.all(counts));
  } finally {
    client.destroy();
  }
}

const counted = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
] as const;

async function countOf(client: SQSClient, name: string, url: string): Promise<number> {
  const asked = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [...counted] });
  const { Attributes = {} } = await client.send(asked).catch(error => {
    throw awsError(error, `count the messages of the queue ${name} (sqs:GetQueueAttributes on ${url})`);
  });
  return counted.reduce((sum, attribute) => sum + Number(Attributes[attribute] ?? 0), 0);
}
