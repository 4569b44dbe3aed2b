import { closeSync, readSync, write } from 'node:fs';
import { promisify } from 'node:util';
import { GitError } from './errors.ts';
import { anonymousFile } from './pack-receiver.ts';
import { type ObjectType, objectHash, objectTypes } from './pack-table.ts';

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
  /** As packs number them. */
  type: number;
  offset: number;
  size: number;
}

/** Contents of files that are kept elsewhere, by their object ids. */
export interface KeptBlobs {
  /** Bytes; undefined for one that is not there. */
  sizeOf(oid: string): number | undefined;
  /** Makes one that is there ready to be read. */
  unpack(oid: string): Promise<void>;
  /** Of one that is ready. */
  read(oid: string): Buffer;
}

/** Bytes that are gathered before they are written. */
const writeSize = 256 * 1024;

/**
 * Objects of a commit that was fetched earlier: what a server is told we have, and need not send. They are named by what they
 * hold, so that nothing that was damaged or exchanged is ever taken for what it was.
 */
export class GitBase {
  /** The commit, whose tree this is: all of it, or most of it. */
  readonly commit: string;
  readonly #blobs: KeptBlobs;
  /** A temporary file without a name. */
  readonly #descriptor: number;
  readonly #places = new Map<string, Place>();
  #parts: Buffer[] = [];
  #waiting = 0;
  #written = 0;

  private constructor(commit: string, blobs: KeptBlobs, descriptor: number) {
    this.commit = commit;
    this.#blobs = blobs;
    this.#descriptor = descriptor;
  }

  /** `blobs`: what need not be added. */
  static async open(commit: string, blobs: KeptBlobs): Promise<GitBase> {
    return new GitBase(commit, blobs, await anonymousFile());
  }

  /** Takes an object in. */
  async add(type: ObjectType, data: Buffer): Promise<void> {
    const number = numberOf(type);
    const oid = objectHash(number, data).toString('hex');
    this.#places.set(oid, { type: number, offset: this.#written + this.#waiting, size: data.length });
    this.#parts.push(data);
    this.#waiting += data.length;
    if (this.#waiting >= writeSize) await this.finish();
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
    const place = this.#places.get(oid);
    if (place) return place;
    const size = this.#blobs.sizeOf(oid);
    return size === undefined ? undefined : { type: blob, size };
  }

  /** Makes an object that {@link find} finds ready to be read. Throws GitError Corrupt when it cannot be. */
  async unpack(oid: string): Promise<void> {
    if (this.#places.has(oid)) return;
    try {
      await this.#blobs.unpack(oid);
    } catch (cause) {
      throw cannotBeRead(oid, cause);
    }
  }

  /** The bytes of an object that was made ready. Throws GitError Corrupt when they are others now. */
  read(oid: string): Buffer {
    const place = this.#places.get(oid);
    if (place) return this.#added(place);
    const bytes = this.#kept(oid);
    if (objectHash(blob, bytes).toString('hex') !== oid)
      throw new GitError('Corrupt', `object ${oid} was kept, and is another now`);
    return bytes;
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #added({ offset, size }: Place): Buffer {
    const bytes = Buffer.allocUnsafe(size);
    for (let done = 0; done < bytes.length; ) {
      const count = readSync(this.#descriptor, bytes, done, bytes.length - done, offset + done);
      if (count === 0) throw new GitError('Corrupt', 'the temporary file of kept objects was cut off');
      done += count;
    }
    return bytes;
  }

  #kept(oid: string): Buffer {
    try {
      return this.#blobs.read(oid);
    } catch (cause) {
      throw cannotBeRead(oid, cause);
    }
  }
}

function cannotBeRead(oid: string, cause: unknown): GitError {
  return new GitError('Corrupt', `object ${oid} was kept, and cannot be read`, { cause });
}

function numberOf(type: ObjectType): number {
  return Number(Object.keys(objectTypes).find(number => objectTypes[Number(number)] === type));
}

const blob = numberOf('blob');

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
    await this.#base.unpack(oid);
    return this.#base.read(oid);
  }

  /** The base stays open: it is whoever opened it who closes it. */
  close(): void {
    this.#pack.close();
  }
}
