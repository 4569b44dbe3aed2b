import { formatDuration, parseDuration } from '../api/duration.ts';
import {
  type DeadLetter,
  type DeadLetterQueue,
  type DeadLetters,
  type DeadLettersFound,
  deadLetterQueues,
} from '../ports/dead-letters.ts';
import { CommandError, type Io, UsageError } from './command.ts';
import { withInstallation } from './installation.ts';
import { type Place, placeOptions } from './place.ts';

/** Options of all commands on dead letters. */
export const letterOptions = { queue: { type: 'string' }, wait: { type: 'string' }, ...placeOptions } as const;

/** What they say, checked. */
export interface Wanted {
  queues: readonly DeadLetterQueue[];
  waitSeconds: number;
}

/** Longest that a command waits: twice as long as somebody else hides a message. */
const longestWaitSeconds = 3600;

/** Reads `--queue` and `--wait`. */
export function wantedOf({ queue, wait }: { queue?: string | undefined; wait?: string | undefined }): Wanted {
  const queues = deadLetterQueues.filter(name => queue === undefined || name === queue);
  if (queues.length === 0) throw new UsageError(`--queue is "${queue}"; it has to be ${listed(deadLetterQueues)}`);
  if (wait === undefined) return { queues, waitSeconds: 0 };
  const seconds = durationSeconds(wait);
  if (seconds === undefined || seconds <= 0 || seconds > longestWaitSeconds)
    throw new UsageError(`--wait is "${wait}"; it has to be a duration of at most an hour, as 20m or 90s`);
  return { queues, waitSeconds: seconds };
}

/** Opens the dead letters of the installation, acts, closes. */
export function withDeadLetters<T>(io: Io, place: Place, act: (box: DeadLetters) => Promise<T>): Promise<T> {
  return withInstallation(io, place, async installation => {
    const box = await installation.openDeadLetters();
    try {
      return await act(box);
    } finally {
      box.close();
    }
  });
}

/** Looks; says what it waits for before it does. */
export async function look(box: DeadLetters, { queues, waitSeconds }: Wanted, io: Io): Promise<DeadLettersFound> {
  const found = await box.find(queues, 0);
  if (found.hidden === 0 || waitSeconds === 0) return found;
  const { hidden } = found;
  io.err(
    `waiting for ${hidden} more that somebody else looks at, for ${formatDuration(waitSeconds * 1000)} at most; Ctrl-C ends it, and the next command finds what came until then`,
  );
  return box.find(queues, waitSeconds);
}

/** Fewest characters of an id that stand for it. */
const shortest = 4;

/** The letters that are meant by the beginnings of their ids, each once; a CommandError for what is none or several. */
export function chosen(ids: string[], letters: DeadLetter[], hidden: number): DeadLetter[] {
  const found = ids.map(id => {
    if (id.length < shortest)
      throw new UsageError(`"${id}" is too short for an id; give at least its first ${shortest} characters`);
    const matching = letters.filter(letter => letter.id.startsWith(id));
    if (matching.length > 1)
      throw new CommandError(`"${id}" may be ${listed(matching.map(letter => letter.id))}; give more of the id`);
    if (matching.length === 1) return matching[0]!;
    const elsewhere = hidden > 0 ? `; ${hiddenText(hidden)}` : '; `sluice dead-letters` lists what there is';
    throw new CommandError(`there is no dead letter "${id}" that could be had now${elsewhere}`);
  });
  return [...new Set(found)];
}

/** Says how many messages somebody else has, and what to do. */
export function hiddenText(hidden: number): string {
  return hidden === 1
    ? '1 more is being looked at right now, by the dead-letter function or somebody else; try again in 15 minutes, or wait for it with --wait 20m'
    : `${hidden} more are being looked at right now, by the dead-letter function or somebody else, or wait behind another of their group; try again in 15 minutes, or wait for them with --wait 20m`;
}

function durationSeconds(text: string): number | undefined {
  try {
    return parseDuration(text) / 1000;
  } catch {
    return undefined;
  }
}

function listed(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}
