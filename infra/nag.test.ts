import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Validations } from 'aws-cdk-lib';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { acknowledge, acknowledgements } from './acknowledgements.ts';
import { stacksOf } from './testing/synthesized.ts';

const everything = readFileSync(new URL('../sluice.example.yaml', import.meta.url), 'utf8');

type Parts = ReturnType<typeof stacksOf>;

/** What cdk-nag finds: `path of the construct: finding`. */
function findingsOf(parts: Parts): string[] {
  Validations.of(parts.app).addPlugins(new AwsSolutionsChecks(parts.app));
  let directory: string;
  try {
    directory = parts.app.synth().directory;
  } catch (error) {
    directory = /(\S+)[/\\]validation-report\.json/.exec((error as Error).message)?.[1] ?? assert.fail(String(error));
  }
  const report = JSON.parse(readFileSync(join(directory, 'validation-report.json'), 'utf8')) as {
    pluginReports: {
      pluginName?: string;
      violations: { ruleName: string; violatingConstructs: { constructPath: string }[] }[];
    }[];
  };
  return report.pluginReports
    .flatMap(({ violations }) => violations)
    .flatMap(({ ruleName, violatingConstructs }) =>
      violatingConstructs.map(({ constructPath }) => `${constructPath.replace(/\/Resource$/, '')}: ${ruleName}`),
    )
    .sort();
}

// What is found is also printed, and makes the process fail; both are meant for `npm run synth`.
const { write } = process.stderr;
beforeEach(() => {
  process.stderr.write = (() => true) as typeof write;
});
afterEach(() => {
  process.stderr.write = write;
  process.exitCode = undefined;
});

for (const [what, yaml] of [
  ['the defaults', ''],
  ['everything configured', everything],
] as const)
  test(`cdk-nag finds what is acknowledged, nothing else, and all of it: ${what}`, () => {
    const acknowledged = stacksOf(yaml);
    acknowledge(acknowledged);
    assert.deepEqual(findingsOf(acknowledged), []);
    const bare = stacksOf(yaml);
    const wanted = acknowledgements(bare).map(({ construct, id }) => `${construct.node.path}: ${id}`);
    const found = findingsOf(bare).map(finding =>
      finding.replace('WebhookApi/Api/ANY--hook--{path+}', 'WebhookApi/Api'),
    );
    assert.deepEqual(found, wanted.sort());
  });

test('cdk-nag finds a fault that is planted', () => {
  const parts = stacksOf();
  acknowledge(parts);
  new Queue(parts.service, 'Planted');
  assert.ok(findingsOf(parts).some(finding => finding.startsWith('sluice/Planted: AwsSolutions-SQS')));
});

test('each acknowledgement has a reason', () => {
  for (const { id, reason } of acknowledgements(stacksOf(everything))) assert.ok(reason.length > 30, id);
});
