import { createHash } from 'node:crypto';
import { closeSync, readSync, write } from 'node:fs';
import { promisify } from 'node:util';
import { inflateRawSync, constants as zlib } from 'node:zlib';
import type { EarlierArchive } from './archive.ts';
import { ArtifactError } from './errors.ts';
import type { Segment } from './segments.ts';

const writeFile = promisify(write);

/** Bytes that are read of a segment at a time. */
const pieceSize = 256 * 1024;

/** An archive on this machine, of which a new one takes over what it has, and whose contents are found by their object ids. */
export class KeptArchive implements EarlierArchive {
  readonly #descriptor: number;
  readonly #byKey = new Map<string, Segment>();
  readonly #byOid = new Map<string, { segment: Segment; at: number; size: number }>();
  readonly #piece = Buffer.allocUnsafe(pieceSize);
  /** The last segment that was unpacked: who reads one file of it often reads the next. */
  #last: { segment: Segment; bytes: Buffer } | undefined;

  private constructor(descriptor: number, segments: readonly Segment[]) {
    this.#descriptor = descriptor;
    for (const segment of segments) {
      this.#byKey.set(segment.key, segment);
      for (const { oid, at, size } of segment.contents) this.#byOid.set(oid, { segment, at, size });
    }
  }

  /**
   * Copies the archive into a file, which is closed with it, and whatever goes wrong. `digest` is `sha256:<hex>` of the bytes
   * that `body` must give. Throws ArtifactError DigestMismatch.
   */
  static async receive(
    descriptor: number,
    body: AsyncIterable<Buffer>,
    digest: string,
    segments: readonly Segment[],
  ): Promise<KeptArchive> {
    try {
      const hash = createHash('sha256');
      for await (const chunk of body) {
        hash.update(chunk);
        for (let done = 0; done < chunk.length; )
          done += (await writeFile(descriptor, chunk, done, chunk.length - done, null)).bytesWritten;
      }
      const found = `sha256:${hash.digest('hex')}`;
      if (found !== digest)
        throw new ArtifactError('DigestMismatch', `the stored artifact ${digest} has become ${found}`);
      return new KeptArchive(descriptor, segments);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  find(key: string): Segment | undefined {
    return this.#byKey.get(key);
  }

  *pieces({ offset, length }: Segment): Generator<Buffer> {
    for (let done = 0; done < length; ) {
      const piece = this.#piece.subarray(0, Math.min(pieceSize, length - done));
      this.#fill(piece, offset + done);
      done += piece.length;
      yield piece;
    }
  }

  /** Bytes of the content with this object id; undefined when the archive has none. */
  sizeOf(oid: string): number | undefined {
    return this.#byOid.get(oid)?.size;
  }

  /** The content with this object id, which the archive has. Throws ArtifactError, or zlib's error, when it cannot be unpacked. */
  read(oid: string): Buffer {
    const place = this.#byOid.get(oid);
    if (!place) throw new ArtifactError('InvalidArchive', `the earlier archive has no content ${oid}`);
    return this.#unpack(place.segment).subarray(place.at, place.at + place.size);
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #unpack(segment: Segment): Buffer {
    if (this.#last?.segment === segment) return this.#last.bytes;
    const compressed = Buffer.allocUnsafe(segment.length);
    this.#fill(compressed, segment.offset);
    // It does not end, as others follow: what is left to be flushed is all that there is.
    const bytes = inflateRawSync(compressed, { finishFlush: zlib.Z_SYNC_FLUSH, maxOutputLength: segment.size + 1 });
    this.#last = { segment, bytes };
    return bytes;
  }

  #fill(bytes: Buffer, offset: number): void {
    for (let done = 0; done < bytes.length; ) {
      const count = readSync(this.#descriptor, bytes, done, bytes.length - done, offset + done);
      if (count === 0) throw new ArtifactError('InvalidArchive', 'the file of an earlier archive ends too soon');
      done += count;
    }
  }
}
