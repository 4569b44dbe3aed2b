/** `npm run deploy`: looks whether it can work, deploys both stacks, and says what to do next. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { commonOptions, configFile, runCommand, say } from './command-line.ts';
import { loadConfig } from './config.ts';
import type { Config } from './config-schema.ts';
import { PreflightError, preflight } from './preflight.ts';

const usage = `Usage: npm run deploy [-- options]

  -c config=FILE   the configuration (default: sluice.yaml, and without one the defaults)
  --check          only look whether it would work; changes nothing
  --yes            do not ask before permissions are granted (needed where nobody can be asked)
  --help
`;

async function main(args: string[]): Promise<number> {
  const options = parseArgs({
    args,
    options: {
      ...commonOptions,
      check: { type: 'boolean' },
    },
  }).values;
  if (options.help) return say(usage);
  const file = configFile(options.context ?? []);
  const config = loadConfig(file);
  if (!options.check && !options.yes && !process.stdin.isTTY)
    throw new PreflightError([
      'there is nobody to be asked whether the permissions may be granted; look at `npx cdk diff`, then add `-- --yes`',
    ]);
  const where = await preflight(config);
  say(`${config.name}: account ${where.account}, region ${where.region}, as ${where.caller}\n`);
  if (options.check) return say('Everything that can be asked beforehand is in order. Nothing was changed.\n');
  const outputs = await deploy(config, file, options.yes ?? false);
  return outputs ? say(summary(config, outputs)) : 1;
}

/** Runs the CDK. Outputs of the stack by their key; undefined when it failed, which it has said itself. */
async function deploy(
  config: Config,
  file: string | undefined,
  yes: boolean,
): Promise<Record<string, string> | undefined> {
  const cdk = join(dirname(createRequire(import.meta.url).resolve('aws-cdk/package.json')), 'bin', 'cdk');
  const dir = mkdtempSync(join(tmpdir(), 'sluice-deploy-'));
  const written = join(dir, 'outputs.json');
  try {
    const args = ['deploy', '--all', '--no-notices', '--outputs-file', written];
    if (yes) args.push('--require-approval', 'never');
    if (file !== undefined) args.push('-c', `config=${file}`);
    const child = spawn(process.execPath, [cdk, ...args], { stdio: 'inherit' });
    const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('exit', resolve));
    if (code !== 0) return undefined;
    return (JSON.parse(readFileSync(written, 'utf8')) as Record<string, Record<string, string>>)[config.name];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** What is there now, and what comes next. */
export function summary(config: Config, outputs: Record<string, string>): string {
  const at = config.region ? `${config.name}@${config.region}` : config.name;
  const target = outputs.DomainTarget;
  const record =
    config.domain && target && !config.domain.hostedZoneId
      ? ['', `Make a CNAME record for ${config.domain.name} that points to ${target}`]
      : [];
  return [
    '',
    `Sluice is deployed as ${config.name}.`,
    '',
    `  webhooks      ${outputs.WebhookUrl}/hook/…  (status.webhookPath of a Receiver)`,
    `  artifacts     ${outputs.ArtifactsUrl}`,
    `  cluster role  ${outputs.ClusterRoleArn}`,
    `  dashboard     ${outputs.DashboardUrl}`,
    ...record,
    '',
    'Next, register a cluster and put the definitions into it:',
    `  npm run sluice -- cluster add NAME --eks CLUSTER --region REGION --create-access-entry --aws ${at}`,
    `  npm run sluice -- install --cluster NAME --aws ${at}`,
    '',
  ].join('\n');
}

if (import.meta.main) await runCommand(main);
