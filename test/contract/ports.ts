import type { QueueConsumer } from '../../shared/local/queue-consumer.ts';
import type { Index } from '../../shared/ports/index.ts';
import type { Queue } from '../../shared/ports/queue.ts';
import type { Secrets } from '../../shared/ports/secrets.ts';
import type { Store } from '../../shared/ports/store.ts';

/**
 * What a suite needs of an implementation. Every suite (ports-queue.ts, ports-store.ts, ports-index.ts, ports-secrets.ts)
 * is a function of this, and runs on each implementation of the port.
 */
export interface Implementation<Port> {
  /** Heads the tests' names. */
  name: string;
  /** A fresh, empty one. */
  open(): Promise<Opened<Port>>;
  /** Of a store: an object's key cannot go on below another's (`a`, `a/b`), as S3's can: a server that keeps them as files. */
  noneBelowAnother?: true;
  /**
   * Tests by their names that cannot hold here, and why: where a server that stands in for AWS differs from AWS. Each holds
   * on another implementation.
   */
  exceptions?: Record<string, string>;
}

export interface Opened<Port> {
  port: Port;
  /** The same data through another connection, as another function instance has it. */
  again(): Promise<Port>;
  /** Lets time pass; without it the suites wait in real time, with short times only. */
  advance?(milliseconds: number): void;
  /**
   * How another process opens the same data: a module that exports `open(argument): Promise<Port>`.
   * The suites start processes of test/contract/ports-process.ts with it, for races and for kill -9.
   */
  process: { module: string; argument: string };
  close(): Promise<void>;
}

export type QueuePort = Queue & QueueConsumer;
export type { Index, Secrets, Store };
