import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { CfnSecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as FunctionTarget } from 'aws-cdk-lib/aws-events-targets';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import type { Config } from '../config-schema.ts';
import { Alarms } from '../constructs/alarms.ts';
import { CloudEvents } from '../constructs/cloud-events.ts';
import { Functions } from '../constructs/functions.ts';
import { OperationsDashboard } from '../constructs/operations-dashboard.ts';
import { feed, type QueueKey, WorkerQueue } from '../constructs/queue-worker.ts';
import { WebhookApi } from '../constructs/webhook-api.ts';
import type { Network } from '../constructs/worker-function.ts';
import { type FunctionName, functionNames, settingsOf } from '../function-settings.ts';
import { pascalCase } from '../pascal-case.ts';
import type { StateStack } from './state.ts';

export interface ServiceStackProps extends StackProps {
  config: Config;
  state: StateStack;
  /** Folders of the bundles, by the function's name. */
  bundles: Record<FunctionName, string>;
}

export const queueKeys: readonly QueueKey[] = ['source', 'kustomize', 'notification', 'timer'];

/** After which wait of the oldest message somebody should look. Timers wait for their time in their queue, up to 15 minutes. */
const oldest: Record<QueueKey, Duration> = {
  source: Duration.minutes(10),
  kustomize: Duration.minutes(10),
  notification: Duration.minutes(10),
  timer: Duration.minutes(25),
};

/** Everything that works and keeps nothing: it can be replaced, or deleted and deployed again. */
export class ServiceStack extends Stack {
  readonly queues: Record<QueueKey, WorkerQueue>;
  readonly functions: Functions;
  readonly api: WebhookApi;
  readonly #config: Config;

  constructor(scope: Construct, id: string, props: ServiceStackProps) {
    const { config, state, bundles, ...rest } = props;
    super(scope, id, rest);
    this.#config = config;
    const queue = (key: QueueKey) => new WorkerQueue(this, `${pascalCase(key)}Queue`, key, config);
    this.queues = {
      source: queue('source'),
      kustomize: queue('kustomize'),
      notification: queue('notification'),
      timer: queue('timer'),
    };
    this.functions = new Functions(this, 'Functions', {
      config,
      state,
      bundles,
      queues: this.queues,
      network: this.#network(),
    });
    this.#feedAll();
    this.#everyMinute();
    new CloudEvents(this, 'CloudEvents', this.functions.get('cloud-event'), config);
    this.api = new WebhookApi(this, 'WebhookApi', this.functions.get('webhook'), config);
    const dashboard = this.#watch(this.#topic(state));
    this.#outputs(state, dashboard.url);
  }

  #network(): Network | undefined {
    const { vpc, name } = this.#config;
    if (!vpc) return undefined;
    if (vpc.securityGroups.length > 0) return vpc;
    const group = new CfnSecurityGroup(this, 'SecurityGroup', {
      groupDescription: `Functions of Sluice (${name}): out to clusters, Git servers and AWS; nothing in`,
      vpcId: vpc.id,
      securityGroupEgress: [
        { ipProtocol: '-1', cidrIp: '0.0.0.0/0', description: 'wherever clusters and Git servers are' },
      ],
    });
    return { subnets: vpc.subnets, securityGroups: [group.attrGroupId] };
  }

  #feedAll(): void {
    const limit = (name: FunctionName) => this.#config.concurrency[name] ?? settingsOf(name).concurrency ?? 2;
    for (const key of queueKeys) {
      const { queue, deadLetters } = this.queues[key];
      // Timers are forwarded in batches; each is sent or fails by itself.
      feed(this.functions.get(key), queue, {
        id: 'FromQueue',
        batchSize: key === 'timer' ? 10 : 1,
        maxConcurrency: limit(key),
      });
      feed(this.functions.get('dead-letter'), deadLetters, {
        id: `From${pascalCase(key)}`,
        batchSize: 10,
        maxConcurrency: limit('dead-letter'),
      });
    }
  }

  /** A minute that failed or came late is not made up for: the next one does its work. */
  #everyMinute(): void {
    const target = this.functions.get('schedule');
    target.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.seconds(60) });
    new Rule(this, 'EveryMinute', {
      description: `Starts the schedule of Sluice (${this.#config.name})`,
      schedule: Schedule.rate(Duration.minutes(1)),
      targets: [new FunctionTarget(target, { retryAttempts: 0, maxEventAge: Duration.seconds(60) })],
    });
  }

  #topic(state: StateStack): ITopic | undefined {
    const { topicArn, email } = this.#config.alarms;
    if (topicArn) return Topic.fromTopicArn(this, 'Topic', topicArn);
    if (!email) return undefined;
    const topic = new Topic(this, 'Topic', { masterKey: state.key, enforceSSL: true });
    topic.addSubscription(new EmailSubscription(email));
    topic.grantPublish(new ServicePrincipal('cloudwatch.amazonaws.com'));
    return topic;
  }

  #watch(topic: ITopic | undefined): OperationsDashboard {
    const { name } = this.#config;
    const alarms = new Alarms(this, 'Alarms', name, topic);
    for (const key of functionNames) alarms.watchFunction(key, this.functions.get(key));
    for (const key of queueKeys) alarms.watchQueue(key, this.queues[key], oldest[key]);
    alarms.watchSweep();
    alarms.watchApi(this.api.stage.metricServerError({ period: Duration.minutes(1), statistic: 'Sum' }));
    return new OperationsDashboard(this, 'Operations', {
      name,
      alarms: alarms.all,
      functions: Object.fromEntries(functionNames.map(key => [key, this.functions.get(key)])),
      queues: this.queues,
      stage: this.api.stage,
    });
  }

  /** What the command line reads. */
  #outputs(state: StateStack, dashboardUrl: string): void {
    const outputs: Record<string, string> = {
      WebhookUrl: this.api.url,
      ArtifactsUrl: this.functions.artifactsUrl,
      BucketName: state.artifacts.bucketName,
      TableName: state.index.tableName,
      ClusterRoleArn: state.clusterRole.roleArn,
      LogGroupPrefix: `/sluice/${this.#config.name}/`,
      DashboardUrl: dashboardUrl,
      ...(this.api.domainTarget && { DomainTarget: this.api.domainTarget }),
    };
    for (const key of queueKeys) {
      outputs[`${pascalCase(key)}QueueUrl`] = this.queues[key].queue.queueUrl;
      outputs[`${pascalCase(key)}DeadLettersUrl`] = this.queues[key].deadLetters.queueUrl;
    }
    for (const [key, value] of Object.entries(outputs)) new CfnOutput(this, key, { value });
  }
}
