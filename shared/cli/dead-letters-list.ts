import type { DeadLettersFound } from '../ports/dead-letters.ts';
import type { ExitCode, Io } from './command.ts';
import { summarize } from './dead-letter-text.ts';
import { hiddenText, letterOptions, look, wantedOf, withDeadLetters } from './dead-letters-find.ts';
import { outputFormat } from './output.ts';
import { placeOf, readPlaceArgs } from './place.ts';
import { age, table } from './table.ts';

const options = { output: { type: 'string', short: 'o' }, ...letterOptions } as const;
/** So much of an id is shown in the table; a message's is a UUID. */
const idLength = 8;

/** `sluice dead-letters list`. */
export async function list(args: string[], io: Io): Promise<ExitCode> {
  const { values } = readPlaceArgs(args, options);
  const format = outputFormat(values.output);
  const wanted = wantedOf(values);
  const found = await withDeadLetters(io, placeOf(io, values), box => look(box, wanted, io));
  if (format === 'json') io.out(json(found));
  else for (const line of lines(found)) io.out(line);
  return 0;
}

function json({ letters, hidden }: DeadLettersFound): string {
  const shown = letters.map(letter => {
    const { id, queue, group, sentAt, body } = letter;
    const bytes = Buffer.byteLength(body);
    return { id, queue, group, sentAt: new Date(sentAt).toISOString(), bytes, ...summarize(letter) };
  });
  return JSON.stringify({ letters: shown, hidden }, null, 2);
}

function lines({ letters, hidden }: DeadLettersFound): string[] {
  const more = hidden > 0 ? [hiddenText(hidden)] : [];
  if (letters.length === 0)
    return hidden > 0 ? ['no dead letter can be had now', ...more] : ['there is no dead letter'];
  const now = Date.now();
  const rows = letters.map(letter => {
    const { kind, object = '-', why } = summarize(letter);
    const { queue, id, sentAt, body } = letter;
    return [queue, id.slice(0, idLength), age(now - sentAt), kind, object, size(Buffer.byteLength(body)), why];
  });
  return [...table(['QUEUE', 'ID', 'AGE', 'MESSAGE', 'OBJECT', 'SIZE', 'WHY'], rows), ...more];
}

/** `512 B`, `12 KiB`. */
function size(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : `${Math.round(bytes / 1024)} KiB`;
}
