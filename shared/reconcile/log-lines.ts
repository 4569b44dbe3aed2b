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

/** A log that hands its lines to `write`. */
export function makeLog(write: (line: LogLine) => void, clock: Clock, level: LogLevel = 'info', fields = {}): Log {
  const least = levels.indexOf(level);
  const at =
    (own: LogLevel) =>
    (message: string, more: Record<string, unknown> = {}) => {
      if (levels.indexOf(own) < least) return;
      const line = { time: new Date(clock.now()).toISOString(), level: own, message };
      // Named again at the end: no field takes the place of what the line says.
      write({ ...line, ...fields, ...more, ...line });
    };
  return {
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: more => makeLog(write, clock, level, { ...fields, ...more }),
  };
}

/**
 * A line as JSON. What a field holds is the caller's care; as a last line of defence, the values of fields whose names speak
 * of credentials are left out. Errors are told with their chain of causes.
 */
export function logText(line: LogLine): string {
  return JSON.stringify(line, redact);
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
