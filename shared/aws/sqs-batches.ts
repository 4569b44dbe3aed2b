import { setTimeout } from 'node:timers/promises';
import { maxBodyBytes } from '../ports/message-limits.ts';

/** A message as SendMessageBatch takes it, but for its number within the batch. */
export interface Entry {
  group: string;
  dedup: string;
  body: string;
}

/** Why SQS did not take an entry of a batch whose others it may have taken (BatchResultErrorEntry). */
export interface EntryError {
  code: string;
  message: string;
  /** Sending it again gives the same answer. */
  final: boolean;
}

/** Sends a batch; the errors by their entry's place in it. Throws when the call as a whole failed. */
export type SendBatch = (entries: Entry[]) => Promise<Map<number, EntryError>>;

/** What could not be sent: the entry that was refused in the end, and those of its group that were to follow it. */
export interface Unsent {
  error: EntryError;
  entries: Entry[];
}

/** Entries of one call, SQS's limit. */
const maxEntries = 10;
/** Calls under way at a time: a thousand messages take about a dozen round trips, and stay far from a FIFO queue's 300 calls a second. */
const maxCalls = 8;
/** How often an entry is sent that SQS refuses for a time, and the longest wait before the second time; each later wait is twice as long. */
const maxAttempts = 5;
const firstWaitMs = 100;

/** Those of one group, in order; the first is the next to be sent. */
interface Line {
  entries: Entry[];
  /** Of the first. */
  attempts: number;
}

/**
 * Sends messages to one FIFO queue in as few calls as their order allows, several at a time. A call holds at most one
 * message of a group, and the group's next waits for its answer: SQS may take some entries of a batch and refuse others, so
 * that in any other way a message could be overtaken by the one behind it. Stops when a call as a whole fails, and throws that.
 */
export async function sendInOrder(entries: Entry[], send: SendBatch): Promise<Unsent[]> {
  const ready = linesOf(entries);
  const unsent: Unsent[] = [];
  let failed = false;
  const sender = async () => {
    try {
      for (let batch = takeBatch(ready); batch.length > 0 && !failed; batch = takeBatch(ready)) {
        const errors = await send(batch.map(({ entries }) => entries[0]!));
        const { rest, again } = settle(batch, errors, unsent);
        ready.push(...rest);
        if (again.length === 0) continue;
        const attempts = Math.max(...again.map(line => line.attempts));
        await setTimeout(firstWaitMs * 2 ** (attempts - 1) * (0.5 + Math.random() / 2));
        ready.unshift(...again);
      }
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  const senders = Math.min(maxCalls, ready.length);
  const ended = await Promise.allSettled(Array.from({ length: senders }, sender));
  for (const outcome of ended) if (outcome.status === 'rejected') throw outcome.reason;
  return unsent;
}

function linesOf(entries: Entry[]): Line[] {
  const lines = Map.groupBy(entries, ({ group }) => group);
  return [...lines.values()].map(entries => ({ entries, attempts: 0 }));
}

/** The lines whose first messages make the next call: at most ten, and at most 1 MiB together, which is SQS's limit for a call. */
function takeBatch(ready: Line[]): Line[] {
  let bytes = 0;
  let count = 0;
  for (const { entries } of ready) {
    bytes += Buffer.byteLength(entries[0]!.body);
    if (count === maxEntries || bytes > maxBodyBytes) break;
    count++;
  }
  return ready.splice(0, count);
}

/** What is left of a batch's lines after its answer: those that can go on, and those whose first is to be sent again. */
function settle(batch: Line[], errors: Map<number, EntryError>, unsent: Unsent[]): { rest: Line[]; again: Line[] } {
  const rest: Line[] = [];
  const again: Line[] = [];
  for (const [place, { entries, attempts }] of batch.entries()) {
    const error = errors.get(place);
    if (!error) {
      if (entries.length > 1) rest.push({ entries: entries.slice(1), attempts: 0 });
    } else if (error.final || attempts + 1 >= maxAttempts) unsent.push({ error, entries });
    else again.push({ entries, attempts: attempts + 1 });
  }
  return { rest, again };
}
