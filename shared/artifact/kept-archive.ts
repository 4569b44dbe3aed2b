import { createHash } from 'node:crypto';
import { closeSync, readSync, write } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createInflateRaw, constants as zlib } from 'node:zlib';
import type { EarlierArchive } from './archive.ts';
import { ArtifactError } from './errors.ts';
import type { Segment } from './segments.ts';

const writeFile = promisify(write);

/** Bytes that are read of a segment at a time. */
const pieceSize = 256 * 1024;

/** Bytes that are unpacked at most: /tmp has 2 GiB, with the archive, the new one that is made of it, and what a server sends. */
const mostUnpacked = 512 * 2 ** 20;

/**
 * An archive on this machine, of which a new one takes over what it has, and whose contents are found by their object ids. They
 * are asked for in any order, and many lie in one segment; so a segment is unpacked once, in pieces, behind the archive in its
 * file, and only what is asked for is in memory.
 */
export class KeptArchive implements EarlierArchive {
  readonly #descriptor: number;
  readonly #mostUnpacked: number;
  readonly #byKey = new Map<string, Segment>();
  readonly #byOid = new Map<string, { segment: Segment; at: number; size: number }>();
  readonly #piece = Buffer.allocUnsafe(pieceSize);
  /** Where in the file segments were unpacked to. */
  readonly #unpacked = new Map<Segment, number>();
  readonly #size: number;
  /** Bytes of the file behind the archive. */
  #used = 0;

  private constructor(descriptor: number, size: number, segments: readonly Segment[], most: number) {
    this.#descriptor = descriptor;
    this.#size = size;
    this.#mostUnpacked = most;
    for (const segment of segments) {
      this.#byKey.set(segment.key, segment);
      for (const { oid, at, size } of segment.contents) this.#byOid.set(oid, { segment, at, size });
    }
  }

  /**
   * Copies the archive into a file, which is closed with it, and whatever goes wrong. `digest` is `sha256:<hex>` of the bytes
   * that `body` must give; `most`: bytes that may be unpacked of it. Throws ArtifactError DigestMismatch.
   */
  static async receive(
    descriptor: number,
    body: AsyncIterable<Buffer>,
    digest: string,
    segments: readonly Segment[],
    most = mostUnpacked,
  ): Promise<KeptArchive> {
    try {
      const hash = createHash('sha256');
      let size = 0;
      for await (const chunk of body) {
        hash.update(chunk);
        await writeAll(descriptor, chunk, size);
        size += chunk.length;
      }
      const found = `sha256:${hash.digest('hex')}`;
      if (found !== digest)
        throw new ArtifactError('DigestMismatch', `the stored artifact ${digest} has become ${found}`);
      return new KeptArchive(descriptor, size, segments, most);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  find(key: string): Segment | undefined {
    return this.#byKey.get(key);
  }

  *pieces(segment: Segment): Generator<Buffer> {
    yield* this.#read(segment, () => this.#piece);
  }

  /** Bytes of the content with this object id; undefined when the archive has none. */
  sizeOf(oid: string): number | undefined {
    return this.#byOid.get(oid)?.size;
  }

  /**
   * Makes the content with this object id, which the archive has, ready to be read. Throws ArtifactError, or the system's or
   * zlib's error, when it cannot be unpacked.
   */
  async unpack(oid: string): Promise<void> {
    const { segment } = this.#place(oid);
    if (this.#unpacked.has(segment)) return;
    if (this.#used + segment.size > this.#mostUnpacked)
      throw new ArtifactError('TooLarge', `more than ${this.#mostUnpacked} bytes of the earlier archive are wanted`);
    const start = this.#size + this.#used;
    this.#used += segment.size;
    const wrong = () => new ArtifactError('InvalidArchive', `a segment does not unpack to ${segment.size} bytes`);
    // It does not end, as others follow: what is left to be flushed is all that there is.
    const inflate = createInflateRaw({
      finishFlush: zlib.Z_SYNC_FLUSH,
      chunkSize: Math.min(pieceSize, segment.size + 64),
    });
    let done = 0;
    await pipeline(
      Readable.from(this.#read(segment, length => Buffer.allocUnsafe(length))),
      inflate,
      async (unpacked: AsyncIterable<Buffer>) => {
        for await (const piece of unpacked) {
          if (done + piece.length > segment.size) throw wrong();
          await writeAll(this.#descriptor, piece, start + done);
          done += piece.length;
        }
      },
    );
    if (done !== segment.size) throw wrong();
    this.#unpacked.set(segment, start);
  }

  /** The content with this object id, which was made ready. Throws ArtifactError when it was not. */
  read(oid: string): Buffer {
    const { segment, at, size } = this.#place(oid);
    const start = this.#unpacked.get(segment);
    if (start === undefined) throw new ArtifactError('InvalidArchive', `${oid} of the earlier archive is not unpacked`);
    return this.#filled(Buffer.allocUnsafe(size), start + at);
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #place(oid: string) {
    const place = this.#byOid.get(oid);
    if (!place) throw new ArtifactError('InvalidArchive', `the earlier archive has no content ${oid}`);
    return place;
  }

  *#read({ offset, length }: Segment, bufferOf: (length: number) => Buffer): Generator<Buffer> {
    for (let done = 0; done < length; ) {
      const size = Math.min(pieceSize, length - done);
      yield this.#filled(bufferOf(size).subarray(0, size), offset + done);
      done += size;
    }
  }

  #filled(bytes: Buffer, offset: number): Buffer {
    for (let done = 0; done < bytes.length; ) {
      const count = readSync(this.#descriptor, bytes, done, bytes.length - done, offset + done);
      if (count === 0) throw new ArtifactError('InvalidArchive', 'the file of an earlier archive ends too soon');
      done += count;
    }
    return bytes;
  }
}

async function writeAll(descriptor: number, bytes: Buffer, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await writeFile(descriptor, bytes, done, bytes.length - done, offset + done)).bytesWritten;
}
