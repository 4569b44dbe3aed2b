import { Duration } from 'aws-cdk-lib';
import { CfnEventSourceMapping, type Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { DeduplicationScope, FifoThroughputLimit, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Config } from '../config-schema.ts';
import { settingsOf } from '../function-settings.ts';

/** The queues, as the functions' environment calls them. */
export type QueueKey = 'source' | 'kustomize' | 'notification' | 'timer';

/** After that many receives a message is given up, as on one machine. */
const maxReceives = 3;

/**
 * How long after its function's time is over a message is seen again. AWS recommends six times the time, because a mapping
 * with batches and a window holds messages back, and one without a limit hands them to a function that is throttled. Here a
 * batch is one message, nothing waits for a window, and the mapping's limit is below the function's; so a minute is enough,
 * and what a killed worker held is taken up again within three.
 */
const spare = Duration.seconds(60);

/** SQS's default. Shorter than that of dead letters, whose age counts from when they were sent. */
const retention = Duration.days(4);

/** When a message that could not be dealt with in a dead-letter queue is looked at again. */
const deadLetterVisibility = Duration.minutes(15);

/** A queue with its dead-letter queue. The three of the controllers are FIFO, one message group an object; timers need no order. */
export class WorkerQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, key: QueueKey, config: Config) {
    super(scope, id);
    const fifo = key !== 'timer';
    const suffix = fifo ? '.fifo' : '';
    const common = { ...(fifo && { fifo }), encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true };
    const perGroup = {
      deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
      fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
    };
    this.deadLetters = new Queue(this, 'DeadLetters', {
      ...common,
      queueName: `${config.name}-${key}-dead-letters${suffix}`,
      retentionPeriod: Duration.days(config.retention.deadLetters),
      visibilityTimeout: deadLetterVisibility,
    });
    this.queue = new Queue(this, 'Queue', {
      ...common,
      ...(fifo && perGroup),
      queueName: `${config.name}-${key}${suffix}`,
      retentionPeriod: retention,
      visibilityTimeout: Duration.seconds(config.timeout[key] ?? settingsOf(key).timeout).plus(spare),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: maxReceives },
    });
  }
}

/**
 * Feeds a function from a queue. `batchSize` 1 keeps the order of a FIFO queue simple: a message that fails holds up those
 * of its own object, and nothing else. Where order does not matter (timers, dead letters), a batch may be more.
 */
export function feed(
  target: LambdaFunction,
  queue: Queue,
  options: { id: string; batchSize: number; maxConcurrency: number },
): void {
  new CfnEventSourceMapping(target, options.id, {
    functionName: target.functionName,
    eventSourceArn: queue.queueArn,
    batchSize: options.batchSize,
    functionResponseTypes: ['ReportBatchItemFailures'],
    scalingConfig: { maximumConcurrency: options.maxConcurrency },
  });
}
