import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { ArtifactError } from './errors.ts';
import { DeterministicGzip } from './gzip.ts';
import { checkPath } from './paths.ts';
import { type Segment, type SegmentFile, segmentEnds, segmentKey } from './segments.ts';
import { padding, tarBlock, tarHeader } from './tar-header.ts';

/** A file to be archived. Symlinks and submodules are left out, as Flux does: consumers refuse or drop links. */
export interface ArchiveEntry {
  /** Relative, `/` between names. */
  path: string;
  mode: 'file' | 'executable' | 'symlink' | 'submodule';
  size: number;
  /** Git's object id of the content, if it is known: who has the same has the same bytes. */
  oid?: string;
  read(): Promise<Buffer>;
}

export interface Archive {
  /** `sha256:<hex>` of the file, as consumers verify it. */
  digest: string;
  /** Bytes of the file. */
  size: number;
  /** What a later archive can take over from it: the files whose contents have object ids. */
  segments: Segment[];
}

/** An archive that was made earlier. */
export interface EarlierArchive {
  find(key: string): Segment | undefined;
  /** The compressed bytes of a segment, in pieces of at most 256 KiB that are of use until the next one is asked for. */
  pieces(segment: Segment): Iterable<Buffer>;
}

/** As Flux normalises them: executables keep the owner's x, nothing else of the repository's modes matters. */
const fileMode = 0o600;
const executableMode = 0o700;
const directoryMode = 0o750;

/** Bytes compressed before they are written: large enough to write seldom, small enough to hold. */
const writeSize = 256 * 1024;

/**
 * Writes a tar.gz whose bytes depend on nothing but the entries: each directory once, before its first file; times, owners
 * and modes fixed; a compressor that is the same everywhere (gzip.ts). Entries must come sorted, which is how a tree yields
 * them. One file is in memory at a time. What has not changed since `earlier` is not read, but taken over as it is there; that
 * makes no other bytes. Throws ArtifactError; a failed archive leaves no file.
 */
export async function writeArchive(
  entries: AsyncIterable<ArchiveEntry>,
  file: string,
  earlier?: EarlierArchive,
): Promise<Archive> {
  const sink = await FileSink.open(file);
  try {
    const writer = new ArchiveWriter(sink, earlier);
    let segment: Planned[] = [];
    for await (const planned of plan(entries)) {
      const before = segment.at(-1);
      if (before && segmentEnds(before, planned)) {
        await writer.add(segment);
        segment = [];
      }
      segment.push(planned);
    }
    if (segment.length > 0) await writer.add(segment);
    const segments = writer.end();
    return { ...(await sink.finish()), segments };
  } catch (error) {
    await sink.discard();
    throw error;
  }
}

interface Planned extends SegmentFile {
  entry: ArchiveEntry;
}

/** The files among the entries, each with the directories that it is the first in. */
async function* plan(entries: AsyncIterable<ArchiveEntry>): AsyncGenerator<Planned> {
  let before = '';
  let names: string[] = [];
  for await (const entry of entries) {
    const { path, mode, size, oid } = entry;
    if (mode === 'symlink' || mode === 'submodule') continue;
    checkPath(path);
    if (before !== '' && Buffer.compare(Buffer.from(before), Buffer.from(path)) >= 0)
      throw new ArtifactError('WriteFailed', `${path} comes after ${before}: entries must be sorted by path`);
    before = path;
    const parents = path.split('/').slice(0, -1);
    let common = 0;
    while (common < parents.length && parents[common] === names[common]) common++;
    const directories: string[] = [];
    for (let depth = common + 1; depth <= parents.length; depth++) directories.push(parents.slice(0, depth).join('/'));
    names = parents;
    yield { entry, path, mode, size, oid, directories };
  }
}

class ArchiveWriter {
  readonly #sink: FileSink;
  readonly #earlier: EarlierArchive | undefined;
  readonly #gzip: DeterministicGzip;
  readonly #segments: Segment[] = [];

  constructor(sink: FileSink, earlier: EarlierArchive | undefined) {
    this.#sink = sink;
    this.#earlier = earlier;
    this.#gzip = new DeterministicGzip(bytes => sink.add(bytes));
  }

  async add(files: Planned[]): Promise<void> {
    const key = segmentKey(files);
    const known = key === undefined ? undefined : this.#earlier?.find(key);
    const offset = this.#sink.size;
    if (known) {
      for (const piece of this.#earlier?.pieces(known) ?? []) {
        this.#gzip.copy(piece);
        if (this.#sink.waiting >= writeSize) await this.#sink.flush();
      }
      this.#gzip.account(known);
      this.#segments.push({ ...known, offset });
      return;
    }
    const contents: Segment['contents'] = [];
    for (const { entry, directories } of files) {
      for (const path of directories)
        this.#gzip.write(tarHeader({ path, type: 'directory', mode: directoryMode, size: 0 }));
      const at = await this.#file(entry);
      if (entry.oid !== undefined) contents.push({ oid: entry.oid, at, size: entry.size });
    }
    const { crc, size } = this.#gzip.cut();
    if (key !== undefined) this.#segments.push({ key, offset, length: this.#sink.size - offset, size, crc, contents });
  }

  /** Where the content begins, in bytes of the segment before it is compressed. */
  async #file(entry: ArchiveEntry): Promise<number> {
    const content = await entry.read();
    if (content.length !== entry.size)
      throw new ArtifactError('WriteFailed', `${entry.path} has ${content.length} bytes, ${entry.size} were announced`);
    const mode = entry.mode === 'executable' ? executableMode : fileMode;
    this.#gzip.write(tarHeader({ path: entry.path, type: 'file', mode, size: entry.size }));
    const at = this.#gzip.sinceCut;
    // Piece by piece, so that the compressed bytes of a large file do not pile up.
    for (let start = 0; start < content.length; start += writeSize) {
      this.#gzip.write(content.subarray(start, start + writeSize));
      if (this.#sink.waiting >= writeSize) await this.#sink.flush();
    }
    this.#gzip.write(padding(entry.size));
    return at;
  }

  end(): Segment[] {
    this.#gzip.write(Buffer.alloc(2 * tarBlock));
    this.#gzip.end();
    return this.#segments;
  }
}

/** A file that is hashed as it is written. What is added is gathered, so that little is written often. */
class FileSink {
  readonly #path: string;
  readonly #handle: Awaited<ReturnType<typeof open>>;
  readonly #hash = createHash('sha256');
  #gathered = Buffer.allocUnsafe(3 * writeSize);
  waiting = 0;
  /** Bytes so far, written or not. */
  size = 0;

  private constructor(path: string, handle: Awaited<ReturnType<typeof open>>) {
    this.#path = path;
    this.#handle = handle;
  }

  static async open(path: string): Promise<FileSink> {
    return new FileSink(path, await open(path, 'w', 0o600));
  }

  add(bytes: Buffer): void {
    const length = this.waiting + bytes.length;
    if (length > this.#gathered.length) this.#gathered = Buffer.concat([this.#gathered], 2 * length);
    bytes.copy(this.#gathered, this.waiting);
    this.waiting = length;
    this.size += bytes.length;
  }

  async flush(): Promise<void> {
    const bytes = this.#gathered.subarray(0, this.waiting);
    this.#hash.update(bytes);
    for (let done = 0; done < bytes.length; )
      done += (await this.#handle.write(bytes, done, bytes.length - done)).bytesWritten;
    this.waiting = 0;
  }

  async finish(): Promise<Omit<Archive, 'segments'>> {
    await this.flush();
    await this.#handle.close();
    return { digest: `sha256:${this.#hash.digest('hex')}`, size: this.size };
  }

  async discard(): Promise<void> {
    await this.#handle.close().catch(() => {});
    await rm(this.#path, { force: true });
  }
}
