import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../ports/clock.ts';
import { carried, checkDelay, checkMessage } from '../ports/message-limits.ts';
import type { Queue, QueueMessage } from '../ports/queue.ts';
import { laneOf } from './fair-share.ts';
import {
  dedupSeconds,
  isDeadLetterQueue,
  maxPardons,
  maxReceives,
  type QueueConsumer,
  type ReceivableQueue,
  type ReceivedMessage,
  type ReceiveOptions,
} from './queue-consumer.ts';
import {
  openQueueFile,
  type ReceiveStatements,
  receiveStatements,
  type SendStatements,
  sendStatements,
} from './queue-sql.ts';
import { patientTransaction } from './sqlite.ts';
import { announce } from './wake.ts';

/**
 * The queues in one SQLite file, with the semantics of SQS FIFO (and, for `timer`, of a standard queue with delays).
 *
 * A row of `groups` is a message group that has messages, and `ready_at` the time from which its head may be received:
 * the time it became free, or the end of the visibility timeout of what is in flight. One index lookup therefore finds
 * what can be received, longest waiting first, however long the backlog of a blocked group is. A message of the
 * standard queue is a group of its own, which starts ready after its delay.
 *
 * Durability: sending commits with an fsync (a push that was accepted survives a power cut, as it would in SQS), all
 * sends of one turn of the event loop together. Receiving and deleting commit without: after a power cut such a message
 * is delivered again, which at-least-once delivery allows. Nothing is lost or repeated by a kill -9.
 */
export class SqliteQueue implements Queue, QueueConsumer {
  readonly #clock: Clock;
  readonly #sending: DatabaseSync;
  readonly #receiving: DatabaseSync;
  readonly #send: SendStatements;
  readonly #receive: ReceiveStatements;
  readonly #pending: PendingSend[] = [];
  #flushing = false;

  /** `file` is made when absent. */
  constructor(file: string, clock: Clock) {
    this.#clock = clock;
    this.#sending = openQueueFile(file, 'FULL');
    this.#receiving = openQueueFile(file, 'NORMAL');
    this.#send = sendStatements(this.#sending);
    this.#receive = receiveStatements(this.#receiving);
  }

  async send(messages: QueueMessage[]): Promise<void> {
    const now = this.#clock.now();
    const enqueued = messages.map(message => ({ ...message, body: carried(message.body), readyAt: now }));
    for (const message of enqueued) checkMessage(message);
    if (enqueued.length > 0) await this.#enqueue(enqueued);
  }

  async sendLater(message: QueueMessage, delaySeconds: number): Promise<void> {
    checkMessage({ ...message, body: carried(message.body) });
    checkDelay(delaySeconds);
    const body = carried(JSON.stringify(message));
    const own = randomUUID();
    const timer = { queue: 'timer', group: own, dedup: own, body, readyAt: this.#clock.now() + delaySeconds * 1000 };
    checkMessage(timer);
    await this.#enqueue([timer]);
  }

  async receive(queue: ReceivableQueue, options: ReceiveOptions): Promise<ReceivedMessage[]> {
    const now = this.#clock.now();
    if (!this.#receive.anyReady.get(queue, now)) return [];
    return patientTransaction(this.#receiving, () => this.#take(queue, options, now));
  }

  async delete(queue: ReceivableQueue, handle: string): Promise<boolean> {
    return patientTransaction(this.#receiving, () => {
      const row = this.#receive.delete.get(sequenceOf(handle), queue, handle) as { grp: string } | undefined;
      if (row) this.#settle(queue, row.grp);
      return row !== undefined;
    });
  }

  release(queue: ReceivableQueue, handle: string, delaySeconds = 0): Promise<boolean> {
    return this.#release(queue, handle, delaySeconds, 0);
  }

  /** As release, when it was not the message's fault that it was not worked on: see maxPardons. */
  pardon(queue: ReceivableQueue, handle: string, delaySeconds = 0): Promise<boolean> {
    return this.#release(queue, handle, delaySeconds, 1);
  }

  async #release(queue: ReceivableQueue, handle: string, delaySeconds: number, pardons: number): Promise<boolean> {
    const visibleAt = this.#clock.now() + Math.round(delaySeconds * 1000);
    const released = await patientTransaction(this.#receiving, () => {
      const row = this.#receive.show.get(visibleAt, pardons, maxPardons, sequenceOf(handle), queue, handle) as
        | { grp: string }
        | undefined;
      if (row) this.#settle(queue, row.grp);
      return row !== undefined;
    });
    if (released) announce([queue]);
    return released;
  }

  /** The lanes that have something to receive. */
  readyLanes(queue: ReceivableQueue): string[] {
    return (this.#receive.readyLanes.all(queue, this.#clock.now()) as { lane: string }[]).map(({ lane }) => lane);
  }

  /** When the next message that is not visible yet becomes so (epoch ms), so that a poller can sleep until then. */
  nextReadyAt(queue: ReceivableQueue): number | undefined {
    const row = this.#receive.nextReady.get(queue, this.#clock.now()) as { ready_at: number } | undefined;
    return row?.ready_at;
  }

  /** Messages held, in flight included. */
  depth(queue: ReceivableQueue): number {
    return (this.#receive.depth.get(queue) as { n: number }).n;
  }

  /**
   * Makes everything in flight visible. Only for the one consumer of the file, when it starts: whoever had received
   * those messages is gone, and waiting for their visibility timeout would only cost time. A message is not to blame for
   * the end of a host, at first: see maxPardons.
   */
  async releaseAll(): Promise<void> {
    const now = this.#clock.now();
    await patientTransaction(this.#receiving, () => {
      this.#receiving
        .prepare('UPDATE messages SET visible_at = ?, pardons = min(pardons + 1, ?) WHERE visible_at > ?')
        .run(now, maxPardons, now);
      this.#receiving
        .prepare("UPDATE groups SET ready_at = ? WHERE ready_at > ? AND queue NOT IN ('timer', 'timer-dlq')")
        .run(now, now);
      // A timer in flight (received once or more) is free again; one that has never been received keeps its delay.
      this.#receiving
        .prepare(
          "UPDATE groups SET ready_at = ? WHERE queue = 'timer' AND ready_at > ? AND grp IN (SELECT grp FROM messages WHERE queue = 'timer' AND receives > 0)",
        )
        .run(now, now);
    });
  }

  /** Drops messages older than `days` (SQS keeps at most 14) and forgotten deduplication ids. */
  async expire(days = 14): Promise<void> {
    const now = this.#clock.now();
    await patientTransaction(this.#receiving, () => {
      this.#receiving.prepare('DELETE FROM dedup WHERE expires_at <= ?').run(now);
      const old = this.#receiving.prepare('DELETE FROM messages WHERE sent_at < ? RETURNING queue, grp');
      for (const row of old.all(now - days * 86_400_000) as { queue: string; grp: string }[])
        this.#settle(row.queue, row.grp);
    });
  }

  /** Closes the file. What was sent has been awaited, or is lost. */
  close(): void {
    this.#sending.close();
    this.#receiving.close();
  }

  /** All that is sent while a transaction waits its turn goes into the next one: one fsync for all of them. */
  #enqueue(messages: Enqueued[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ messages, resolve, reject });
      if (this.#flushing) return;
      this.#flushing = true;
      setImmediate(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    while (this.#pending.length > 0) {
      let taken: PendingSend[] = [];
      const queues = new Set<string>();
      try {
        await patientTransaction(this.#sending, () => {
          taken = [...this.#pending];
          const now = this.#clock.now();
          for (const { messages } of taken)
            for (const message of messages) if (this.#insert(message, now)) queues.add(message.queue);
        });
      } catch (error) {
        if (taken.length === 0) taken = [...this.#pending];
        this.#pending.splice(0, taken.length);
        for (const { reject } of taken) reject(error);
        continue;
      }
      this.#pending.splice(0, taken.length);
      if (queues.size > 0) announce([...queues]);
      for (const { resolve } of taken) resolve();
    }
    this.#flushing = false;
  }

  #insert(message: Enqueued, now: number): boolean {
    const { queue, group, dedup, body, readyAt } = message;
    const fresh = this.#send.dedup.run(queue, dedup, now + dedupSeconds * 1000, now).changes;
    if (!fresh) return false;
    this.#send.message.run(randomUUID(), queue, group, dedup, body, now);
    this.#send.group.run(queue, group, readyAt, laneOf(queue, group));
    return true;
  }

  #take(queue: ReceivableQueue, options: ReceiveOptions, now: number): ReceivedMessage[] {
    const taken: ReceivedMessage[] = [];
    const perGroup = Math.min(options.perGroup ?? options.max, maxPerGroup);
    const visibleAt = now + options.visibilitySeconds * 1000;
    while (taken.length < options.max) {
      const room = options.max - taken.length;
      const groups = (options.lane === undefined
        ? this.#receive.ready.all(queue, now, room)
        : this.#receive.readyOfLane.all(queue, options.lane, now, room)) as unknown as { grp: string }[];
      if (groups.length === 0) break;
      for (const { grp } of groups) {
        const room = Math.min(perGroup, options.max - taken.length);
        if (room === 0) break;
        taken.push(...this.#takeOfGroup(queue, grp, room, now, visibleAt));
      }
    }
    return taken;
  }

  #takeOfGroup(queue: ReceivableQueue, group: string, max: number, now: number, visibleAt: number): ReceivedMessage[] {
    const rows = this.#receive.head.all(queue, group, max) as unknown as Row[];
    const taken: ReceivedMessage[] = [];
    for (const row of rows) {
      if (row.receives - row.pardons >= maxReceives && !isDeadLetterQueue(queue)) {
        this.#bury(row, now);
        continue;
      }
      const handle = `${row.seq}:${randomUUID()}`;
      this.#receive.take.run(visibleAt, handle, now, row.seq);
      taken.push(received(row, handle, now));
    }
    // With nothing taken (all went to the dead-letter queue) the group is free for the messages behind.
    if (taken.length > 0) this.#receive.block.run(visibleAt, queue, group);
    else this.#settle(queue, group);
    return taken;
  }

  #bury(row: Row, now: number): void {
    const dlq = `${row.queue}-dlq`;
    this.#receive.bury.run(dlq, row.seq);
    this.#receive.group.run(dlq, row.grp, now, laneOf(dlq, row.grp));
    announce([dlq]);
  }

  /** Writes from when the group may be received again, after one of its messages left or changed. */
  #settle(queue: string, group: string): void {
    const now = this.#clock.now();
    const row = this.#receive.latest.get(queue, group, maxPerGroup) as { visible_at: number | null };
    if (row.visible_at === null) this.#receive.dropGroup.run(queue, group);
    else this.#receive.block.run(Math.max(row.visible_at, now), queue, group);
  }
}

/** As SQS: at most ten messages of a group in one receive, so those in flight are among its first ten. */
const maxPerGroup = 10;

interface Enqueued {
  queue: string;
  group: string;
  dedup: string;
  body: string;
  readyAt: number;
}

interface PendingSend {
  messages: Enqueued[];
  resolve: () => void;
  reject: (error: unknown) => void;
}

interface Row {
  seq: number;
  id: string;
  queue: ReceivableQueue;
  grp: string;
  dedup: string;
  body: string;
  sent_at: number;
  first_received_at: number | null;
  receives: number;
  pardons: number;
}

function received(row: Row, handle: string, now: number): ReceivedMessage {
  return {
    id: row.id,
    queue: row.queue,
    group: row.grp,
    dedup: row.dedup,
    body: row.body,
    handle,
    receiveCount: row.receives + 1,
    final: !isDeadLetterQueue(row.queue) && row.receives + 1 - row.pardons >= maxReceives,
    sentAt: row.sent_at,
    firstReceivedAt: row.first_received_at ?? now,
    sequence: row.seq,
  };
}

function sequenceOf(handle: string): number {
  const sequence = Number(handle.slice(0, handle.indexOf(':')));
  return Number.isSafeInteger(sequence) ? sequence : -1;
}
