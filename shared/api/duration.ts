/** Durations as Go and the Kubernetes API write them: `1h30m`, `1.5s`, `100ms`. */

const millisecondsOf: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A text that is no duration. */
export class DurationError extends Error {
  readonly code = 'InvalidDuration';
  constructor(text: string) {
    super(`"${text}" is not a duration; write it as numbers with units (h, m, s, ms), for instance 1h30m`);
    this.name = 'DurationError';
  }
}

/** Milliseconds of a Go duration. Throws a {@link DurationError}. */
export function parseDuration(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  const body = text.replace(/^[-+]/, '');
  if (body === '0') return 0;
  const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;
  let sum = 0;
  while (part.lastIndex < body.length) {
    const match = part.exec(body);
    if (!match) throw new DurationError(text);
    sum += Number(match[1]) * millisecondsOf[match[2]!]!;
  }
  if (body === '') throw new DurationError(text);
  return sign * sum;
}

/** A duration in Go's own form, as status fields and messages show it: `1h0m0s`, `1.5s`, `250ms`, `0s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  const sign = milliseconds < 0 ? '-' : '';
  const nanoseconds = Math.round(Math.abs(milliseconds) * 1e6);
  if (nanoseconds < 1e9) return sign + belowSecond(nanoseconds);
  const seconds = nanoseconds / 1e9;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  // Nanoseconds are integers, so that the rest of a minute keeps its decimals.
  const rest = decimal((nanoseconds % 60e9) / 1e9, 9);
  if (hours > 0) return `${sign}${hours}h${minutes}m${rest}s`;
  if (minutes > 0) return `${sign}${minutes}m${rest}s`;
  return `${sign}${rest}s`;
}

function belowSecond(nanoseconds: number): string {
  if (nanoseconds >= 1e6) return `${decimal(nanoseconds / 1e6, 6)}ms`;
  if (nanoseconds >= 1e3) return `${decimal(nanoseconds / 1e3, 3)}µs`;
  return `${nanoseconds}ns`;
}

function decimal(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
