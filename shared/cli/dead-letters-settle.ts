import type { DeadLetter, DeadLetters } from '../ports/dead-letters.ts';
import { messageOfError } from '../reconcile/errors.ts';
import { type ExitCode, type Io, UsageError } from './command.ts';
import { summarize } from './dead-letter-text.ts';
import {
  chosen,
  hiddenText,
  letterOptions,
  look,
  type Wanted,
  wantedOf,
  withDeadLetters,
} from './dead-letters-find.ts';
import { placeOf, readPlaceArgs } from './place.ts';

const options = { all: { type: 'boolean' }, ...letterOptions } as const;

/** What is done with letters: the name of the command, how it is told, and the act. */
interface Settling {
  name: 'resend' | 'drop';
  told: string;
  act(box: DeadLetters, letter: DeadLetter): Promise<boolean>;
}

/** `sluice dead-letters resend`. */
export function resend(args: string[], io: Io): Promise<ExitCode> {
  return settle(args, io, { name: 'resend', told: 'sent again', act: (box, letter) => box.resend(letter) });
}

/** `sluice dead-letters drop`. */
export function drop(args: string[], io: Io): Promise<ExitCode> {
  return settle(args, io, { name: 'drop', told: 'dropped', act: (box, letter) => box.drop(letter) });
}

async function settle(args: string[], io: Io, settling: Settling): Promise<ExitCode> {
  const { values, positionals: ids } = readPlaceArgs(args, options, Number.POSITIVE_INFINITY);
  if (values.all ? ids.length > 0 : ids.length === 0)
    throw new UsageError(`name the messages, or all: sluice dead-letters ${settling.name} ID…|--all`);
  const wanted = wantedOf(values);
  return withDeadLetters(io, placeOf(io, values), async (box): Promise<ExitCode> => {
    if (values.all) return settleAll(box, io, settling, wanted);
    const { letters, hidden } = await look(box, wanted, io);
    return (await settleEach(box, io, settling, chosen(ids, letters, hidden))) ? 0 : 1;
  });
}

/** In rounds: on AWS, messages show up when those before them in their group are gone. Ends when nothing new comes. */
async function settleAll(box: DeadLetters, io: Io, settling: Settling, wanted: Wanted): Promise<ExitCode> {
  const tried = new Set<string>();
  let well = true;
  let waitSeconds = wanted.waitSeconds;
  for (;;) {
    const { letters, hidden } = await look(box, { ...wanted, waitSeconds }, io);
    const fresh = letters.filter(({ id }) => !tried.has(id));
    if (fresh.length === 0) {
      if (hidden > 0) io.out(hiddenText(hidden));
      else if (tried.size === 0) io.out('there is no dead letter');
      return well ? 0 : 1;
    }
    well = (await settleEach(box, io, settling, fresh)) && well;
    for (const { id } of fresh) tried.add(id);
    waitSeconds = 0;
  }
}

/** One after the other, so that the messages of a group keep their order. False when any could not be dealt with. */
async function settleEach(box: DeadLetters, io: Io, settling: Settling, letters: DeadLetter[]): Promise<boolean> {
  let well = true;
  for (const letter of letters) {
    const { kind, object } = summarize(letter);
    const what = `${letter.queue} ${letter.id} (${kind}${object ? ` of ${object}` : ''})`;
    try {
      if (await settling.act(box, letter)) {
        io.out(`${settling.told}: ${what}`);
        continue;
      }
      io.err(`error: ${what}: somebody else has it by now, or it is gone; look again with \`sluice dead-letters\``);
    } catch (error) {
      io.err(`error: ${what}: ${messageOfError(error)}`);
    }
    well = false;
  }
  return well;
}
