import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/ports.ts';
import { fairShare } from './fair-share.ts';
import { type FunctionDefinition, type Mapping, visibilitySeconds } from './functions.ts';
import type { ReceivedMessage } from './queue-consumer.ts';
import type { SqliteQueue } from './sqlite-queue.ts';
import { failedOf, sqsEvent } from './sqs-event.ts';
import type { WorkerPool } from './worker-pool.ts';
import { ThreadEnded } from './worker-thread.ts';

export interface EventSourceOptions {
  mapping: Mapping;
  definition: FunctionDefinition;
  /** Invocations at a time; a little more when another cluster's messages would have to wait (fair-share.ts). */
  concurrency: number;
  queue: SqliteQueue;
  /** The queue's. */
  clock: Clock;
  pool: WorkerPool;
  log: Log;
  /** Told of every message when its invocation begins, and when it has ended. */
  onStart?(message: ReceivedMessage): void;
  onEnd?(message: ReceivedMessage, outcome: Outcome): void;
}

export type Outcome = { ok: boolean; milliseconds: number };

/** How long a message that its function failed on stays away: by the receives it has had. */
const retryAfterSeconds = [5, 15, 30, 60, 300];
/** After the death of a thread its messages come back apart from each other: one of them may have killed it. */
const scatterSeconds = 5;
/** How often what is in flight is kept invisible. */
const extendEveryMs = 30_000;
/** The longest sleep between looks at a queue, if nobody calls: another process may have written. */
const fallbackMs = 500;

/** One event source mapping: takes messages of a queue, invokes a function with them, deletes those it handled. */
export class EventSource {
  readonly #options: EventSourceOptions;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #held = new Map<string, ReceivedMessage>();
  /** Invocations by lane. */
  readonly #lanes = new Map<string, number>();
  #extendedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #pumping = false;
  #pumped = Promise.resolve();

  constructor(options: EventSourceOptions) {
    this.#options = options;
  }

  get queueName(): string {
    return this.#options.mapping.queue;
  }

  get busy(): number {
    return this.#inFlight.size;
  }

  /** Something may have arrived: takes as much as there is room for. */
  wake(): void {
    if (this.#stopped || this.#pumping) return;
    this.#pumping = true;
    this.#pumped = this.#pump().then(
      () => {
        this.#pumping = false;
        this.#sleep();
      },
      error => {
        this.#pumping = false;
        this.#options.log.error('a queue could not be read', { queue: this.queueName, error });
        this.#sleep();
      },
    );
  }

  /** Takes no more; resolves when what is in flight has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#pumped;
    await Promise.all(this.#inFlight);
  }

  /** Makes what is still held visible again, after its threads have been ended. */
  async releaseHeld(): Promise<void> {
    for (const { handle } of this.#held.values()) await this.#options.queue.pardon(this.#options.mapping.queue, handle);
  }

  async #pump(): Promise<void> {
    const { mapping, queue, concurrency } = this.#options;
    await this.#extend();
    for (let received = 1; received > 0 && !this.#stopped; ) {
      received = 0;
      const shares = fairShare(queue.readyLanes(mapping.queue), this.#lanes, concurrency);
      for (const [lane, invocations] of shares) received += await this.#receive(lane, invocations);
    }
  }

  async #receive(lane: string, invocations: number): Promise<number> {
    const { mapping, queue, definition } = this.#options;
    const messages = await queue.receive(mapping.queue, {
      max: invocations * mapping.batchSize,
      visibilitySeconds: visibilitySeconds(definition),
      perGroup: mapping.batchSize,
      lane,
    });
    if (this.#stopped) {
      for (const { handle } of messages) await queue.pardon(mapping.queue, handle);
      return 0;
    }
    for (let i = 0; i < messages.length; i += mapping.batchSize)
      this.#begin(lane, messages.slice(i, i + mapping.batchSize));
    return messages.length;
  }

  /**
   * What is in flight stays invisible as long as it is, even when the clock jumps (a laptop that slept, a clock that was put
   * forward): nobody else takes from this queue, and an object must not be worked on twice at a time.
   */
  async #extend(): Promise<void> {
    const { mapping, queue, definition, clock } = this.#options;
    const now = clock.now();
    if (Math.abs(now - this.#extendedAt) < extendEveryMs) return;
    this.#extendedAt = now;
    for (const { handle } of this.#held.values())
      await queue.release(mapping.queue, handle, visibilitySeconds(definition));
  }

  #begin(lane: string, batch: ReceivedMessage[]): void {
    for (const message of batch) this.#held.set(message.id, message);
    this.#lanes.set(lane, (this.#lanes.get(lane) ?? 0) + 1);
    const done = this.#run(batch)
      .catch(error => this.#options.log.error('a queue could not be written', { queue: this.queueName, error }))
      .finally(() => {
        this.#inFlight.delete(done);
        const left = (this.#lanes.get(lane) ?? 1) - 1;
        if (left > 0) this.#lanes.set(lane, left);
        else this.#lanes.delete(lane);
        this.wake();
      });
    this.#inFlight.add(done);
  }

  async #run(batch: ReceivedMessage[]): Promise<void> {
    const { definition, mapping, pool, onStart, onEnd } = this.#options;
    const start = performance.now();
    for (const message of batch) onStart?.(message);
    let failed: Set<string>;
    let died = false;
    try {
      const event = sqsEvent(batch);
      const { module, timeoutSeconds } = definition;
      const answer = await pool.invoke({ function: mapping.function, module, event, timeoutSeconds });
      failed = failedOf(answer, batch);
    } catch (error) {
      // The host is stopping: released by releaseHeld, as if it had not been received.
      if (this.#stopped && error instanceof ThreadEnded) return;
      this.#options.log.error('a function failed', { function: mapping.function, error });
      failed = new Set(batch.map(({ id }) => id));
      // Its thread died, perhaps of another's fault.
      died = error instanceof ThreadEnded && !error.timedOut;
    }
    const outcome = { milliseconds: performance.now() - start };
    for (const message of batch) {
      const ok = !failed.has(message.id);
      await this.#finish(message, ok, died);
      onEnd?.(message, { ...outcome, ok });
    }
  }

  async #finish(message: ReceivedMessage, ok: boolean, died: boolean): Promise<void> {
    const { queue, mapping, log } = this.#options;
    this.#held.delete(message.id);
    if (ok) {
      await queue.delete(mapping.queue, message.handle);
      return;
    }
    if (died) {
      await queue.pardon(mapping.queue, message.handle, 1 + Math.random() * scatterSeconds);
      return;
    }
    if (message.final)
      log.error('a message was given up after three attempts', {
        queue: mapping.queue,
        deadLetterQueue: `${mapping.queue}-dlq`,
        group: message.group,
      });
    const delay = retryAfterSeconds[message.receiveCount - 1] ?? retryAfterSeconds.at(-1)!;
    await queue.release(mapping.queue, message.handle, message.final ? 0 : delay);
  }

  #sleep(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    const next = this.#options.queue.nextReadyAt(this.#options.mapping.queue);
    const untilNext = next === undefined ? fallbackMs : Math.max(1, next - Date.now());
    this.#timer = setTimeout(() => this.wake(), Math.min(untilNext, fallbackMs));
  }
}
