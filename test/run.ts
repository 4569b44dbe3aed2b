/**
 * The test command: `npm test` (everything on the sandbox), `npm run test:apiserver` (the end-to-end and contract suites
 * on a real kube-apiserver, built first where it is not). Arguments that name files run those alone.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildBinaries } from './apiserver/build.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const args = process.argv.slice(2);
const onApiserver = args.includes('--apiserver');
const named = args.filter(arg => !arg.startsWith('-'));
const flags = args.filter(arg => arg.startsWith('-') && arg !== '--apiserver');

const patterns = onApiserver
  ? ['test/scenario/**/*.test.ts', 'test/contract/**/*.test.ts']
  : ['shared/**/*.test.ts', 'functions/**/*.test.ts', 'infra/**/*.test.ts', 'test/**/*.test.ts'];
const files = named.length ? named : patterns.flatMap(pattern => globSync(pattern, { cwd: root })).sort();

if (onApiserver) await buildBinaries(line => process.stderr.write(`${line} (once per version)\n`));

// Scenarios mostly wait (for intervals, retries, an outage's end), so more of them than cores run side by side.
const concurrency = availableParallelism() + 2;

const endOfFile = new URL('./end-of-file.ts', import.meta.url).href;

// In a process group of its own, so that what a test leaves behind ends with it.
const child = spawn(
  process.execPath,
  ['--import', endOfFile, '--test', `--test-concurrency=${concurrency}`, '--test-timeout=240000', ...flags, ...files],
  {
    cwd: root,
    stdio: 'inherit',
    detached: true,
    env: { ...process.env, SLUICE_TEST_TARGET: onApiserver ? 'apiserver' : 'sandbox' },
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

function killGroup(): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nothing is left of it.
  }
}
