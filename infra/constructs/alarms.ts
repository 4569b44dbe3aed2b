import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

/** Where the functions write their metrics; the dimensions are Name, and for what concerns a kind Name and Kind. */
export const metricNamespace = 'Sluice';

interface Watched {
  metric: IMetric;
  threshold: number;
  /** Minutes of the last `of` minutes in which the threshold must be reached. */
  minutes: number;
  of?: number;
  description: string;
  /** No figure at all is as bad as a bad one. */
  silenceIsBad?: boolean;
}

const minute = Duration.minutes(1);

/** All alarms of an installation. Their names begin with its name; docs/aws.md says for each what to look at. */
export class Alarms extends Construct {
  readonly all: Alarm[] = [];
  readonly #name: string;
  readonly #topic: ITopic | undefined;

  constructor(scope: Construct, id: string, name: string, topic: ITopic | undefined) {
    super(scope, id);
    this.#name = name;
    this.#topic = topic;
  }

  /** Errors and throttles of a function. */
  watchFunction(name: string, target: LambdaFunction): void {
    this.#add(`${name}-errors`, {
      metric: target.metricErrors({ period: minute, statistic: 'Sum' }),
      threshold: 1,
      minutes: 3,
      of: 5,
      description: `Invocations of the function ${name} end with errors or time-outs, in three of five minutes.`,
    });
    this.#add(`${name}-throttles`, {
      metric: target.metricThrottles({ period: minute, statistic: 'Sum' }),
      threshold: 1,
      minutes: 3,
      of: 5,
      description: `The function ${name} is refused invocations: the account's or its own concurrency is used up.`,
    });
  }

  /** What waits too long in a queue, and what was given up. */
  watchQueue(name: string, queues: { queue: Queue; deadLetters: Queue }, oldest: Duration): void {
    this.#add(`${name}-queue-age`, {
      metric: queues.queue.metricApproximateAgeOfOldestMessage({ period: minute, statistic: 'Maximum' }),
      threshold: oldest.toSeconds(),
      minutes: 3,
      description: `A message waits in the queue ${name} for more than ${oldest.toMinutes()} minutes.`,
    });
    this.#add(`${name}-dead-letters`, {
      metric: waiting(queues.deadLetters),
      threshold: 1,
      // A message whose object could be told is gone within the first.
      minutes: 3,
      description: `Messages of the queue ${name} were given up, and nobody could be told: they lie in its dead-letter queue.`,
    });
  }

  /** Whether the clusters are looked at; a schedule that does not run at all says nothing. */
  watchSweep(): void {
    this.#add('sweep-late', {
      metric: new Metric({
        namespace: metricNamespace,
        metricName: 'SweepAge',
        dimensionsMap: { Name: this.#name },
        period: minute,
        statistic: 'Maximum',
      }),
      threshold: 300,
      minutes: 5,
      description: 'A cluster was not looked at for five minutes, or the schedule does not run.',
      silenceIsBad: true,
    });
  }

  /** Webhooks that were answered with an error of ours. */
  watchApi(serverErrors: IMetric): void {
    this.#add('webhook-api-errors', {
      metric: serverErrors,
      threshold: 1,
      minutes: 3,
      of: 5,
      description: 'Webhooks are answered 5xx, in three of five minutes; the Git server may not send them again.',
    });
  }

  #add(name: string, watched: Watched): void {
    const alarm = new Alarm(this, name, {
      alarmName: `${this.#name}-${name}`,
      alarmDescription: `${watched.description} See "When an alarm rings" in docs/aws.md.`,
      metric: watched.metric,
      threshold: watched.threshold,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      datapointsToAlarm: watched.minutes,
      evaluationPeriods: watched.of ?? watched.minutes,
      treatMissingData: watched.silenceIsBad ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    });
    if (this.#topic) {
      alarm.addAlarmAction(new SnsAction(this.#topic));
      alarm.addOkAction(new SnsAction(this.#topic));
    }
    this.all.push(alarm);
  }
}

/** Messages of a queue, those that somebody works on included: a dead letter is hidden most of the time. */
export function waiting(queue: Queue): MathExpression {
  return new MathExpression({
    expression: 'visible + hidden',
    usingMetrics: {
      visible: queue.metricApproximateNumberOfMessagesVisible({ period: minute, statistic: 'Maximum' }),
      hidden: queue.metricApproximateNumberOfMessagesNotVisible({ period: minute, statistic: 'Maximum' }),
    },
    label: 'messages',
    period: minute,
  });
}
