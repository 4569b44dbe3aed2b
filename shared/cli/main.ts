#!/usr/bin/env node
import type { Io } from './command.ts';

/** A command: one file each, imported only when it is called. */
interface Command {
  /** One line, for the list of commands. */
  summary: string;
  /** Resolves to the exit code. */
  run(args: string[], io: Io): Promise<number>;
}

const commands: Record<string, () => Promise<Command>> = {
  start: () => import('./start.ts'),
  cluster: () => import('./cluster.ts'),
  install: () => import('./install.ts'),
  check: () => import('./check.ts'),
  status: () => import('./status.ts'),
  logs: () => import('./logs.ts'),
  resync: () => import('./resync.ts'),
  'dead-letters': () => import('./dead-letters.ts'),
};

const io: Io = {
  out: line => process.stdout.write(`${line}\n`),
  err: line => process.stderr.write(`${line}\n`),
  env: process.env,
  cwd: process.cwd(),
};

// A reader that has gone (`sluice status | head`) is no error of ours.
process.stdout.on('error', error => {
  if ('code' in error && error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await main(process.argv.slice(2));

async function main([name, ...args]: string[]): Promise<number> {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') return overview();
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load) return (await load()).run(args, io);
  io.err(`error: there is no command "${name}"; there are ${Object.keys(commands).join(', ')}`);
  io.err('Run `sluice --help` for what they do.');
  return 2;
}

async function overview(): Promise<number> {
  const width = Math.max(...Object.keys(commands).map(name => name.length));
  const lines = Object.entries(commands).map(
    async ([name, load]) => `  ${name.padEnd(width)}  ${(await load()).summary}`,
  );
  const list = await Promise.all(lines);
  for (const line of [
    "Sluice: Flux CD's GitOps Toolkit as a serverless, webhook-driven reconciler.",
    '',
    'Usage:',
    '  sluice COMMAND [options]',
    '',
    'Commands:',
    ...list,
    '',
    'Run `sluice COMMAND --help` for the options of a command.',
  ])
    io.out(line);
  return 0;
}
