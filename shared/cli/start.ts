import { command, dirOption, type ExitCode, type Io, readArgs, UsageError } from './command.ts';
import type { StartOptions } from './start-runtime.ts';

export const summary = 'run Sluice on this machine, with a sandbox cluster and a demo unless told otherwise';

const help = `
Runs all of Sluice on this machine until Ctrl-C: gateway, queues, workers, schedule. State is kept in a directory; the next
start goes on where this one stopped.

Without a kubeconfig it brings a sandbox cluster and a demo: a Git repository to clone and push to, deployed, watched and
announced. Scripts find all addresses in DIR/local.json from the moment everything is ready.

Usage:
  sluice start [--kubeconfig FILE] [--context NAME] [--dir DIR] [--port PORT] [--no-demo | --demo] [--quiet]

Options:
  --kubeconfig FILE   a cluster to reconcile, instead of the sandbox (default: $KUBECONFIG)
  --context NAME      context of the kubeconfig (default: its current-context)
  --dir DIR           state directory (default: $SLUICE_DIR, or .sluice)
  --port PORT         port of the gateway (default, or 0: the one it had last, or any free one)
  --listen ADDRESS    address of the gateway (default: 127.0.0.1; 0.0.0.0 lets others in)
  --public-url URL    how others reach the gateway, when it stands behind something
  --demo, --no-demo   with or without the demo (default: with the sandbox only)
  --quiet             say nothing about what happens, only where things are

Examples:
  sluice start
  sluice start --kubeconfig ~/.kube/config --context kind-dev
`;

const options = {
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  port: { type: 'string' },
  listen: { type: 'string' },
  'public-url': { type: 'string' },
  demo: { type: 'boolean' },
  'no-demo': { type: 'boolean' },
  quiet: { type: 'boolean' },
  ...dirOption,
} as const;

/** `sluice start`: resolves when it was stopped. */
export function run(args: string[], io: Io): Promise<number> {
  return command('start', help, args, io, async (): Promise<ExitCode> => {
    const { values } = readArgs(args, options);
    if (values.demo && values['no-demo']) throw new UsageError('--demo and --no-demo contradict each other');
    const kubeconfig = values.kubeconfig ?? (io.env.KUBECONFIG || undefined);
    if (values.context !== undefined && kubeconfig === undefined)
      throw new UsageError('--context chooses within a kubeconfig; give --kubeconfig, too');
    const { statePaths, defaultStateDir } = await import('../local/state-dir.ts');
    const { resolve } = await import('node:path');
    const dir = resolve(io.cwd, values.dir ?? io.env.SLUICE_DIR ?? defaultStateDir);
    const start: StartOptions = {
      paths: statePaths(dir),
      kubeconfig: kubeconfig === undefined ? undefined : { file: firstOf(kubeconfig, io), context: values.context },
      port: portOf(values.port),
      listen: values.listen,
      publicUrl: urlOf(values['public-url']),
      demo: values['no-demo'] ? false : (values.demo ?? kubeconfig === undefined),
      quiet: values.quiet ?? false,
    };
    const { runUntilStopped } = await import('./start-runtime.ts');
    await runUntilStopped(start, io);
    return 0;
  });
}

/** KUBECONFIG may name several files; the first is used. */
function firstOf(kubeconfig: string, io: Io): string {
  const separator = process.platform === 'win32' ? ';' : ':';
  const [first = ''] = kubeconfig === io.env.KUBECONFIG ? kubeconfig.split(separator).filter(Boolean) : [kubeconfig];
  return first;
}

function portOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new UsageError(`--port is "${text}"; it has to be a number up to 65535`);
  return port;
}

function urlOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (!URL.canParse(text) || !/^https?:/.test(text))
    throw new UsageError(`--public-url is "${text}"; it has to be an http or https URL`);
  return text.replace(/\/+$/, '');
}
