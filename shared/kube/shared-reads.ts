import type { KubeObject, TypeRef } from '../api/object.ts';
import { ApiError, type KubeList, type ListOptions } from '../ports/cluster.ts';

/** One view of an API server (as itself, or in the name of a user): what reads are made with. */
export interface Reader {
  get(type: TypeRef, namespace: string | undefined, name: string): Promise<KubeObject | undefined>;
  list(type: TypeRef, options: ListOptions): Promise<KubeList<KubeObject>>;
}

export interface SharedRead {
  type: TypeRef;
  namespace: string | undefined;
  name: string;
  /** A label that the object most likely carries. Without it only reads of the very same object are shared. */
  label?: { key: string; value: string };
}

interface Waiting extends SharedRead {
  resolve(object: KubeObject | undefined): void;
  reject(error: unknown): void;
}

interface Lane {
  reader: Reader;
  waiting: Waiting[];
  running: number;
  timer?: NodeJS.Timeout;
}

/** From this many reads on, one list is cheaper for the API server than reading object by object. */
const listFrom = 3;
/** How long, after a read, the next one waits for company; and how much company is enough. */
const gatherMs = 10;
const enough = 8;
/** Values that one selector names; a URL should stay well below 8 KiB. */
const maxValues = 50;
/** A read that hangs holds up those behind it for no longer than this. */
const patienceMs = 100;
/** How long it is remembered that someone may not list. */
const refusedMs = 60_000;
const maxRefused = 1000;

/**
 * Reads that many reconciles ask for at about the same time, answered together. The rule: an answer comes from a read that
 * began after it was asked for, so that nobody sees an older state than by a read of his own. Nothing is kept: what is asked for
 * while a read is under way, or a moment later, waits for the next one, and all that wait are answered by it. Reads of different users are
 * never shared, and a list that its user may not make is replaced by single reads: nobody gets to see what the API server would
 * not show him.
 */
export class SharedReads {
  readonly #lanes = new Map<string, Lane>();
  readonly #refused = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** `user`: in whose name `reader` reads. The object is shared with the others, and not to be changed. */
  get(reader: Reader, user: string | undefined, read: SharedRead): Promise<KubeObject | undefined> {
    const { type, namespace, name, label } = read;
    const key = JSON.stringify([user ?? null, type.apiVersion, type.kind, namespace, label?.key ?? [name]]);
    const lane = this.#lanes.get(key) ?? { reader, waiting: [], running: 0 };
    this.#lanes.set(key, lane);
    return new Promise((resolve, reject) => {
      lane.waiting.push({ ...read, resolve, reject });
      // Alone it goes at once; where there was one a moment ago there are many.
      if (lane.running === 0 && (!lane.timer || lane.waiting.length >= enough)) this.#start(key, lane);
      else lane.timer ??= setTimeout(() => this.#start(key, lane), patienceMs);
    });
  }

  /** Answers all who wait. */
  #start(key: string, lane: Lane): void {
    clearTimeout(lane.timer);
    delete lane.timer;
    const round = lane.waiting.splice(0);
    if (round.length === 0) {
      if (lane.running === 0) this.#lanes.delete(key);
      return;
    }
    lane.running++;
    void this.#answer(key, lane.reader, round).finally(() => {
      lane.running--;
      if (lane.running > 0) return;
      clearTimeout(lane.timer);
      if (lane.waiting.length >= listFrom) this.#start(key, lane);
      else lane.timer = setTimeout(() => this.#start(key, lane), gatherMs);
    });
  }

  async #answer(key: string, reader: Reader, round: Waiting[]): Promise<void> {
    const byName = new Map<string, Waiting[]>();
    for (const waiting of round) byName.set(waiting.name, [...(byName.get(waiting.name) ?? []), waiting]);
    let listed = new Map<string, KubeObject>();
    if (byName.size >= listFrom && !this.#isRefused(key))
      try {
        listed = await this.#list(key, reader, round);
      } catch (error) {
        for (const { reject } of round) reject(error);
        return;
      }
    // What carries another label than was expected, or is not there, only a read by name can tell apart.
    await Promise.all(
      [...byName].map(async ([name, waiting]) => {
        const { type, namespace } = waiting[0]!;
        try {
          const object = listed.get(name) ?? (await reader.get(type, namespace, name));
          for (const { resolve } of waiting) resolve(object);
        } catch (error) {
          for (const { reject } of waiting) reject(error);
        }
      }),
    );
  }

  /** Objects by name; none when the user may not list, or the kind is not there: then single reads say so. */
  async #list(key: string, reader: Reader, round: Waiting[]): Promise<Map<string, KubeObject>> {
    const { type, namespace, label } = round[0]!;
    const values = [...new Set(round.map(read => read.label?.value ?? ''))].filter(value => labelValue.test(value));
    const found = new Map<string, KubeObject>();
    if (!label || values.length === 0) return found;
    try {
      for (let at = 0; at < values.length; at += maxValues) {
        const labelSelector = `${label.key} in (${values.slice(at, at + maxValues).join(',')})`;
        const { items } = await reader.list(type, { ...(namespace ? { namespace } : {}), labelSelector });
        for (const object of items)
          if ((object.metadata.namespace ?? '') === (namespace ?? '')) found.set(object.metadata.name, object);
      }
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 403 && error.status !== 404)) throw error;
      if (error.status === 403) this.#refuse(key);
    }
    return found;
  }

  #isRefused(key: string): boolean {
    const until = this.#refused.get(key);
    return until !== undefined && this.#now() < until;
  }

  #refuse(key: string): void {
    this.#refused.delete(key);
    this.#refused.set(key, this.#now() + refusedMs);
    if (this.#refused.size > maxRefused) this.#refused.delete(this.#refused.keys().next().value as string);
  }
}

const labelValue = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
