import type { Log } from '../ports/ports.ts';
import { type FunctionDefinition, type Mapping, visibilitySeconds } from './functions.ts';
import { isDeadLetterQueue, maxReceives, type ReceivedMessage } from './queue-consumer.ts';
import type { SqliteQueue } from './sqlite-queue.ts';
import { failedOf, sqsEvent } from './sqs-event.ts';
import type { WorkerPool } from './worker-pool.ts';
import { ThreadEnded } from './worker-thread.ts';

export interface EventSourceOptions {
  mapping: Mapping;
  definition: FunctionDefinition;
  /** Invocations at a time. */
  concurrency: number;
  queue: SqliteQueue;
  pool: WorkerPool;
  log: Log;
  /** Told of every message when its invocation begins, and when it has ended. */
  onStart?(message: ReceivedMessage): void;
  onEnd?(message: ReceivedMessage, outcome: Outcome): void;
}

export type Outcome = { ok: boolean; milliseconds: number };

/** How long a message that its function failed on stays away: by the receives it has had. */
const retryAfterSeconds = [5, 15, 30, 60, 300];
/** The longest sleep between looks at a queue, if nobody calls: another process may have written. */
const fallbackMs = 500;

/** One event source mapping: takes messages of a queue, invokes a function with them, deletes those it handled. */
export class EventSource {
  readonly #options: EventSourceOptions;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #held = new Map<string, ReceivedMessage>();
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
    for (const { handle } of this.#held.values())
      await this.#options.queue.release(this.#options.mapping.queue, handle);
  }

  async #pump(): Promise<void> {
    const { mapping, queue, concurrency, definition } = this.#options;
    while (!this.#stopped && this.busy < concurrency) {
      const room = (concurrency - this.busy) * mapping.batchSize;
      const messages = await queue.receive(mapping.queue, {
        max: room,
        visibilitySeconds: visibilitySeconds(definition),
        perGroup: 1,
      });
      if (messages.length === 0) return;
      if (this.#stopped) {
        for (const { handle } of messages) await queue.release(mapping.queue, handle);
        return;
      }
      for (let i = 0; i < messages.length; i += mapping.batchSize)
        this.#begin(messages.slice(i, i + mapping.batchSize));
    }
  }

  #begin(batch: ReceivedMessage[]): void {
    for (const message of batch) this.#held.set(message.id, message);
    const done = this.#run(batch)
      .catch(error => this.#options.log.error('a queue could not be written', { queue: this.queueName, error }))
      .finally(() => {
        this.#inFlight.delete(done);
        this.wake();
      });
    this.#inFlight.add(done);
  }

  async #run(batch: ReceivedMessage[]): Promise<void> {
    const { definition, mapping, pool, onStart, onEnd } = this.#options;
    const start = performance.now();
    for (const message of batch) onStart?.(message);
    let failed: Set<string>;
    let retryAfter: number | undefined;
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
      // Its thread died, perhaps of another's fault: nothing runs any more that the retry could meet.
      if (error instanceof ThreadEnded && !error.timedOut) retryAfter = 1;
    }
    const outcome = { milliseconds: performance.now() - start };
    for (const message of batch) {
      const ok = !failed.has(message.id);
      await this.#finish(message, ok, retryAfter);
      onEnd?.(message, { ...outcome, ok });
    }
  }

  async #finish(message: ReceivedMessage, ok: boolean, retryAfter: number | undefined): Promise<void> {
    const { queue, mapping, log } = this.#options;
    this.#held.delete(message.id);
    if (ok) {
      await queue.delete(mapping.queue, message.handle);
      return;
    }
    const last = message.receiveCount >= maxReceives && !isDeadLetterQueue(mapping.queue);
    if (last)
      log.error('a message was given up after three attempts', {
        queue: mapping.queue,
        deadLetterQueue: `${mapping.queue}-dlq`,
        group: message.group,
      });
    const delay = retryAfter ?? retryAfterSeconds[message.receiveCount - 1] ?? retryAfterSeconds.at(-1)!;
    await queue.release(mapping.queue, message.handle, last ? 0 : delay);
  }

  #sleep(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    const next = this.#options.queue.nextReadyAt(this.#options.mapping.queue);
    const untilNext = next === undefined ? fallbackMs : Math.max(1, next - Date.now());
    this.#timer = setTimeout(() => this.wake(), Math.min(untilNext, fallbackMs));
  }
}
