import { closeSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { applyDelta } from './delta.ts';
import { GitError } from './errors.ts';
import type { GitBase, Objects } from './incremental.ts';
import { inflateStart, inflateStream } from './inflate.ts';
import type { GitLimits } from './limits.ts';
import { receivePack } from './pack-receiver.ts';
import { noBase, type ObjectType, objectTypes, type PackTable } from './pack-table.ts';

/** Bytes of inflated objects that are kept, as bases of deltas still to come. */
const cacheBytes = 32 * 2 ** 20;
const cacheableBytes = 8 * 2 ** 20;
/** Objects above this are read piece by piece, so that compressed and inflated bytes are not both in memory. */
const streamedBytes = 4 * 2 ** 20;

/** Bytes that are read at once of small objects. */
const windowBytes = 256 * 1024;

/** The objects of one pack: found by id, inflated when asked for. */
export class Pack implements Objects {
  readonly table: PackTable;
  readonly #descriptor: number;
  readonly #limits: GitLimits;
  /** Has the bases of deltas that are not in the pack; the n-th of `#outside` is the base `noBase - 1 - n`. */
  readonly #base: GitBase | undefined;
  readonly #outside: string[] = [];
  readonly #cache = new DeltaBases();
  /** A part of the pack, from `#windowStart` on: small objects that are read one after the other lie beside each other. */
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;
  #closed = false;

  private constructor(descriptor: number, table: PackTable, limits: GitLimits, base?: GitBase) {
    this.#descriptor = descriptor;
    this.table = table;
    this.#limits = limits;
    this.#base = base;
  }

  /**
   * Receives a pack and names all its objects, which verifies them. With a base it may be thin: deltas against what the base
   * has are resolved, and those against what it does not have are left out.
   */
  static async receive(
    source: AsyncIterable<Buffer>,
    limits: GitLimits,
    signal?: AbortSignal,
    base?: GitBase,
  ): Promise<Pack> {
    const { descriptor, table } = await receivePack(source, limits);
    const pack = new Pack(descriptor, table, limits, base);
    try {
      await pack.#resolveDeltas(signal);
      table.buildLookup();
      return pack;
    } catch (error) {
      pack.close();
      throw error;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#descriptor);
  }

  has(oid: string): boolean {
    return this.table.find(oid) >= 0;
  }

  /** The object's type and size; Corrupt when the pack, which should be complete, does not hold it. */
  stat(oid: string): { type: ObjectType; size: number; index: number } {
    const index = this.table.find(oid);
    const type = index < 0 ? undefined : objectTypes[this.table.resolved[index]!];
    if (!type) throw new GitError('Corrupt', `the server left out object ${oid}`);
    return { type, size: this.table.fullSizes[index]!, index };
  }

  sizeOf(oid: string): number {
    return this.stat(oid).size;
  }

  /** Bytes of the pack as it was sent. */
  get bytes(): number {
    return this.table.offsets[this.table.count]! + 20;
  }

  /** The object's bytes. Throws when it has another type than `type`. */
  async read(oid: string, type: ObjectType): Promise<Buffer> {
    const found = this.stat(oid);
    if (found.type !== type) throw new GitError('Corrupt', `object ${oid} is a ${found.type}, not a ${type}`);
    const { table } = this;
    if (table.types[found.index]! > 4 || found.size <= streamedBytes) return this.#content(found.index);
    const result = Buffer.allocUnsafe(found.size);
    let written = 0;
    let position = table.data[found.index]!;
    const end = table.offsets[found.index + 1]!;
    const read = async () => {
      if (position >= end) return undefined;
      const input = this.#filled(Buffer.allocUnsafe(Math.min(end - position, 262144)), position);
      position += input.length;
      // One byte more than the stream tells the inflater that it has ended.
      return position >= end ? Buffer.concat([input, Buffer.alloc(1)]) : input;
    };
    await inflateStream(read, found.size, data => {
      written += data.copy(result, written);
    });
    return result;
  }

  /**
   * Names the deltas, each right after its base (as git index-pack does), so that a base is inflated about once.
   * Lets other work run now and then: a large pack takes seconds.
   */
  async #resolveDeltas(signal?: AbortSignal): Promise<void> {
    const { table } = this;
    const { first, next } = childrenOf(table);
    let left = 0;
    for (let index = 0; index < table.count; index++) if (table.types[index]! > 4) left++;
    if (left === 0) return;
    let inflated = 0;
    let lastPause = performance.now();
    const stack: number[] = [];
    const pushChildren = (index: number) => {
      for (let child = first[index]!; child >= 0; child = next[child]!) stack.push(child);
      if (table.waiting.size === 0) return;
      const oid = table.oid(index);
      for (const child of table.waiting.get(oid) ?? []) {
        table.bases[child] = index;
        stack.push(child);
      }
      table.waiting.delete(oid);
    };
    const follow = async () => {
      for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
        const data = this.#content(index);
        inflated += data.length;
        if (inflated > this.#limits.inflatedBytes)
          throw new GitError('TooLarge', `the pack inflates to more than ${this.#limits.inflatedBytes} bytes`);
        table.setResolved(index, this.#typeOf(table.bases[index]!), data);
        left--;
        pushChildren(index);
        if (performance.now() - lastPause > 20) {
          await setImmediate();
          signal?.throwIfAborted();
          lastPause = performance.now();
        }
      }
    };
    for (let root = 0; root < table.count && left > 0; root++) {
      if (table.types[root]! > 4) continue;
      pushChildren(root);
      await follow();
    }
    for (const oid of this.#base ? [...table.waiting.keys()] : []) {
      const children = table.waiting.get(oid);
      if (!children || !this.#base?.find(oid)) continue;
      table.waiting.delete(oid);
      await this.#base.unpack(oid);
      const base = noBase - this.#outside.push(oid);
      for (const child of children) {
        table.bases[child] = base;
        stack.push(child);
      }
      await follow();
    }
    if (left > 0 && !this.#base) throw new GitError('Corrupt', `${left} deltas of the pack have no base in it`);
  }

  /** The type of an object that is a delta's base. */
  #typeOf(base: number): number {
    return base < noBase
      ? (this.#base?.find(this.#outside[noBase - base - 1]!)?.type ?? 0)
      : this.table.resolved[base]!;
  }

  /** The bytes of an object whose chain of bases is known. */
  #content(index: number): Buffer {
    const { table } = this;
    const chain: number[] = [];
    let at = index;
    let data = this.#cache.get(at);
    while (!data && at >= 0 && table.types[at]! > 4) {
      chain.push(at);
      at = table.bases[at]!;
      data = this.#cache.get(at);
    }
    if (!data) {
      data = at < noBase ? this.#base!.read(this.#outside[noBase - at - 1]!) : this.#inflate(at);
      if (chain.length > 0) this.#cache.set(at, data);
    }
    for (let link = chain.pop(); link !== undefined; link = chain.pop()) {
      data = applyDelta(data, this.#inflate(link), this.#limits.objectBytes);
      this.#cache.set(link, data);
    }
    return data;
  }

  #inflate(index: number): Buffer {
    const { table } = this;
    const bytes = this.#bytes(table.data[index]!, table.offsets[index + 1]!);
    const inflated = inflateStart(bytes, table.sizes[index]!);
    if (!inflated) throw new GitError('Corrupt', 'an object of the pack is cut off');
    return inflated.data;
  }

  /** Bytes of the pack, of use until the next ones are read. */
  #bytes(start: number, end: number): Buffer {
    const length = end - start;
    if (length > windowBytes / 2) return this.#filled(Buffer.allocUnsafe(length), start);
    if (start < this.#windowStart || end > this.#windowStart + this.#window.length) {
      const rest = Math.min(windowBytes, this.bytes - start);
      this.#window = this.#filled(this.#window.length === rest ? this.#window : Buffer.allocUnsafe(rest), start);
      this.#windowStart = start;
    }
    return this.#window.subarray(start - this.#windowStart, end - this.#windowStart);
  }

  #filled(bytes: Buffer, start: number): Buffer {
    for (let done = 0; done < bytes.length; ) {
      const count = readSync(this.#descriptor, bytes, done, bytes.length - done, start + done);
      if (count === 0) throw new GitError('Corrupt', 'the temporary file of the pack was cut off');
      done += count;
    }
    return bytes;
  }
}

/**
 * Inflated objects that may be bases again, the ones used last: a full generation becomes the old one, and what is found there
 * the new one's. (One map from which the oldest is taken each time would be walked over what was taken from it before.)
 */
class DeltaBases {
  #young = new Map<number, Buffer>();
  #old = new Map<number, Buffer>();
  #bytes = 0;

  get(index: number): Buffer | undefined {
    const young = this.#young.get(index);
    if (young) return young;
    const old = this.#old.get(index);
    if (old) this.set(index, old);
    return old;
  }

  set(index: number, data: Buffer): void {
    if (data.length > cacheableBytes || this.#young.has(index)) return;
    this.#bytes += data.length;
    if (this.#bytes > cacheBytes / 2) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#bytes = data.length;
    }
    this.#young.set(index, data);
  }
}

/** Lists of ofs-deltas by their base, as links in two arrays. */
function childrenOf(table: PackTable): { first: Int32Array; next: Int32Array } {
  const first = new Int32Array(table.count).fill(-1);
  const next = new Int32Array(table.count).fill(-1);
  for (let index = table.count - 1; index >= 0; index--) {
    const base = table.bases[index]!;
    if (base < 0) continue;
    next[index] = first[base]!;
    first[base] = index;
  }
  return { first, next };
}
