import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { parseDuration } from '../api/duration.ts';
import { parseKey } from '../api/object.ts';
import { defaultStateDir, statePaths } from '../local/state-dir.ts';
import { CommandError, command, dirOption, type Io, readArgs, UsageError } from './command.ts';

export const summary = 'show what Sluice did, object by object';

const help = `
Shows Sluice's log: what it did with which object, and why. In place of \`flux logs\`, which looks for controller pods.

Usage:
  sluice logs [--cluster NAME] [--kind KIND] [--namespace NS] [--name NAME] [--trace ID] [--level LEVEL]
              [--since DURATION] [--tail N] [--follow] [-o text|json]

Options:
  --cluster NAME       only objects of this cluster
  --kind KIND          only this kind (Kustomization, GitRepository, …)
  -n, --namespace NS   only objects of this namespace
  --name NAME          only objects of this name
  --trace ID           only what belongs to one push; Events carry the id as the annotation sluice.dev/trace
  --level LEVEL        info (default), warn or error, and what is worse
  --since DURATION     only lines of the last 10m, 1h30m, …
  --tail N             only the last N lines that match
  -f, --follow         go on with new lines until Ctrl-C
  -o, --output FORMAT  text (default), or json: the lines as they are in the file
  --dir DIR            state directory (default: $SLUICE_DIR, or .sluice)

Examples:
  # What happened to one Kustomization
  sluice logs --kind Kustomization --name apps -n flux-system

  # What goes wrong, as it happens
  sluice logs --level warn --follow
`;

const options = {
  cluster: { type: 'string' },
  kind: { type: 'string' },
  namespace: { type: 'string', short: 'n' },
  name: { type: 'string' },
  trace: { type: 'string' },
  level: { type: 'string', default: 'info' },
  since: { type: 'string' },
  tail: { type: 'string' },
  follow: { type: 'boolean', short: 'f', default: false },
  output: { type: 'string', short: 'o', default: 'text' },
  ...dirOption,
} as const;

const levels = ['info', 'warn', 'error'];
/** Fields that the text form says in words, or that only help developers. */
const spoken = new Set(['time', 'level', 'message', 'object', 'stack']);

interface Line {
  time: string;
  level: string;
  message: string;
  object?: string;
  trace?: string;
  cluster?: string;
  [field: string]: unknown;
}

export function run(args: string[], io: Io): Promise<number> {
  return command('logs', help, args, io, async () => {
    const { values } = readArgs(args, options);
    const wanted = filterOf(values);
    const show = printer(values.output, io);
    const tail = tailOf(values.tail);
    const { root, log } = statePaths(resolve(io.cwd, values.dir ?? io.env.SLUICE_DIR ?? defaultStateDir));
    if (!existsSync(log)) throw new CommandError(`there is no log in ${root}; name the state directory with --dir`);
    // What a rotation set aside comes first.
    const kept: string[] = [];
    for (const file of [`${log}.1`, log]) {
      if (!existsSync(file)) continue;
      for await (const text of linesOf(file)) {
        if (!wanted(text)) continue;
        if (tail === undefined) show(text);
        else if (kept.push(text) > 2 * tail) kept.splice(0, kept.length - tail);
      }
    }
    if (tail) for (const text of kept.slice(-tail)) show(text);
    if (values.follow) await follow(log, text => wanted(text) && show(text));
    return 0;
  });
}

type Values = ReturnType<typeof readArgs<typeof options>>['values'];

/** Whether a line of the file is one that was asked for. Throws a UsageError for values that mean nothing. */
function filterOf(values: Values): (text: string) => boolean {
  const least = levels.indexOf(values.level);
  if (least < 0) throw new UsageError(`--level is "${values.level}"; it has to be ${levels.join(', ')}`);
  const from = values.since === undefined ? '' : new Date(Date.now() - sinceMs(values.since)).toISOString();
  const { cluster, kind, namespace, name, trace } = values;
  return text => {
    const line = parsed(text);
    if (!line || levels.indexOf(line.level) < least || line.time < from) return false;
    if (trace !== undefined && line.trace !== trace) return false;
    if (!cluster && !kind && !namespace && !name) return true;
    const object = objectOf(line);
    return (
      (cluster === undefined || (object?.cluster ?? line.cluster) === cluster) &&
      (kind === undefined || object?.kind.toLowerCase() === kind.toLowerCase()) &&
      (namespace === undefined || object?.namespace === namespace) &&
      (name === undefined || object?.name === name)
    );
  };
}

function sinceMs(text: string): number {
  try {
    return parseDuration(text);
  } catch {
    throw new UsageError(`--since is "${text}"; it has to be a duration, such as 10m or 1h30m`);
  }
}

function tailOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (!Number.isInteger(count) || count < 0) throw new UsageError(`--tail is "${text}"; it has to be a whole number`);
  return count;
}

/** undefined for a line that is not whole: one that is being written, or was cut by a full disk. */
function parsed(text: string): Line | undefined {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return undefined;
  }
}

/** Lines about an object name it by its key; those about a notification leave out the cluster, which they name beside it. */
function objectOf(line: Line): { cluster?: string; kind: string; namespace: string; name: string } | undefined {
  if (typeof line.object !== 'string') return undefined;
  const parts = line.object.split('/');
  if (parts.length === 4) return parseKey(line.object);
  const [kind, namespace, name] = parts;
  return kind && namespace !== undefined && name ? { kind, namespace, name } : undefined;
}

function printer(format: string, io: Io): (text: string) => void {
  if (format === 'json') return text => io.out(text);
  if (format !== 'text') throw new UsageError(`--output is "${format}"; it has to be text or json`);
  return text => {
    const line = parsed(text);
    if (!line) return;
    const fields = Object.entries(line)
      .filter(([field]) => !spoken.has(field))
      .map(
        ([field, value]) =>
          `${field}=${typeof value === 'string' && !/\s/.test(value) ? value : JSON.stringify(value)}`,
      );
    io.out([line.time, line.level.padEnd(5), line.object, line.message, ...fields].filter(Boolean).join(' '));
  };
}

async function* linesOf(file: string): AsyncIterable<string> {
  const handle = await open(file);
  yield* createInterface({ input: handle.createReadStream({ encoding: 'utf8' }), crlfDelay: Number.POSITIVE_INFINITY });
}

/** Hands on lines as they are appended, also across a rotation (the file begins anew then), until `signal` is aborted. */
export async function follow(file: string, take: (text: string) => void, signal?: AbortSignal): Promise<void> {
  let position = statSync(file).size;
  let rest = '';
  while (!signal?.aborted) {
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (size < position) [position, rest] = [0, ''];
    if (size > position) {
      const bytes = Buffer.alloc(size - position);
      const descriptor = openSync(file, 'r');
      const read = readSync(descriptor, bytes, 0, bytes.length, position);
      closeSync(descriptor);
      position += read;
      const texts = (rest + bytes.toString('utf8', 0, read)).split('\n');
      rest = texts.pop() ?? '';
      for (const text of texts) take(text);
    }
    await delay(200);
  }
}
