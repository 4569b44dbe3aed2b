import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ConfigError, loadConfig, parseConfig } from './config.ts';
import { options, withTable } from './config-reference.ts';
import { Config } from './config-schema.ts';

const certificate = 'arn:aws:acm:eu-west-1:111122223333:certificate/0123abcd-0123-4567-89ab-0123456789ab';

/** Faults of a configuration, as they are told. */
function problemsOf(yaml: string): readonly string[] {
  try {
    parseConfig(yaml, 'sluice.yaml');
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
  return [];
}

test('an empty configuration is one, and so is none', () => {
  assert.deepEqual(parseConfig('', 'x'), Config.parse({}));
  assert.deepEqual(parseConfig('# nothing said\n', 'x'), Config.parse({}));
});

const faults: [string, string, string][] = [
  [
    'a typo in an option',
    'memory:\n  kustomise: 2048\n',
    'sluice.yaml:2: memory.kustomise: there is no such option; did you mean kustomize?',
  ],
  [
    'a typo in a section',
    'name: prod\nalarm: { email: ops@example.com }\n',
    'sluice.yaml:2: alarm: there is no such option; did you mean alarms?',
  ],
  [
    'an option that is like none',
    'tenancy: { quota: 5 }\n',
    'sluice.yaml:1: tenancy.quota: there is no such option; there are noCrossNamespaceRefs, defaultServiceAccount',
  ],
  [
    'an option of a cluster',
    'clusters:\n  - name: east\n    role: x\n    roleArn: arn:aws:iam::111122223333:role/x\n',
    'sluice.yaml:3: clusters.0.role: there is no such option; did you mean roleArn?',
  ],
  [
    'an unknown region',
    'region: eu-west-9\n',
    'sluice.yaml:1: region: "eu-west-9" is no region that is known; did you mean eu-west-1?',
  ],
  [
    'a region that is like none',
    'region: home\n',
    'sluice.yaml:1: region: "home" is no region that is known; (for example us-east-1',
  ],
  [
    'a VPC without subnets',
    'vpc:\n  id: vpc-0123456789abcdef0\n  subnets: []\n',
    'sluice.yaml:3: vpc.subnets: names no subnet; the functions need at least one',
  ],
  [
    'a VPC that does not speak of subnets',
    'vpc: { id: vpc-0123456789abcdef0 }\n',
    'sluice.yaml:1: vpc.subnets: is missing',
  ],
  [
    'something that is no id',
    'vpc: { id: main, subnets: [subnet-0123456789abcdef0] }\n',
    'sluice.yaml:1: vpc.id: is "main"; it has to be an id like vpc-0123456789abcdef0',
  ],
  [
    'a cluster name that is taken',
    'clusters:\n  - { name: east, roleArn: "arn:aws:iam::111122223333:role/a" }\n  - { name: east, roleArn: "arn:aws:iam::111122223333:role/b" }\n',
    'sluice.yaml:3: clusters.1.name: there is a cluster "east" already',
  ],
  [
    'a subnet twice',
    'vpc: { id: vpc-0123456789abcdef0, subnets: [subnet-0123456789abcdef0, subnet-0123456789abcdef0] }\n',
    'sluice.yaml:1: vpc.subnets.1: subnet-0123456789abcdef0 is listed twice',
  ],
  [
    'a source that is none of AWS',
    'sources:\n  aws:\n    - arn:aws:s3:::config/folder\n',
    'sluice.yaml:3: sources.aws.0: is "arn:aws:s3:::config/folder"; it has to be the ARN of an ECR repository',
  ],
  [
    'a bucket by its address',
    'awsEvents: { s3: ["s3://config"] }\n',
    'sluice.yaml:1: awsEvents.s3.0: is "s3://config"; it has to be the name of a bucket',
  ],
  [
    'a word for a switch',
    'awsEvents: { ecr: often }\n',
    'sluice.yaml:1: awsEvents.ecr: is "often"; it has to be true or false',
  ],
  ['too little memory', 'memory: { source: 64 }\n', 'sluice.yaml:1: memory.source: is 64; it has to be at least 128'],
  [
    'a timeout that keeps objects waiting',
    'timeout: { source: 900 }\n',
    'sluice.yaml:1: timeout.source: is 900; it may be at most 300 s: the message of a worker that died comes back',
  ],
  [
    'a word for a number',
    'timeout: { webhook: long }\n',
    'sluice.yaml:1: timeout.webhook: is "long"; it has to be a number',
  ],
  [
    'fewer invocations than the queue starts',
    'reservedConcurrency: { kustomize: 10 }\n',
    'sluice.yaml:1: reservedConcurrency.kustomize: is 10, less than concurrency.kustomize (50)',
  ],
  [
    'concurrency of what no queue feeds',
    'concurrency: { webhook: 10 }\n',
    'sluice.yaml:1: concurrency.webhook: there is no such option; there are source, kustomize',
  ],
  [
    'a retention that CloudWatch does not know',
    'retention: { logs: 31 }\n',
    'sluice.yaml:1: retention.logs: is 31; it has to be a number of days that CloudWatch knows: 1, 3, 5',
  ],
  [
    'a certificate of another region',
    `region: us-east-1\ndomain: { name: hooks.example.com, certificateArn: "${certificate}" }\n`,
    'sluice.yaml:2: domain.certificateArn: the certificate is in eu-west-1, and an HTTP API in us-east-1 takes only',
  ],
  [
    'two targets of alarms',
    'alarms:\n  topicArn: arn:aws:sns:eu-west-1:111122223333:alarms\n  email: ops@example.com\n',
    'sluice.yaml:3: alarms.email: there is a topicArn, too; give one of them',
  ],
  [
    'a topic of another region',
    'region: us-east-1\nalarms: { topicArn: "arn:aws:sns:eu-west-1:111122223333:alarms" }\n',
    'sluice.yaml:2: alarms.topicArn: the topic is in eu-west-1; alarms of us-east-1 can only tell topics of us-east-1',
  ],
  [
    'an account that YAML takes for a number',
    'account: 111122223333\n',
    'sluice.yaml:1: account: is 111122223333; it has to be text; put it in quotes',
  ],
  ['a name with capitals', 'name: Prod\n', 'sluice.yaml:1: name: is "Prod"; it has to be 2 to 25 lower-case letters'],
  [
    'an unknown level',
    'logLevel: debug\n',
    'sluice.yaml:1: logLevel: is "debug"; it has to be one of info, warn, error',
  ],
  [
    'a tag that AWS keeps for itself',
    'tags: { "aws:x": y }\n',
    'sluice.yaml:1: tags.aws:x: has to be a tag that AWS takes',
  ],
  ['an empty section', 'retention:\n', 'sluice.yaml:1: retention: is empty; it has to be a mapping of options'],
  ['no mapping at all', '- name\n', 'sluice.yaml:1: is ["name"]; it has to be a mapping of options'],
  ['an option twice', 'name: a1\nname: b1\n', 'sluice.yaml:2: Map keys must be unique'],
  ['no YAML', 'name: [\n', 'sluice.yaml:2: '],
];

for (const [what, yaml, message] of faults)
  test(`told with its place: ${what}`, () => {
    const problems = problemsOf(yaml);
    assert.ok(
      problems.some(problem => problem.startsWith(message)),
      `${JSON.stringify(message)} is not among\n${problems.join('\n')}`,
    );
  });

test('all faults are told at once', () => {
  assert.equal(problemsOf('regoin: x\nmemory: { timer: 1 }\nlogLevel: all\n').length, 3);
});

test('a file that is named has to be there; sluice.yaml need not', () => {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-config-'));
  const before = process.cwd();
  try {
    process.chdir(dir);
    assert.equal(loadConfig().name, 'sluice');
    writeFileSync('sluice.yaml', 'name: mine\n');
    assert.equal(loadConfig().name, 'mine');
    writeFileSync('other.yaml', 'name: other\n');
    assert.equal(loadConfig('other.yaml').name, 'other');
    assert.throws(() => loadConfig('absent.yaml'), /^ConfigError: absent\.yaml: cannot be read: ENOENT/);
  } finally {
    process.chdir(before);
    rmSync(dir, { recursive: true });
  }
});

test('the example says everything that can be said, and is right', () => {
  const text = readFileSync(new URL('../sluice.example.yaml', import.meta.url), 'utf8');
  // Options that exclude one another stand there as comments, too.
  const config = parseConfig(text, 'sluice.example.yaml');
  assert.equal(config.name, 'sluice');
  for (const { path } of options()) {
    const last = path.replace('.FUNCTION', '').split('.').at(-1)!.replace('[]', '');
    assert.match(text, new RegExp(`\\b${last}:`), `${path} is not in sluice.example.yaml`);
  }
});

test('docs/aws.md has every option, with its default and what it does', () => {
  const text = readFileSync(new URL('../docs/aws.md', import.meta.url), 'utf8');
  for (const { path, description } of options()) assert.ok(description, `${path} is not described`);
  assert.equal(text, withTable(text), 'run `node infra/config-reference.ts`');
});
