/**
 * `npm run destroy`: deletes the functions, queues, API and alarms of an installation. What holds state stays; it says what
 * that is and how to remove it. Needs no bundles and no CDK: only the stacks' names.
 */
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import type { CloudFormationClient, Stack } from '@aws-sdk/client-cloudformation';
import { commonOptions, configFile, runCommand, say } from './command-line.ts';
import { loadConfig } from './config.ts';
import { clientSettings, PreflightError, type Where, whereOf } from './preflight.ts';

const usage = `Usage: npm run destroy [-- options]

  -c config=FILE   the configuration (default: sluice.yaml, and without one the defaults)
  --all            the stack that holds state, too; bucket, table and key stay all the same
  --yes            do not ask
  --help
`;

async function main(args: string[]): Promise<number> {
  const options = parseArgs({
    args,
    options: {
      ...commonOptions,
      all: { type: 'boolean' },
    },
  }).values;
  if (options.help) return say(usage);
  const config = loadConfig(configFile(options.context ?? []));
  const where = await whereOf(config);
  const { CloudFormationClient } = await import('@aws-sdk/client-cloudformation');
  const client = new CloudFormationClient({ ...clientSettings, region: where.region });
  const wanted = [config.name, ...(options.all ? [`${config.name}-state`] : [])];
  const found = (await Promise.all(wanted.map(name => stackOf(client, name)))).filter(stack => stack !== undefined);
  if (found.length === 0)
    throw new PreflightError([
      `there is no stack ${wanted.join(' or ')} in ${where.region} of the account ${where.account}; see whether \`name\` and \`region\` are those of the installation`,
    ]);
  const kept = await stateOf(client, `${config.name}-state`);
  if (!options.yes)
    await confirm(
      config.name,
      where,
      found.map(stack => stack.StackName!),
    );
  for (const stack of found) await remove(client, stack);
  return say(leftOver(config.name, where, kept, options.all ?? false));
}

async function stackOf(client: CloudFormationClient, name: string): Promise<Stack | undefined> {
  const { DescribeStacksCommand } = await import('@aws-sdk/client-cloudformation');
  try {
    return (await client.send(new DescribeStacksCommand({ StackName: name }))).Stacks?.[0];
  } catch (error) {
    // CloudFormation has no error of its own for this.
    if ((error as Error).name === 'ValidationError' && /does not exist/.test((error as Error).message))
      return undefined;
    throw error;
  }
}

/** Physical ids of what stays, by type. */
async function stateOf(client: CloudFormationClient, name: string): Promise<Map<string, string>> {
  const { DescribeStackResourcesCommand } = await import('@aws-sdk/client-cloudformation');
  if (!(await stackOf(client, name))) return new Map();
  const { StackResources = [] } = await client.send(new DescribeStackResourcesCommand({ StackName: name }));
  return new Map(StackResources.map(resource => [resource.ResourceType!, resource.PhysicalResourceId ?? '']));
}

async function confirm(name: string, where: Where, stacks: string[]): Promise<void> {
  if (!process.stdin.isTTY) throw new PreflightError(['there is nobody to be asked; add `-- --yes` if you are sure']);
  say(
    `This deletes ${stacks.join(' and ')} in ${where.region} of the account ${where.account}. Nothing is reconciled any more.\n`,
  );
  const asking = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await asking.question(`Type ${name} to go on: `);
  asking.close();
  if (answer.trim() !== name) throw new PreflightError([`"${answer.trim()}" is not ${name}`]);
}

async function remove(
  client: CloudFormationClient,
  { StackName, StackId, EnableTerminationProtection }: Stack,
): Promise<void> {
  const { DeleteStackCommand, UpdateTerminationProtectionCommand, waitUntilStackDeleteComplete } = await import(
    '@aws-sdk/client-cloudformation'
  );
  if (EnableTerminationProtection)
    await client.send(new UpdateTerminationProtectionCommand({ StackName, EnableTerminationProtection: false }));
  say(`deleting ${StackName} …\n`);
  await client.send(new DeleteStackCommand({ StackName }));
  // By its id: a stack that is deleted has no name.
  await waitUntilStackDeleteComplete(
    { client, maxWaitTime: 1800, minDelay: 2, maxDelay: 15 },
    { StackName: StackId },
  ).catch(error => {
    throw new Error(
      `${StackName} could not be deleted: \`aws cloudformation describe-stack-events --stack-name ${StackId}\` says why (${(error as Error).message.slice(0, 300)})`,
      { cause: error },
    );
  });
}

/** What stays, and the commands that remove it. */
export function leftOver(name: string, { region }: Where, kept: Map<string, string>, all: boolean): string {
  const [bucket, table, key] = ['AWS::S3::Bucket', 'AWS::DynamoDB::GlobalTable', 'AWS::KMS::Key'].map(type =>
    kept.get(type),
  );
  const lines = ['', `Deleted. What stays in ${region}:`, ''];
  if (!all && kept.size > 0) lines.push(`  the stack ${name}-state, with the role that clusters admit, and`);
  if (bucket) lines.push(`  the bucket ${bucket}: artifacts`);
  if (table) lines.push(`  the table ${table}: the index, and the registered clusters`);
  if (key) lines.push(`  the key ${key}: encrypts the bucket`);
  lines.push(`  the secrets sluice/${name}/…: kubeconfigs`, '  the access entries and objects in your clusters', '');
  lines.push('Deployed again, it goes on where it was. To remove it for good:', '');
  if (!all) lines.push('  npm run destroy -- --all     # the stack of the state, without what it holds');
  if (bucket) lines.push(`  aws s3 rb s3://${bucket} --force --region ${region}`);
  if (table)
    lines.push(
      `  aws dynamodb update-table --table-name ${table} --no-deletion-protection-enabled --region ${region}`,
      `  aws dynamodb delete-table --table-name ${table} --region ${region}`,
    );
  lines.push(
    `  aws secretsmanager list-secrets --filters Key=name,Values=sluice/${name}/ --query 'SecretList[].ARN' --output text --region ${region} |`,
    `    xargs -n1 aws secretsmanager delete-secret --region ${region} --secret-id`,
  );
  if (key)
    lines.push(
      `  aws kms schedule-key-deletion --key-id ${key} --region ${region}     # last: without it the bucket cannot be read`,
    );
  return `${lines.join('\n')}\n`;
}

if (import.meta.main) await runCommand(main);
