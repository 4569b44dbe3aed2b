/** What an installation on AWS has, made on the servers as the stack makes it. Its table is made by table.ts. */
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { QueueName } from '../../shared/ports/queue.ts';
import { type AwsServers, credentials, region } from './servers.ts';

export async function createBucket(servers: AwsServers, bucket: string): Promise<void> {
  const client = new S3Client({ endpoint: servers.s3, region, credentials, forcePathStyle: true });
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  } finally {
    client.destroy();
  }
}

export interface Queues {
  /** URLs, as SqsQueue takes them. */
  urls: Record<QueueName | 'timer', string>;
  deadLetters: Record<QueueName | 'timer', string>;
}

/** The queues of an installation, each with its dead-letter queue: a message goes there when it was received three times. */
export async function createQueues(servers: AwsServers, prefix: string, visibilitySeconds: number): Promise<Queues> {
  const client = new SQSClient({ endpoint: servers.sqs, region, credentials });
  const queues = { urls: {}, deadLetters: {} } as Queues;
  try {
    for (const name of ['source', 'kustomize', 'notification', 'timer'] as const) {
      const suffix = name === 'timer' ? '' : '.fifo';
      const fifo: Record<string, string> = name === 'timer' ? {} : { FifoQueue: 'true' };
      const create = async (queue: string, attributes: Record<string, string>) => {
        const asked = { QueueName: `${prefix}-${queue}${suffix}`, Attributes: { ...fifo, ...attributes } };
        return (await client.send(new CreateQueueCommand(asked))).QueueUrl!;
      };
      const dead = await create(`${name}-dead-letters`, {});
      const asked = new GetQueueAttributesCommand({ QueueUrl: dead, AttributeNames: ['QueueArn'] });
      const { Attributes: found } = await client.send(asked);
      const redrive = JSON.stringify({ deadLetterTargetArn: found!.QueueArn, maxReceiveCount: 3 });
      const visibility = { VisibilityTimeout: String(visibilitySeconds), RedrivePolicy: redrive };
      queues.deadLetters[name] = dead;
      queues.urls[name] = await create(name, visibility);
    }
    return queues;
  } finally {
    client.destroy();
  }
}
