import { createHash, hash } from 'node:crypto';
import { GitError } from './errors.ts';

export const typeOfsDelta = 6;
export const typeRefDelta = 7;

export type ObjectType = 'commit' | 'tree' | 'blob' | 'tag';

/** Type numbers of packs, deltas left out. */
export const objectTypes: Record<number, ObjectType | undefined> = { 1: 'commit', 2: 'tree', 3: 'blob', 4: 'tag' };

/** The object id (20 bytes) of a whole object. */
export function objectHash(type: number, data: Buffer): Buffer {
  const header = Buffer.from(`${objectTypes[type]} ${data.length}\0`, 'latin1');
  if (data.length < 16384) return hash('sha1', Buffer.concat([header, data]), 'buffer');
  return createHash('sha1').update(header).update(data).digest();
}

/** No base, or one that is named by object id. Below it: bases that are not in the pack (pack.ts). */
export const noBase = -1;

/**
 * What is known of a pack's objects, in the order in which they lie there: about 60 bytes each in typed arrays, so that
 * hundreds of thousands cost little memory and no garbage collection.
 */
export class PackTable {
  readonly count: number;
  /** Where each object begins; one more at the end. */
  readonly offsets: Float64Array;
  /** Where its compressed data begins. */
  readonly data: Float64Array;
  /** Inflated bytes as packed: of the delta where it is one. */
  readonly sizes: Float64Array;
  /** As packed; deltas get their base's type in `resolved`. */
  readonly types: Uint8Array;
  /** The object's own type; 0 while it is not known. */
  readonly resolved: Uint8Array;
  /** Bytes of the object itself. */
  readonly fullSizes: Float64Array;
  readonly bases: Int32Array;
  /** Deltas that name their base by id, by that id. */
  readonly waiting = new Map<string, number[]>();
  readonly #oids: Buffer;
  #slots: Int32Array = new Int32Array(0);

  constructor(count: number) {
    this.count = count;
    this.offsets = new Float64Array(count + 1);
    this.data = new Float64Array(count);
    this.sizes = new Float64Array(count);
    this.fullSizes = new Float64Array(count);
    this.types = new Uint8Array(count);
    this.resolved = new Uint8Array(count);
    this.bases = new Int32Array(count).fill(noBase);
    this.#oids = Buffer.alloc(count * 20);
  }

  /** Notes the base of an ofs-delta, which lies before it. */
  setBase(index: number, offset: number): void {
    let low = 0;
    let high = index - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.offsets[middle]!;
      if (found === offset) {
        this.bases[index] = middle;
        return;
      }
      if (found < offset) low = middle + 1;
      else high = middle - 1;
    }
    throw new GitError('Corrupt', 'a delta of the pack names a base that is not there');
  }

  setBaseOid(index: number, oid: string): void {
    const list = this.waiting.get(oid);
    if (list) list.push(index);
    else this.waiting.set(oid, [index]);
  }

  /** Notes the id of a whole object. */
  setOid(index: number, oid: Buffer): void {
    oid.copy(this.#oids, index * 20);
    this.resolved[index] = this.types[index]!;
    this.fullSizes[index] = this.sizes[index]!;
  }

  /** Notes what a delta turned out to be. */
  setResolved(index: number, type: number, data: Buffer): void {
    objectHash(type, data).copy(this.#oids, index * 20);
    this.resolved[index] = type;
    this.fullSizes[index] = data.length;
  }

  oid(index: number): string {
    return this.#oids.toString('hex', index * 20, index * 20 + 20);
  }

  /** Builds the lookup by id (open addressing on its first bytes); to be called when all ids are known. */
  buildLookup(): void {
    let size = 16;
    while (size < this.count * 2) size *= 2;
    const slots = new Int32Array(size).fill(-1);
    for (let index = 0; index < this.count; index++) {
      // A delta whose base nobody has: it has no name.
      if (this.resolved[index] === 0) continue;
      let slot = this.#oids.readUInt32BE(index * 20) & (size - 1);
      while (slots[slot] !== -1) slot = (slot + 1) & (size - 1);
      slots[slot] = index;
    }
    this.#slots = slots;
  }

  /** The object's index by its id in hex; -1 when the pack does not hold it. */
  find(oid: string): number {
    if (this.#slots.length === 0) return -1;
    const wanted = Buffer.from(oid, 'hex');
    const mask = this.#slots.length - 1;
    for (let slot = wanted.readUInt32BE(0) & mask; ; slot = (slot + 1) & mask) {
      const index = this.#slots[slot]!;
      if (index === -1) return -1;
      if (wanted.compare(this.#oids, index * 20, index * 20 + 20) === 0) return index;
    }
  }
}
