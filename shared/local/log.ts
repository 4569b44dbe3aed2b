import { constants, copyFileSync, mkdirSync, openSync, statSync, truncateSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/ports.ts';

export type LogLevel = 'info' | 'warn' | 'error';

/** One line of the log. */
export interface LogLine {
  time: string;
  level: LogLevel;
  message: string;
  [field: string]: unknown;
}

/**
 * A log of JSON lines in a file. Each line is one append, so lines of many threads and processes never mix. What a field
 * holds is the caller's care; as a last line of defence, the values of fields whose names speak of credentials are left out.
 */
export function fileLog(file: string, clock: Clock, level: LogLevel = 'info'): Log {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const descriptor = openSync(file, 'a', 0o600);
  const write = (line: LogLine) => {
    const text = JSON.stringify(line, redact);
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

/** A log that hands its lines to `write`. */
export function makeLog(write: (line: LogLine) => void, clock: Clock, level: LogLevel = 'info', fields = {}): Log {
  const least = levels.indexOf(level);
  const at =
    (own: LogLevel) =>
    (message: string, more: Record<string, unknown> = {}) => {
      if (levels.indexOf(own) < least) return;
      write({ time: new Date(clock.now()).toISOString(), level: own, message, ...fields, ...more });
    };
  return {
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: more => makeLog(write, clock, level, { ...fields, ...more }),
  };
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

const levels: LogLevel[] = ['info', 'warn', 'error'];

const credential = /^(authorization|password|passwd|token|bearerToken|secret|clientKey|privateKey|kubeconfig|cookie)$/i;

function redact(name: string, value: unknown): unknown {
  if (credential.test(name) && typeof value === 'string') return '[left out]';
  if (value instanceof Error) return describeError(value);
  return typeof value === 'bigint' ? String(value) : value;
}

/** An error as plain data, with its chain of causes. */
function describeError(error: Error): Record<string, unknown> {
  const code = 'code' in error ? { code: error.code } : {};
  const cause = error.cause === undefined ? {} : { cause: error.cause };
  return { name: error.name, message: error.message, ...code, stack: error.stack, ...cause };
}
