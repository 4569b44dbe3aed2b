import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, unlinkSync, write } from 'node:fs';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { GitError } from './errors.ts';
import { inflateStart, inflateStream } from './inflate.ts';
import type { GitLimits } from './limits.ts';
import { objectHash, objectTypes, PackTable, typeOfsDelta, typeRefDelta } from './pack-table.ts';

const writeFile = promisify(write);

/** Objects up to this size are inflated in one call, once their bytes are there; larger ones as they stream in. */
const wholeSize = 256 * 1024;

/** A pack on disk with its table. The file has no name any more: it vanishes with its descriptor, also after a crash. */
export interface ReceivedPack {
  descriptor: number;
  table: PackTable;
}

/**
 * Writes a pack to a temporary file while it comes in, and reads it on the way, once: checks its checksum, notes where
 * each object lies, and names those that are not deltas.
 */
export async function receivePack(source: AsyncIterable<Buffer>, limits: GitLimits): Promise<ReceivedPack> {
  const descriptor = await anonymousFile();
  try {
    const receiver = new Receiver(source, descriptor, limits);
    return { descriptor, table: await receiver.run() };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** A temporary file that has no name any more: it vanishes with its descriptor, also after a crash. */
export async function anonymousFile(): Promise<number> {
  const dir = await mkdtemp(path.join(tmpdir(), 'sluice-git-'));
  const file = path.join(dir, 'pack');
  const descriptor = openSync(file, 'wx+', 0o600);
  unlinkSync(file);
  await rmdir(dir);
  return descriptor;
}

class Receiver {
  readonly #source: AsyncIterator<Buffer>;
  readonly #descriptor: number;
  readonly #limits: GitLimits;
  readonly #hash: Hash = createHash('sha1');
  /** Bytes that were received and are not parsed yet; `#position` is the first, `#offset` its place in the pack. */
  #window: Buffer = Buffer.alloc(0);
  #position = 0;
  #offset = 0;
  #received = 0;
  #inflated = 0;
  #ended = false;

  constructor(source: AsyncIterable<Buffer>, descriptor: number, limits: GitLimits) {
    this.#source = source[Symbol.asyncIterator]();
    this.#descriptor = descriptor;
    this.#limits = limits;
  }

  async run(): Promise<PackTable> {
    try {
      const table = new PackTable(await this.#header());
      for (let index = 0; index < table.count; index++) await this.#object(table, index);
      table.offsets[table.count] = this.#offset;
      await this.#trailer();
      return table;
    } finally {
      await this.#source.return?.();
    }
  }

  async #header(): Promise<number> {
    await this.#need(12);
    const header = this.#take(12);
    if (header.toString('latin1', 0, 4) !== 'PACK') throw new GitError('Corrupt', 'the server sent no pack');
    const version = header.readUInt32BE(4);
    if (version !== 2 && version !== 3)
      throw new GitError('Unsupported', `the pack has version ${version}; 2 and 3 are known`);
    const count = header.readUInt32BE(8);
    if (count > this.#limits.objects)
      throw new GitError('TooLarge', `the pack holds ${count} objects; the limit is ${this.#limits.objects}`);
    return count;
  }

  async #object(table: PackTable, index: number): Promise<void> {
    // The shortest object and the trailer behind it.
    await this.#need(29);
    table.offsets[index] = this.#offset;
    const { type, size } = this.#typeAndSize();
    if (size > this.#limits.objectBytes)
      throw new GitError(
        'TooLarge',
        `the pack holds an object of ${size} bytes; the limit is ${this.#limits.objectBytes}`,
      );
    this.#inflated += size;
    if (this.#inflated > this.#limits.inflatedBytes)
      throw new GitError('TooLarge', `the pack inflates to more than ${this.#limits.inflatedBytes} bytes`);
    if (type === typeOfsDelta) table.setBase(index, this.#baseOffset(table.offsets[index]!));
    else if (type === typeRefDelta) {
      await this.#need(20);
      table.setBaseOid(index, Buffer.from(this.#take(20)).toString('hex'));
    } else if (!objectTypes[type]) throw new GitError('Corrupt', `the pack holds an object of unknown type ${type}`);
    table.types[index] = type;
    table.sizes[index] = size;
    table.data[index] = this.#offset;
    const delta = type === typeOfsDelta || type === typeRefDelta;
    if (size > wholeSize) await this.#large(table, index, delta);
    else {
      const data = await this.#small(size);
      if (!delta) table.setOid(index, objectHash(type, data));
    }
  }

  async #small(size: number): Promise<Buffer> {
    let want = size + (size >> 8) + 64;
    for (;;) {
      const whole = await this.#fill(want);
      const inflated = inflateStart(this.#window.subarray(this.#position), size);
      if (inflated) {
        this.#skip(inflated.consumed);
        return inflated.data;
      }
      if (!whole || want > 2 * size + 65536) throw new GitError('Corrupt', 'the pack ends in the middle of an object');
      want *= 2;
    }
  }

  async #large(table: PackTable, index: number, delta: boolean): Promise<void> {
    const size = table.sizes[index]!;
    const hash = createHash('sha1').update(`${objectTypes[table.types[index]!]} ${size}\0`);
    const read = async () => {
      if (this.#position === this.#window.length && !(await this.#fill(1))) return undefined;
      const input = this.#window.subarray(this.#position);
      this.#skip(input.length);
      return input;
    };
    const { unused } = await inflateStream(read, size, data => {
      if (!delta) hash.update(data);
    });
    this.#skip(-unused);
    if (!delta) table.setOid(index, hash.digest());
  }

  async #trailer(): Promise<void> {
    this.#hash.update(this.#window.subarray(0, this.#position));
    this.#window = this.#window.subarray(this.#position);
    this.#position = 0;
    while (await this.#fill(this.#window.length + 1, false)) if (this.#window.length > 20) break;
    if (this.#window.length < 20) throw new GitError('Corrupt', 'the pack ends before its checksum');
    if (this.#window.length > 20) throw new GitError('Corrupt', 'the pack goes on after its end');
    if (!this.#hash.digest().equals(this.#window))
      throw new GitError('Corrupt', 'the pack does not match its checksum');
  }

  #typeAndSize(): { type: number; size: number } {
    let byte = this.#take(1)[0]!;
    const type = (byte >> 4) & 7;
    let size = byte & 15;
    for (let scale = 16; byte & 0x80; scale *= 128) {
      if (scale > 2 ** 46) throw new GitError('Corrupt', 'the pack holds an object of impossible size');
      byte = this.#take(1)[0]!;
      size += (byte & 0x7f) * scale;
    }
    return { type, size };
  }

  /** Where the base of an ofs-delta lies, which says how far back it is. */
  #baseOffset(offset: number): number {
    let byte = this.#take(1)[0]!;
    let back = byte & 0x7f;
    while (byte & 0x80) {
      if (back > 2 ** 44) throw new GitError('Corrupt', 'a delta of the pack names an impossible base');
      byte = this.#take(1)[0]!;
      back = (back + 1) * 128 + (byte & 0x7f);
    }
    return offset - back;
  }

  #take(count: number): Buffer {
    const taken = this.#window.subarray(this.#position, this.#position + count);
    this.#skip(count);
    return taken;
  }

  #skip(count: number): void {
    this.#position += count;
    this.#offset += count;
  }

  async #need(count: number): Promise<void> {
    if (!(await this.#fill(count)))
      throw new GitError('Corrupt', 'the pack ended early; the connection may have broken');
  }

  /** Receives until `count` bytes are unparsed; false when the source ends before. */
  async #fill(count: number, hashing = true): Promise<boolean> {
    if (this.#window.length - this.#position >= count) return true;
    const parts = [this.#window.subarray(this.#position)];
    let length = parts[0]!.length;
    while (length < count && !this.#ended) {
      const { value, done } = await this.#source.next();
      if (done) {
        this.#ended = true;
        break;
      }
      this.#received += value.length;
      if (this.#received > this.#limits.packBytes)
        throw new GitError('TooLarge', `the pack exceeds the limit of ${this.#limits.packBytes} bytes`);
      for (let written = 0; written < value.length; )
        written += (await writeFile(this.#descriptor, value, written, value.length - written, null)).bytesWritten;
      parts.push(value);
      length += value.length;
    }
    if (hashing) this.#hash.update(this.#window.subarray(0, this.#position));
    this.#window =
      parts.length === 1 ? parts[0]! : parts[0]!.length === 0 && parts.length === 2 ? parts[1]! : Buffer.concat(parts);
    this.#position = 0;
    return length >= count;
  }
}
