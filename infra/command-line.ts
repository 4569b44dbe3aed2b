/** What `npm run deploy` and `npm run destroy` have in common. */
import { PreflightError } from './preflight.ts';
import { Problems } from './problems.ts';

/** Options of both, for parseArgs. */
export const commonOptions = {
  context: { type: 'string', short: 'c', multiple: true },
  yes: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/** The file of `-c config=FILE`, the CDK's way to say it. */
export function configFile(context: readonly string[]): string | undefined {
  const wrong = context.find(text => !text.startsWith('config='));
  if (wrong !== undefined) throw new PreflightError([`-c ${wrong}: only config=FILE can be said here`]);
  return context.at(-1)?.slice('config='.length);
}

/** Prints; the exit code of who has nothing else to say. */
export function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

/** Runs a command on this process's arguments, and turns what it throws into lines and an exit code. */
export async function runCommand(main: (args: string[]) => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    const before = error instanceof Problems;
    for (const problem of before ? error.problems : [(error as Error).message])
      process.stderr.write(`error: ${problem}\n`);
    if (before) process.stderr.write('Nothing was changed.\n');
    process.exitCode = 1;
  }
}
