import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { parseDuration } from '../api/duration.ts';
import { parseKey } from '../api/object.ts';
import { defaultStateDir, statePaths } from '../local/state-dir.ts';
import { CommandError, command, type Io, UsageError } from './command.ts';
import { type Place, placeOf, placeOptions, readPlaceArgs } from './place.ts';

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
  --since DURATION     only lines of the last 10m, 1h30m, … (default: all that there are; on AWS: 1h)
  --tail N             only the last N lines that match
  -f, --follow         go on with new lines until Ctrl-C
  -o, --output FORMAT  text (default), or json: the lines as they are in the file
  --dir DIR            state directory of one on this machine (default: $SLUICE_DIR, or .sluice)
  --aws [NAME][@REGION]
                       one on AWS instead (default: $SLUICE_AWS; NAME: sluice; REGION: $AWS_REGION, or that of the profile)

Examples:
  # What happened to one Kustomization
  sluice logs --kind Kustomization --name apps -n flux-system

  # What goes wrong, as it happens
  sluice logs --level warn --follow

  # What became of a push to an installation on AWS
  sluice logs --aws --trace 4bf92f3577b34da6a3ce929d0e0e4736
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
  ...placeOptions,
} as const;

const levels = ['info', 'warn', 'error'];
/** Fields that the text form says in words, or that only help developers or CloudWatch. */
const spoken = new Set(['time', 'level', 'message', 'object', 'stack', '_aws', 'Name']);

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
    const { values } = readPlaceArgs(args, options);
    const place = placeOf(io, values);
    const now = Date.now();
    const wanted = filterOf(values, now);
    const show = printer(values.output, io);
    const tail = tailOf(values.tail);
    const source = place.on === 'aws' ? await logOnAws(place, values, now) : logHere(io, place.dir);
    try {
      const kept: string[] = [];
      for await (const text of source.lines()) {
        if (!wanted(text)) continue;
        if (tail === undefined) show(text);
        else if (kept.push(text) > 2 * tail) kept.splice(0, kept.length - tail);
      }
      if (tail) for (const text of kept.slice(-tail)) show(text);
      if (values.follow) await source.follow(text => wanted(text) && show(text));
    } finally {
      source.close();
    }
    return 0;
  });
}

/** Where the lines come from. */
interface LogSource {
  /** Those that are there, oldest first. */
  lines(): AsyncIterable<string>;
  /** Those that come in after them, without end. */
  follow(take: (text: string) => void): Promise<void>;
  close(): void;
}

function logHere(io: Io, dir: string | undefined): LogSource {
  const { root, log } = statePaths(resolve(io.cwd, dir ?? defaultStateDir));
  if (!existsSync(log))
    throw new CommandError(
      `there is no log in ${root}; name the state directory with --dir, or an installation on AWS with --aws`,
    );
  return {
    lines: async function* () {
      // What a rotation set aside comes first.
      for (const file of [`${log}.1`, log]) if (existsSync(file)) yield* linesOf(file);
    },
    follow: take => follow(log, take),
    close: () => {},
  };
}

/** On AWS the log can be months long, and is paid for by what is searched. */
const awsSinceMs = 3600_000;

async function logOnAws(place: Place & { on: 'aws' }, values: Values, now: number): Promise<LogSource> {
  const { cluster, namespace, name, trace } = values;
  const from = now - (values.since === undefined ? awsSinceMs : sinceMs(values.since));
  const containing = trace ?? name ?? namespace ?? cluster;
  const { findInstallation } = await import('../aws/cloudformation-installation.ts');
  const { openFunctionLogs } = await import('../aws/cloudwatch-logs.ts');
  const { logTextOf } = await import('../aws/lambda-line.ts');
  const { region, logGroupPrefix } = await findInstallation(place.name, place.region);
  const logs = await openFunctionLogs(region, logGroupPrefix);
  // Lines that come in late are looked for again, and told once.
  const overlap = now - 60_000;
  const seen = new Set<string>();
  return {
    lines: async function* () {
      for await (const event of logs.read({ from, containing })) {
        if (values.follow && event.time >= overlap) seen.add(event.id);
        const text = logTextOf(event);
        if (text !== undefined) yield text;
      }
    },
    follow: async take => {
      for await (const event of logs.follow({ from: Math.max(from, overlap), containing })) {
        const text = seen.has(event.id) ? undefined : logTextOf(event);
        if (text !== undefined) take(text);
      }
    },
    close: () => logs.close(),
  };
}

type Values = ReturnType<typeof readPlaceArgs<typeof options>>['values'];

/** Whether a line of the file is one that was asked for. Throws a UsageError for values that mean nothing. */
function filterOf(values: Values, now: number): (text: string) => boolean {
  const least = levels.indexOf(values.level);
  if (least < 0) throw new UsageError(`--level is "${values.level}"; it has to be ${levels.join(', ')}`);
  const from = values.since === undefined ? '' : new Date(now - sinceMs(values.since)).toISOString();
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
