import { constants, copyFileSync, mkdirSync, openSync, statSync, truncateSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/ports.ts';
import { type LogLevel, type LogLine, logText, makeLog } from '../reconcile/log-lines.ts';

/**
 * A log of JSON lines in a file. Each line is one append, so lines of many threads and processes never mix.
 */
export function fileLog(file: string, clock: Clock, level: LogLevel = 'info'): Log {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const descriptor = openSync(file, 'a', 0o600);
  const write = (line: LogLine) => {
    const text = logText(line);
    try {
      writeSync(descriptor, `${text}\n`);
    } catch {
      // A full disk must not stop the work that would have been told of.
    }
    for (const [listener, wanted] of listeners) if (!wanted || wanted.has(line.message)) listener(JSON.parse(text));
  };
  return makeLog(write, clock, level);
}

const listeners = new Map<(line: LogLine) => void, ReadonlySet<string> | undefined>();

/**
 * Also hands every line that this thread logs to `listener`, as it stands in the file; with `wanted` only lines with one of
 * these messages. The host shows progress by them.
 */
export function onLogLine(listener: (line: LogLine) => void, wanted?: ReadonlySet<string>): () => void {
  listeners.set(listener, wanted);
  return () => listeners.delete(listener);
}

/**
 * Sets aside what a log file holds that has grown too large; what was set aside before is dropped. The file itself stays,
 * since threads and processes have it open; as they all append, they go on at its new beginning.
 */
export function rotateLog(file: string, maxBytes = 64 * 1024 * 1024): void {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= maxBytes) return;
  copyFileSync(file, `${file}.1`, constants.COPYFILE_FICLONE);
  truncateSync(file);
}
