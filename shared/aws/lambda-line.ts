import * as z from 'zod';
import type { LogLine } from '../reconcile/log-lines.ts';
import type { LogEvent } from './cloudwatch-logs.ts';

/** A line of ours, which says all itself. */
const Own = z.looseObject({ time: z.string(), level: z.enum(['info', 'warn', 'error']), message: z.string() });

/** What Lambda says of an invocation that ended (Telemetry API, platform.report). */
const Report = z.object({
  type: z.literal('platform.report'),
  record: z.object({
    requestId: z.string().optional(),
    status: z.string(),
    errorType: z.string().optional(),
    metrics: z.object({ durationMs: z.number().optional() }).optional(),
  }),
});

/** What Lambda's runtime says in the form JSON: of errors that nobody caught, above all. */
const Runtime = z.object({
  timestamp: z.string(),
  level: z.string(),
  message: z.unknown(),
  requestId: z.string().optional(),
  errorType: z.string().optional(),
  errorMessage: z.string().optional(),
});

const Thrown = z.object({ errorType: z.string(), errorMessage: z.string() });

/**
 * A line of a function's log group in the form of Sluice's log: as JSON. What Lambda itself says is put into words when it is
 * about something that went wrong (an invocation that was cut off, an error that nobody caught); undefined for the rest of it.
 */
export function logTextOf(event: LogEvent): string | undefined {
  const value = parsed(event.text);
  if (Own.safeParse(value).success) return event.text;
  const line = value === undefined ? fromText(event) : fromPlatform(value, event);
  return line && JSON.stringify(line);
}

function fromPlatform(value: unknown, { time, from }: LogEvent): LogLine | undefined {
  const report = Report.safeParse(value);
  if (report.success) {
    const { requestId, status, errorType, metrics } = report.data.record;
    if (status === 'success') return undefined;
    const ended = status === 'timeout' ? 'was cut off: it took longer than its timeout' : `ended with ${status}`;
    const fields = { function: from, requestId, errorType, durationMs: metrics?.durationMs };
    return { time: new Date(time).toISOString(), level: 'error', message: `an invocation ${ended}`, ...fields };
  }
  const runtime = Runtime.safeParse(value);
  if (!runtime.success) return undefined;
  const { timestamp, level, message, requestId, errorType, errorMessage } = runtime.data;
  const thrown = Thrown.safeParse(message).data ?? (errorType && { errorType, errorMessage: errorMessage ?? '' });
  const text = thrown ? `${thrown.errorType}: ${thrown.errorMessage}` : message;
  return {
    time: timestamp,
    level: levels[level.toLowerCase()] ?? 'info',
    message: typeof text === 'string' ? text : JSON.stringify(text),
    function: from,
    requestId,
  };
}

const levels: Record<string, LogLine['level']> = { warn: 'warn', error: 'error', fatal: 'error' };

/** The form TEXT, and what a process writes before its runtime stands. */
function fromText({ text, time, from }: LogEvent): LogLine | undefined {
  if (/^(START|END|REPORT|INIT_START|INIT_REPORT|EXTENSION|XRAY) /.test(text)) return undefined;
  const bad = /Task timed out|Runtime exited|\tERROR\t|^\S*Error: /.test(text);
  const message = text.replace(/^[-\d:.TZ]+\s+[0-9a-f-]{36}\s+/, '');
  return { time: new Date(time).toISOString(), level: bad ? 'error' : 'info', message, function: from };
}

/** undefined for what is no JSON object. */
function parsed(text: string): unknown {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
