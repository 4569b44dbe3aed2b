import * as z from 'zod';
import { keyString } from '../api/object.ts';
import { UnknownCluster } from '../ports/cluster.ts';
import type { Log, Ports } from '../ports/ports.ts';
import { reconcileItem } from './attempt.ts';
import { findError, messageOfError, ReconcileError } from './errors.ts';
import { messageSubject } from './message-subject.ts';
import type { AnyController } from './subject.ts';
import { WorkItem } from './work-item.ts';

/** What the worker needs of an SQS record; Lambda's and the local host's both have it. */
export interface WorkRecord {
  messageId: string;
  body: string;
  attributes?: { ApproximateReceiveCount?: string; MessageGroupId?: string };
  /** Names the queue, after its last colon. */
  eventSourceARN?: string;
}

/** Takes messages that are not work items: events, on the notification queue. Throwing sends the message again. */
export type MessageHandler = (
  body: unknown,
  context: { ports: Ports; deadline: number; log: Log; redelivered: boolean },
) => Promise<void>;

export interface WorkOptions {
  /** By the `type` of the message. */
  messages?: Record<string, MessageHandler>;
  /** In [0, 1); for the jitter of intervals. */
  random?: () => number;
}

export interface WorkResult {
  batchItemFailures: { itemIdentifier: string }[];
}

/** A message that no worker can take; after some receives it lies in the dead-letter queue. */
export class MessageError extends ReconcileError {
  constructor(message: string, options?: ErrorOptions) {
    super('InvalidMessage', message, options);
    this.name = 'MessageError';
  }
}

/**
 * The worker loop: takes the records of one invocation, and answers which of them have to come again. Groups run side by
 * side; within a group in order, and what follows a failure is given back untouched, since a FIFO queue would otherwise
 * deliver it before what failed. `deadline` (epoch ms) is when the invocation will be stopped.
 */
export async function work(
  records: readonly WorkRecord[],
  controllers: readonly AnyController[],
  ports: Ports,
  deadline: number,
  options: WorkOptions = {},
): Promise<WorkResult> {
  const groups = new Map<string, WorkRecord[]>();
  for (const record of records) {
    const group = groupOf(record);
    groups.set(group, [...(groups.get(group) ?? []), record]);
  }
  const failed = await Promise.all(
    [...groups.values()].map(async group => {
      for (const [position, record] of group.entries()) {
        if (!(await workOn(record, controllers, ports, deadline, options))) return group.slice(position);
      }
      return [];
    }),
  );
  return { batchItemFailures: failed.flat().map(record => ({ itemIdentifier: record.messageId })) };
}

async function workOn(
  record: WorkRecord,
  controllers: readonly AnyController[],
  ports: Ports,
  deadline: number,
  options: WorkOptions,
): Promise<boolean> {
  const log = ports.log.with({ messageId: record.messageId });
  const redelivered = Number(record.attributes?.ApproximateReceiveCount ?? 1) > 1;
  try {
    const body = parseMessage(record);
    const handler = body.type === 'reconcile' ? undefined : options.messages?.[body.type];
    if (handler) {
      await handler(body, { ports, deadline, log, redelivered });
      return true;
    }
    const item = WorkItem.safeParse(body);
    if (!item.success) throw new MessageError(`the message is no work item: ${z.prettifyError(item.error)}`);
    const controller = controllers.find(candidate => candidate.kind === item.data.kind);
    if (!controller) throw new MessageError(`this worker has no controller for ${item.data.kind}`);
    await reconcileItem({
      item: item.data,
      controller,
      ports,
      deadline,
      redelivered: redelivered || item.data.unfinished === true,
      random: options.random ?? Math.random,
    });
    return true;
  } catch (error) {
    const about = log.with(traceable(record));
    if (findError(error, UnknownCluster)) {
      about.warn('dropped a message of a cluster that is no longer registered', { error: messageOfError(error) });
      return true;
    }
    about.error('the message will come again', {
      error: messageOfError(error),
      stack: error instanceof Error ? error.stack : undefined,
    });
    return false;
  }
}

/** What makes a line belong to a push and an object. */
function traceable({ body }: WorkRecord): Record<string, unknown> {
  const { trace, object } = messageSubject(body);
  return { ...(trace && { trace }), ...(object && { object }) };
}

function parseMessage(record: WorkRecord): { type: string } & Record<string, unknown> {
  try {
    return Typed.parse(JSON.parse(record.body));
  } catch (error) {
    throw new MessageError('the body is not JSON with a type', { cause: error });
  }
}

const Typed = z.looseObject({ type: z.string() });

function groupOf(record: WorkRecord): string {
  if (record.attributes?.MessageGroupId) return record.attributes.MessageGroupId;
  try {
    const item = WorkItem.safeParse(JSON.parse(record.body));
    return item.success ? keyString(item.data) : record.messageId;
  } catch {
    return record.messageId;
  }
}
