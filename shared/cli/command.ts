import { type ParseArgsConfig, parseArgs } from 'node:util';
import { messageOfError } from '../reconcile/errors.ts';

/** What a command may touch of the process: lines out, lines of errors, the environment, the working directory. */
export interface Io {
  out(line: string): void;
  err(line: string): void;
  env: Record<string, string | undefined>;
  cwd: string;
}

/** 0 done; 1 it did not work, or what was looked for is wrong; 2 the command line is wrong. */
export type ExitCode = 0 | 1 | 2;

/** The command line cannot be understood. */
export class UsageError extends Error {
  readonly code = 'Usage';
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** What was asked cannot be done; the message says what to do. */
export class CommandError extends Error {
  readonly code = 'Failed';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CommandError';
  }
}

type Options = NonNullable<ParseArgsConfig['options']>;

/** `--dir`, which every command that works on an installation takes. */
export const dirOption = { dir: { type: 'string' } } as const satisfies Options;

/**
 * Parses the arguments of a command. At most `max` of them are no options; too many, unknown options and missing values are
 * UsageErrors. `--help` is known to every command and handled by {@link command}.
 */
export function readArgs<O extends Options>(args: string[], options: O, max = 0) {
  let parsed: ReturnType<typeof parseArgs<{ args: string[]; options: O; allowPositionals: true; strict: true }>>;
  try {
    parsed = parseArgs({ args, options, allowPositionals: true, strict: true });
  } catch (error) {
    // Node's own sentence names the option; its second one is about passing options as positionals.
    throw new UsageError(
      messageOfError(error)
        .split('. ')[0]!
        .replace(/^./, first => first.toLowerCase()),
    );
  }
  const extra = parsed.positionals[max];
  if (extra !== undefined) throw new UsageError(`unexpected argument "${extra}"`);
  return parsed;
}

/** The message for the user: what a command could not do, and why. */
export function explain(error: unknown): string {
  // Whoever calls a command may know all of it; the conditions of objects, which others read, stop at the first reason.
  if (error instanceof CommandError && error.cause !== undefined)
    return `${error.message}: ${messageOfError(error.cause)}`;
  return messageOfError(error);
}

/** Runs a command: answers `--help`, and turns errors into one line and an exit code. */
export async function command(
  name: string,
  help: string,
  args: string[],
  io: Io,
  act: () => Promise<ExitCode>,
): Promise<ExitCode> {
  if (args.includes('--help') || args.includes('-h')) {
    for (const line of help.trim().split('\n')) io.out(line);
    return 0;
  }
  try {
    return await act();
  } catch (error) {
    io.err(`error: ${explain(error)}`);
    if (!(error instanceof UsageError)) return 1;
    io.err(`Run \`sluice ${name} --help\` for how it is used.`);
    return 2;
  }
}
