/**
 * The test command: `npm test` (everything on the sandbox), `npm run test:apiserver` (the end-to-end and contract suites
 * on a real kube-apiserver, built first where it is not), `npm run test:aws` (what runs on AWS, on servers that stand in for
 * it, installed first where they are not), `npm run test:sources` (sources against servers and tools that others wrote,
 * installed first where they are not). Arguments that name files run those alone.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildBinaries } from './apiserver/build.ts';
import { installAws } from './aws/install.ts';
import { shareBundles } from './aws/runtime-bundles.ts';
import { sharedEnvironment, startAwsServers } from './aws/servers.ts';
import { onAwsToo } from './scenario/on-aws.ts';
import { installForSources } from './sources/programs.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const args = process.argv.slice(2);
const onAws = args.includes('--aws');
const onSources = args.includes('--sources');
const suites = ['--apiserver', '--aws', '--sources'];
const named = args.filter(arg => !arg.startsWith('-'));
const flags = args.filter(arg => arg.startsWith('-') && !suites.includes(arg));

const files = named.length ? named : suite();
// The end-to-end suite runs on AWS's parts against a real kube-apiserver, unless it is told otherwise.
const target = process.env.SLUICE_TEST_TARGET ?? 'apiserver';
const onApiserver =
  args.includes('--apiserver') ||
  (onAws && target === 'apiserver' && files.some(file => file.includes('test/scenario/')));

const say = (line: string) => process.stderr.write(`${line} (once per version)\n`);
if (onApiserver) await buildBinaries(say);
if (onSources) await installForSources(say);
const awsEnvironment = onAws ? await prepareAws() : {};

// Scenarios mostly wait (for intervals, retries, an outage's end), so more of them than cores run side by side. On AWS's
// parts each has processes of its own.
const concurrency = availableParallelism() + (onAws ? 0 : 2);

/** Of a test, and of a file: far beyond what they take on a busy machine. The faults on AWS's parts take their time: what a killed worker had comes back after half a minute. */
const timeoutMs = (onAws ? 15 : 10) * 60_000;

const endOfFile = new URL('./end-of-file.ts', import.meta.url).href;

// In a process group of its own, so that what a test leaves behind ends with it.
const child = spawn(
  process.execPath,
  [
    '--import',
    endOfFile,
    '--test',
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${timeoutMs}`,
    ...flags,
    ...files,
  ],
  {
    cwd: root,
    stdio: 'inherit',
    detached: true,
    env: { ...process.env, SLUICE_TEST_TARGET: onApiserver ? 'apiserver' : 'sandbox', ...awsEnvironment },
  },
);

/** Far beyond what a run takes. A run that hangs is a failed one, and says so, instead of holding who waits for it. */
const limitMinutes = 25;
const limit = setTimeout(() => {
  console.error(`The tests have not ended within ${limitMinutes} minutes and are stopped.`);
  killGroup();
  process.exit(1);
}, limitMinutes * 60_000);

child.on('exit', (code, signal) => {
  clearTimeout(limit);
  killGroup();
  process.exit(signal ? 1 : (code ?? 1));
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
process.on('exit', killGroup);

function suite(): string[] {
  const found = (...patterns: string[]) => patterns.flatMap(pattern => globSync(pattern, { cwd: root })).sort();
  if (onAws) return [...found('test/aws/**/*.test.ts'), ...onAwsToo(found('test/scenario/**/*.test.ts'))];
  if (onSources) return found('test/sources/**/*.test.ts');
  if (args.includes('--apiserver')) return found('test/scenario/**/*.test.ts', 'test/contract/**/*.test.ts');
  const all = found('shared/**/*.test.ts', 'functions/**/*.test.ts', 'infra/**/*.test.ts', 'test/**/*.test.ts');
  return all.filter(file => !file.startsWith('test/aws/') && !file.startsWith('test/sources/'));
}

/** The environment of tests on AWS: the servers and the functions' bundles, which end with this process. */
async function prepareAws(): Promise<Record<string, string>> {
  await installAws(say);
  const [servers, bundles] = await Promise.all([startAwsServers(), shareBundles()]);
  return { ...sharedEnvironment(servers), ...bundles, SLUICE_TEST_RUNTIME: 'aws' };
}

function killGroup(): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nothing is left of it.
  }
}
