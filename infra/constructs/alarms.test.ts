import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { metricNamespace } from '../../shared/aws/emf-metrics.ts';
import { metricUnits } from '../../shared/ports/metrics.ts';
import { functionNames } from '../function-settings.ts';
import { resourcesOf, templatesOf } from '../testing/synthesized.ts';

const { service } = templatesOf();
const alarmsOf = (template: typeof service) =>
  new Map(
    resourcesOf(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => [
      Properties.AlarmName as string,
      Properties,
    ]),
  );
const alarms = alarmsOf(service);
const queues = ['source', 'kustomize', 'notification', 'timer'];

test('each function and each queue is watched, and so are the sweep and the API', () => {
  const wanted = [
    ...functionNames.flatMap(name => [`sluice-${name}-errors`, `sluice-${name}-throttles`]),
    ...queues.flatMap(name => [`sluice-${name}-queue-age`, `sluice-${name}-dead-letters`]),
    'sluice-sweep-late',
    'sluice-webhook-api-errors',
  ];
  assert.deepEqual([...alarms.keys()].sort(), wanted.sort());
});

test('a dead letter rings although it is hidden most of the time', () => {
  for (const name of queues) {
    const metrics: { Expression?: string; MetricStat?: { Metric: { MetricName: string } } }[] = alarms.get(
      `sluice-${name}-dead-letters`,
    )!.Metrics;
    const summed = metrics.flatMap(metric => metric.MetricStat?.Metric.MetricName ?? []);
    assert.deepEqual(summed.sort(), ['ApproximateNumberOfMessagesNotVisible', 'ApproximateNumberOfMessagesVisible']);
    assert.ok(metrics.some(metric => metric.Expression === 'visible + hidden'));
  }
});

test('a schedule that says nothing is late', () => {
  const late = alarms.get('sluice-sweep-late')!;
  assert.equal(late.TreatMissingData, 'breaching');
  assert.equal(late.Namespace, metricNamespace);
  assert.deepEqual(late.Dimensions, [{ Name: 'Name', Value: 'sluice' }]);
  for (const [name, alarm] of alarms)
    if (name !== 'sluice-sweep-late') assert.equal(alarm.TreatMissingData, 'notBreaching', name);
});

test('alarms and dashboard look at metrics that the functions write', () => {
  const [, dashboard] = resourcesOf(service, 'AWS::CloudWatch::Dashboard')[0]!;
  const body = JSON.stringify(dashboard.Properties.DashboardBody);
  const searched = [...body.matchAll(/SEARCH\('\{(\w+),Name,Kind\} MetricName=\\+"(\w+)/g)];
  assert.equal(searched.length, 8);
  for (const [, namespace, metric] of searched) {
    assert.equal(namespace, metricNamespace);
    assert.ok(metric! in metricUnits, metric);
  }
  for (const metric of ['SweepAge', 'DueSent', 'DeadLetters']) {
    assert.ok(metric in metricUnits);
    assert.ok(body.includes(metric), metric);
  }
});

test('the topic of the configuration hears of each alarm and of its end', () => {
  const topicArn = 'arn:aws:sns:eu-west-1:111122223333:alarms';
  for (const [name, alarm] of alarmsOf(templatesOf(`alarms: { topicArn: "${topicArn}" }`).service)) {
    assert.deepEqual(alarm.AlarmActions, [topicArn], name);
    assert.deepEqual(alarm.OKActions, [topicArn], name);
  }
  const { service: mailed, state } = templatesOf('alarms: { email: ops@example.com }');
  const [, topic] = resourcesOf(mailed, 'AWS::SNS::Topic')[0]!;
  assert.ok(topic.Properties.KmsMasterKeyId, 'it is encrypted');
  const [, key] = resourcesOf(state, 'AWS::KMS::Key')[0]!;
  assert.match(JSON.stringify(key.Properties.KeyPolicy), /cloudwatch\.amazonaws\.com/, 'alarms may use its key');
  for (const alarm of alarmsOf(mailed).values()) assert.equal(alarm.AlarmActions.length, 1);
});

test('docs/aws.md says what to do when an alarm rings', () => {
  const docs = readFileSync(new URL('../../docs/aws.md', import.meta.url), 'utf8');
  const section = docs.slice(docs.indexOf('## When an alarm rings'));
  for (const name of alarms.keys()) {
    const kind = name.replace(/^sluice-/, '').replace(/^.*-(errors|throttles|queue-age|dead-letters)$/, '*-$1');
    const wanted = name === 'sluice-webhook-api-errors' ? 'webhook-api-errors' : kind;
    assert.ok(section.includes(`\`${wanted}\``), `${wanted} is not in the runbook`);
  }
});
