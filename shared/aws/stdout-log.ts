import { writeSync } from 'node:fs';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/ports.ts';
import { type LogLevel, type LogLine, logText, makeLog } from '../reconcile/log-lines.ts';

/** Longest line, bytes; CloudWatch Logs takes no longer event than 256 KiB. */
const maxBytes = 250_000;

/**
 * A log on standard output, one JSON object a line, as Lambda takes it. A line is written before the call returns: what runs
 * on Lambda is frozen, or ended, without notice.
 */
export function stdoutLog(clock: Clock, level?: LogLevel): Log {
  return makeLog(line => writeStdoutLine(boundedText(line)), clock, level);
}

/** Of a line that is too long, what it is about is kept. */
function boundedText(line: LogLine): string {
  const text = logText(line);
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const { time, level, message } = line;
  const fields = Object.entries(line).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value));
  const short = fields.map(([name, value]) => [name, typeof value === 'string' ? value.slice(0, 200) : value]);
  const bounded = { ...Object.fromEntries(short.slice(0, 50)), time, level, message: message.slice(0, 5_000) };
  return logText({ ...bounded, truncatedFromBytes: Buffer.byteLength(text) });
}

/** Writes one line, without its end given, to standard output before it returns. */
export function writeStdoutLine(text: string): void {
  const bytes = Buffer.from(`${text}\n`);
  for (let written = 0; written < bytes.length; )
    try {
      written += writeSync(1, bytes, written);
    } catch (error) {
      // The reader of a pipe is slow: it is waited for.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
}
