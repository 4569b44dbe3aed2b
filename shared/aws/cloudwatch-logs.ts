import type { CloudWatchLogsClient, FilteredLogEvent } from '@aws-sdk/client-cloudwatch-logs';
import { AwsError, awsError } from './aws-error.ts';
import { sdkSettings } from './sdk-settings.ts';

/** One line of a function's log. */
export interface LogEvent {
  /** CloudWatch's own, unique. */
  id: string;
  /** Epoch ms at which it was written. */
  time: number;
  text: string;
  /** Name of the function that wrote it: the last part of its log group's name. */
  from: string;
}

export interface LogQuery {
  /** Epoch ms of the oldest line. */
  from: number;
  /** Epoch ms after the newest line; all when absent. */
  to?: number;
  /** A text that every line contains, so that fewer are sent. Not all can be asked of CloudWatch: the reader looks again. */
  containing?: string | undefined;
}

/** The logs of an installation's functions. */
export interface FunctionLogs {
  /** The lines of all functions, oldest first. */
  read(query: LogQuery): AsyncIterable<LogEvent>;
  /** Lines as they come in, from `query.from` on, until `signal` is aborted; each once, and nearly in order. */
  follow(query: Omit<LogQuery, 'to'>, signal?: AbortSignal): AsyncIterable<LogEvent>;
  close(): void;
}

/**
 * How often new lines are asked for. CloudWatch takes five such requests a second for the whole account and region, and one is
 * made per function.
 */
const followMs = 5_000;
/** Lines arrive late, and not in the order in which they were written. */
const lateMs = 60_000;

/** Opens the logs whose groups' names begin with `prefix`; throws an AwsError when there are none. */
export async function openFunctionLogs(region: string, prefix: string): Promise<FunctionLogs> {
  const { CloudWatchLogsClient } = await import('@aws-sdk/client-cloudwatch-logs');
  const client = new CloudWatchLogsClient({ region, ...sdkSettings });
  const groups = await groupsOf(client, prefix);
  if (groups.length === 0)
    throw new AwsError(
      'LogsMissing',
      `there is no log in ${region} whose name begins with ${prefix}; were the log groups deleted? \`npm run deploy\` makes them again`,
    );
  const read = (query: LogQuery) => merged(groups.map(group => linesOf(client, group, query)));
  return {
    read,
    follow: (query, signal) => follow(read, query, signal),
    close: () => client.destroy(),
  };
}

async function groupsOf(client: CloudWatchLogsClient, prefix: string): Promise<string[]> {
  const { paginateDescribeLogGroups } = await import('@aws-sdk/client-cloudwatch-logs');
  const names: string[] = [];
  try {
    for await (const page of paginateDescribeLogGroups({ client }, { logGroupNamePrefix: prefix }))
      names.push(...(page.logGroups ?? []).flatMap(({ logGroupName }) => logGroupName ?? []));
  } catch (error) {
    throw awsError(error, `list the log groups ${prefix}* (logs:DescribeLogGroups)`);
  }
  return names;
}

/** The lines of one group; CloudWatch gives them by time. */
async function* linesOf(client: CloudWatchLogsClient, group: string, query: LogQuery): AsyncGenerator<LogEvent> {
  const { paginateFilterLogEvents } = await import('@aws-sdk/client-cloudwatch-logs');
  const pattern = patternOf(query.containing);
  const asked = {
    logGroupName: group,
    startTime: Math.max(0, query.from),
    ...(query.to !== undefined && { endTime: query.to }),
    ...(pattern && { filterPattern: pattern }),
  };
  const from = group.split('/').at(-1) ?? group;
  try {
    // A page may be empty and another follow: CloudWatch stops at what it has searched, not at what it has found.
    for await (const page of paginateFilterLogEvents({ client }, asked))
      for (const event of page.events ?? []) yield toEvent(event, from);
  } catch (error) {
    throw awsError(error, `read the log ${group} (logs:FilterLogEvents)`);
  }
}

function toEvent({ eventId, timestamp, message }: FilteredLogEvent, from: string): LogEvent {
  return { id: eventId ?? '', time: timestamp ?? 0, text: (message ?? '').trimEnd(), from };
}

/** A term in quotes; none for a text with characters that have a meaning in patterns. */
function patternOf(text: string | undefined): string | undefined {
  return text !== undefined && /^[\w./-]+$/.test(text) ? `"${text}"` : undefined;
}

/** Lines of several logs as of one: by time. Holds no more than the pages that are being read. */
async function* merged(logs: AsyncGenerator<LogEvent>[]): AsyncGenerator<LogEvent> {
  const heads = await Promise.all(logs.map(async log => ({ log, head: await log.next() })));
  for (;;) {
    let first: (typeof heads)[number] | undefined;
    for (const each of heads)
      if (!each.head.done && (!first || each.head.value.time < (first.head.value as LogEvent).time)) first = each;
    if (!first) return;
    yield first.head.value as LogEvent;
    first.head = await first.log.next();
  }
}

async function* follow(
  read: FunctionLogs['read'],
  query: Omit<LogQuery, 'to'>,
  signal: AbortSignal | undefined,
): AsyncGenerator<LogEvent> {
  const { setTimeout: delay } = await import('node:timers/promises');
  const seen = new Map<string, number>();
  let from = query.from;
  while (!signal?.aborted) {
    let newest = from;
    for await (const event of read({ ...query, from: Math.max(query.from, from - lateMs) })) {
      newest = Math.max(newest, event.time);
      if (seen.has(event.id)) continue;
      seen.set(event.id, event.time);
      yield event;
    }
    from = newest;
    for (const [id, time] of seen) if (time < from - lateMs) seen.delete(id);
    await delay(followMs, undefined, { ...(signal && { signal }) }).catch(() => {});
  }
}
