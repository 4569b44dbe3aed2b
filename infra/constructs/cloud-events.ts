import { Duration } from 'aws-cdk-lib';
import { type EventPattern, Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as FunctionTarget } from 'aws-cdk-lib/aws-events-targets';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { Config } from '../config-schema.ts';

/**
 * How long an event is tried: what could not be told within the hour, the sources' intervals have found. So there is no queue
 * of dead events either: nobody could do anything with them, and failures ring the function's alarm.
 */
const maxEventAge = Duration.hours(1);

/** The rules that bring changes in ECR, CodeCommit and S3 to the function that knows whom they concern. */
export class CloudEvents extends Construct {
  constructor(scope: Construct, id: string, target: LambdaFunction, { name, awsEvents }: Config) {
    super(scope, id);
    target.configureAsyncInvoke({ retryAttempts: 2, maxEventAge });
    const rule = (what: string, description: string, eventPattern: EventPattern) =>
      new Rule(this, what, {
        description: `${description} (Sluice, ${name})`,
        eventPattern,
        targets: [new FunctionTarget(target, { retryAttempts: 10, maxEventAge })],
      });
    if (awsEvents.ecr)
      rule('Ecr', 'Pushes to ECR', {
        source: ['aws.ecr'],
        detailType: ['ECR Image Action'],
        detail: { 'action-type': ['PUSH'], result: ['SUCCESS'] },
      });
    if (awsEvents.codeCommit)
      rule('CodeCommit', 'Pushes to CodeCommit', {
        source: ['aws.codecommit'],
        detailType: ['CodeCommit Repository State Change'],
      });
    if (awsEvents.s3.length > 0)
      rule('S3', 'Objects that are put and deleted', {
        source: ['aws.s3'],
        detailType: ['Object Created', 'Object Deleted'],
        detail: { bucket: { name: awsEvents.s3 } },
      });
  }
}
