import { type ExitCode, type Io, UsageError } from './command.ts';
import { bodyLines, summarize } from './dead-letter-text.ts';
import { chosen, letterOptions, look, wantedOf, withDeadLetters } from './dead-letters-find.ts';
import { placeOf, readPlaceArgs } from './place.ts';
import { oneLine } from './table.ts';

/** `sluice dead-letters show`. */
export async function show(args: string[], io: Io): Promise<ExitCode> {
  const { values, positionals } = readPlaceArgs(args, letterOptions, 1);
  const id = positionals[0];
  if (!id) throw new UsageError('name the message: sluice dead-letters show ID');
  const wanted = wantedOf(values);
  return withDeadLetters(io, placeOf(io, values), async (box): Promise<ExitCode> => {
    const { letters, hidden } = await look(box, wanted, io);
    const letter = chosen([id], letters, hidden)[0]!;
    const { kind, object, trace, why } = summarize(letter);
    const facts: [string, string | undefined][] = [
      ['id', letter.id],
      ['queue', letter.queue],
      ['group', letter.group && oneLine(letter.group, 200)],
      ['sent', new Date(letter.sentAt).toISOString()],
      ['message', kind],
      ['object', object],
      ['why', why],
      ['log', trace && /^[\w-]+$/.test(trace) ? `sluice logs --trace ${trace}` : 'sluice logs --level error'],
      ['bytes', String(Buffer.byteLength(letter.body))],
    ];
    for (const [name, value] of facts) if (value) io.out(`${`${name}:`.padEnd(9)}${value}`);
    for (const line of bodyLines(letter)) io.out(line);
    return 0;
  });
}
