import { Duration, Stack } from 'aws-cdk-lib';
import type { HttpStage } from 'aws-cdk-lib/aws-apigatewayv2';
import {
  type Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  type IWidget,
  MathExpression,
  Metric,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { metricNamespace, waiting } from './alarms.ts';

export interface DashboardParts {
  name: string;
  alarms: Alarm[];
  functions: Record<string, LambdaFunction>;
  queues: Record<string, { queue: Queue; deadLetters: Queue }>;
  stage: HttpStage;
}

const period = Duration.minutes(1);
const width = 8;

/** What one looks at first: alarms, reconciles by kind, queues, functions, webhooks. */
export class OperationsDashboard extends Construct {
  readonly url: string;

  constructor(scope: Construct, id: string, parts: DashboardParts) {
    super(scope, id);
    const { region } = Stack.of(this);
    // Dashboards of all regions are one list.
    const dashboardName = `${parts.name}-${region}`;
    const dashboard = new Dashboard(this, 'Dashboard', { dashboardName, defaultInterval: Duration.hours(3) });
    dashboard.addWidgets(new AlarmStatusWidget({ title: 'Alarms', alarms: parts.alarms, width: 24, height: 4 }));
    dashboard.addWidgets(...byKind(parts.name));
    dashboard.addWidgets(...ofSchedule(parts.name));
    dashboard.addWidgets(...ofQueues(parts.queues));
    dashboard.addWidgets(...ofFunctions(parts.functions));
    dashboard.addWidgets(...ofApi(parts.stage));
    this.url = `https://${region}.console.aws.amazon.com/cloudwatch/home?region=${region}#dashboards/dashboard/${dashboardName}`;
  }
}

/** A search finds the kinds by itself, those of later versions, too. */
function byKind(name: string): IWidget[] {
  const search = (metric: string, statistic: string) =>
    new MathExpression({
      expression: `SEARCH('{${metricNamespace},Name,Kind} MetricName="${metric}" Name="${name}"', '${statistic}', 60)`,
      usingMetrics: {},
      label: statistic.startsWith('p') ? `${statistic} ` : '',
      period,
    });
  return [
    graph('Reconciles a minute', [search('Reconciles', 'Sum')]),
    graph('Reconciles that failed', [search('ReconcileFailures', 'Sum')]),
    graph(
      'Duration of a reconcile, ms',
      ['p50', 'p90', 'p99'].map(statistic => search('ReconcileDuration', statistic)),
    ),
    graph(
      'Wait in the queue, ms',
      ['p50', 'p90', 'p99'].map(statistic => search('QueueDelay', statistic)),
    ),
  ];
}

function ofSchedule(name: string): IWidget[] {
  const own = (metricName: string, statistic: string) =>
    new Metric({ namespace: metricNamespace, metricName, dimensionsMap: { Name: name }, statistic, period });
  return [
    graph('Time since the cluster furthest behind was looked at, s', [own('SweepAge', 'Maximum')]),
    graph('Sent because they were due', [own('DueSent', 'Sum')]),
    graph('Messages that were given up', [own('DeadLetters', 'Sum')]),
  ];
}

function ofQueues(queues: DashboardParts['queues']): IWidget[] {
  const all = Object.entries(queues);
  return [
    graph(
      'Oldest message, s',
      all.map(([label, { queue }]) =>
        queue.metricApproximateAgeOfOldestMessage({ statistic: 'Maximum', period, label }),
      ),
    ),
    graph(
      'Messages waiting',
      all.map(([label, { queue }]) =>
        queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period, label }),
      ),
    ),
    graph(
      'In dead-letter queues',
      all.map(([label, { deadLetters }]) => {
        const { expression, usingMetrics } = waiting(deadLetters);
        const own = Object.entries(usingMetrics).map(([id, metric]) => [`${id}_${label}`, metric] as const);
        const sum = own.map(([id]) => id).join(' + ');
        return new MathExpression({
          expression: sum || expression,
          usingMetrics: Object.fromEntries(own),
          label,
          period,
        });
      }),
    ),
  ];
}

function ofFunctions(functions: DashboardParts['functions']): IWidget[] {
  const all = Object.entries(functions);
  return [
    graph(
      'Invocations at a time',
      all.map(([label, target]) => target.metric('ConcurrentExecutions', { statistic: 'Maximum', period, label })),
    ),
    graph(
      'Errors of functions',
      all.map(([label, target]) => target.metricErrors({ statistic: 'Sum', period, label })),
    ),
    graph(
      'Throttles of functions',
      all.map(([label, target]) => target.metricThrottles({ statistic: 'Sum', period, label })),
    ),
    graph(
      'Duration of invocations, p99, ms',
      all.map(([label, target]) => target.metricDuration({ statistic: 'p99', period, label })),
    ),
  ];
}

function ofApi(stage: HttpStage): IWidget[] {
  return [
    graph('Webhooks', [stage.metricCount({ period, label: 'requests' })]),
    graph('Webhooks refused', [
      stage.metricClientError({ period, statistic: 'Sum', label: '4xx' }),
      stage.metricServerError({ period, statistic: 'Sum', label: '5xx' }),
    ]),
    graph('Time to answer a webhook, ms', [
      stage.metricLatency({ period, statistic: 'p50', label: 'p50' }),
      stage.metricLatency({ period, statistic: 'p99', label: 'p99' }),
    ]),
  ];
}

function graph(title: string, left: IMetric[]): GraphWidget {
  return new GraphWidget({ title, left, width, height: 6, leftYAxis: { min: 0 } });
}
