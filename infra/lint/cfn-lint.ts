/**
 * `npm run lint:cfn`: cfn-lint over the templates that `npm run synth` wrote. It is installed once per version, from the pins
 * beside this file, into a cache outside the checkout; that needs Python 3.11 or later.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cacheDir } from './cache-dir.ts';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const run = promisify(execFile);
const pins = join(here, 'requirements.txt');

/** Findings that stay, each with its reason. */
export const ignored: Record<string, string> = {
  I1022: 'how people would rather write it; nobody writes these templates',
  W6001:
    'the stack of the functions repeats the names of bucket, table and role among its outputs, so that who asks it needs no other',
};

export interface Finding {
  rule: string;
  level: string;
  message: string;
  where: string;
}

/** What cfn-lint finds in templates, errors, warnings and advice. Installs it first where it is not. */
export async function lint(files: readonly string[]): Promise<Finding[]> {
  const python = await installed();
  const options = ['--format', 'json', '--include-checks', 'I', '--ignore-checks', ...Object.keys(ignored), '--'];
  const { stdout } = await run(python, ['-c', entry, ...options, ...files], { maxBuffer: 1 << 26 }).catch(
    (error: { stdout?: string; stderr?: string; message: string }) => {
      // Findings make it fail; anything else says nothing on standard output.
      if (!error.stdout?.startsWith('[')) throw new Error(`cfn-lint failed: ${error.stderr || error.message}`);
      return { stdout: error.stdout };
    },
  );
  const found = JSON.parse(stdout || '[]') as {
    Rule: { Id: string };
    Level: string;
    Message: string;
    Filename: string;
    Location: { Path: (string | number)[] | null };
  }[];
  return found.map(({ Rule, Level, Message, Filename, Location }) => ({
    rule: Rule.Id,
    level: Level,
    message: Message,
    where: `${Filename}: ${(Location.Path ?? []).join('/')}`,
  }));
}

/** What its script runs; the script itself names the folder that it was installed in, not where it lies now. */
const entry = 'import sys; from cfnlint.runner import main; sys.exit(main())';

/** The Python that has cfn-lint. */
async function installed(): Promise<string> {
  const text = readFileSync(pins, 'utf8');
  const version = /^cfn-lint==(\S+)/m.exec(text)?.[1];
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 8);
  const place = join(cacheDir(), `cfn-lint-${version}-${hash}`);
  if (existsSync(place)) return join(place, 'bin/python');
  process.stderr.write(`installing cfn-lint ${version} (once per version)\n`);
  mkdirSync(dirname(place), { recursive: true });
  const out = mkdtempSync(`${place}-`);
  try {
    await run('python3', ['-m', 'venv', out]);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--require-hashes'];
    await run(join(out, 'bin/python'), [...pip, '-r', pins], { maxBuffer: 1 << 26 });
    renameSync(out, place);
  } catch (error) {
    rmSync(out, { recursive: true, force: true });
    // Another process may have been faster.
    if (!existsSync(place)) throw whyNot(error as Error & { code?: unknown; stderr?: string });
  }
  return join(place, 'bin/python');
}

function whyNot(error: Error & { code?: unknown; stderr?: string }): Error {
  const reason =
    error.code === 'ENOENT'
      ? 'there is no python3; install Python 3.11 or later with venv (Debian: apt-get install python3-venv)'
      : error.stderr?.trim() || error.message;
  return new Error(`cfn-lint cannot be installed: ${reason}`, { cause: error });
}

async function main(): Promise<void> {
  const named = process.argv.slice(2);
  const files =
    named.length > 0 ? named : globSync('cdk.out/*.template.json', { cwd: root }).map(file => join(root, file));
  if (files.length === 0) throw new Error('there are no templates in cdk.out; run `npm run synth` first');
  const findings = await lint(files);
  for (const { rule, level, message, where } of findings)
    process.stdout.write(`${level} ${rule} ${where}\n  ${message}\n`);
  process.stdout.write(`cfn-lint: ${files.length} templates, ${findings.length} findings\n`);
  if (findings.length > 0) process.exitCode = 1;
}

if (import.meta.main)
  await main().catch((error: Error) => {
    process.stderr.write(`error: ${error.message}\n`);
    process.exitCode = 1;
  });
