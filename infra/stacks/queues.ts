import { Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { WorkQueue } from '../constructs/work-queue.ts';

/** One FIFO queue a controller, and the standard queue whose messages wait for their time. */
export class QueuesStack extends Stack {
  readonly source: WorkQueue;
  readonly kustomize: WorkQueue;
  readonly notification: WorkQueue;
  readonly timer: Queue;

  constructor(scope: Construct, id: string, props: StackProps = {}) {
    super(scope, id, props);
    this.source = new WorkQueue(this, 'Source');
    this.kustomize = new WorkQueue(this, 'Kustomize');
    this.notification = new WorkQueue(this, 'Notification');
    this.timer = new Queue(this, 'Timer', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      visibilityTimeout: Duration.seconds(60),
      deadLetterQueue: {
        maxReceiveCount: 3,
        queue: new Queue(this, 'TimerDeadLetters', {
          encryption: QueueEncryption.SQS_MANAGED,
          enforceSSL: true,
          retentionPeriod: Duration.days(14),
        }),
      },
    });
  }
}
