import { createHash } from 'node:crypto';
import { closeSync, readSync, write } from 'node:fs';
import { promisify } from 'node:util';
import { GitError } from './errors.ts';
import { anonymousFile } from './pack-receiver.ts';
import { type ObjectType, objectTypes } from './pack-table.ts';

const writeFile = promisify(write);

/** Where the objects of a commit are read from: a pack, or one over a base. */
export interface Objects {
  /** The object's type and bytes; throws GitError Corrupt when it is not there. */
  stat(oid: string): { type: ObjectType; size: number };
  /** Bytes of a blob. */
  sizeOf(oid: string): number;
  /** Throws GitError Corrupt when it is not there, or of another type. */
  read(oid: string, type: ObjectType): Promise<Buffer>;
  close(): void;
}

interface Place {
  type: number;
  offset: number;
  size: number;
}

/** Bytes that are gathered before they are written. */
const writeSize = 256 * 1024;

/**
 * Objects of a commit that was fetched earlier: what a server is told we have, and need not send. They are named by what they
 * hold, so that nothing that was damaged or exchanged is ever taken for what it was. In a temporary file without a name.
 */
export class GitBase {
  /** The commit, whose tree this is: all of it, or most of it. */
  readonly commit: string;
  readonly #descriptor: number;
  readonly #places = new Map<string, Place>();
  #parts: Buffer[] = [];
  #waiting = 0;
  #written = 0;
  #end = 0;

  private constructor(commit: string, descriptor: number) {
    this.commit = commit;
    this.#descriptor = descriptor;
  }

  static async open(commit: string): Promise<GitBase> {
    return new GitBase(commit, await anonymousFile());
  }

  /** Takes an object in, of exactly `size` bytes. Throws GitError Corrupt for another length. */
  async add(type: ObjectType, size: number, chunks: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
    const hash = createHash('sha1').update(`${type} ${size}\0`);
    const offset = this.#end;
    for await (const chunk of chunks) {
      hash.update(chunk);
      this.#parts.push(chunk);
      this.#waiting += chunk.length;
      this.#end += chunk.length;
      if (this.#waiting >= writeSize) await this.finish();
    }
    if (this.#end - offset !== size)
      throw new GitError('Corrupt', `a kept object has ${this.#end - offset} bytes, not ${size}`);
    this.#places.set(hash.digest('hex'), { type: numberOf(type), offset, size });
  }

  /** To be called after the last object, before anything is read. */
  async finish(): Promise<void> {
    const bytes = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#waiting = 0;
    for (let done = 0; done < bytes.length; )
      done += (await writeFile(this.#descriptor, bytes, done, bytes.length - done, this.#written + done)).bytesWritten;
    this.#written += bytes.length;
  }

  find(oid: string): { type: number; size: number } | undefined {
    return this.#places.get(oid);
  }

  /** The bytes of an object that {@link find} finds. */
  read(oid: string): Buffer {
    const place = this.#places.get(oid);
    if (!place) throw new GitError('Corrupt', `object ${oid} was not kept`);
    const bytes = Buffer.allocUnsafe(place.size);
    for (let done = 0; done < bytes.length; ) {
      const count = readSync(this.#descriptor, bytes, done, bytes.length - done, place.offset + done);
      if (count === 0) throw new GitError('Corrupt', 'the temporary file of kept objects was cut off');
      done += count;
    }
    return bytes;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

function numberOf(type: ObjectType): number {
  return Number(Object.keys(objectTypes).find(number => objectTypes[Number(number)] === type));
}

/**
 * What a server sent, over what it was told that we have. Objects that are in neither are those of files that no artifact
 * holds; who reads one all the same gets GitError Corrupt, and has to fetch without a base.
 */
export class PackOverBase implements Objects {
  readonly #pack: Objects & { has(oid: string): boolean };
  readonly #base: GitBase;

  constructor(pack: Objects & { has(oid: string): boolean }, base: GitBase) {
    this.#pack = pack;
    this.#base = base;
  }

  stat(oid: string): { type: ObjectType; size: number } {
    const found = this.#pack.has(oid) ? undefined : this.#base.find(oid);
    const type = found && objectTypes[found.type];
    return type ? { type, size: found.size } : this.#pack.stat(oid);
  }

  sizeOf(oid: string): number {
    return this.#pack.has(oid) ? this.#pack.sizeOf(oid) : (this.#base.find(oid)?.size ?? 0);
  }

  async read(oid: string, type: ObjectType): Promise<Buffer> {
    const found = this.#pack.has(oid) ? undefined : this.#base.find(oid);
    if (!found) return this.#pack.read(oid, type);
    if (objectTypes[found.type] !== type) throw new GitError('Corrupt', `object ${oid} is not a ${type}`);
    return this.#base.read(oid);
  }

  /** The base stays open: it is whoever opened it who closes it. */
  close(): void {
    this.#pack.close();
  }
}
