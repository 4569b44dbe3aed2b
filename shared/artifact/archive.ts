import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { ArtifactError } from './errors.ts';
import { DeterministicGzip } from './gzip.ts';
import { checkPath } from './paths.ts';
import { padding, tarBlock, tarHeader } from './tar-header.ts';

/** A file to be archived. Symlinks and submodules are left out, as Flux does: consumers refuse or drop links. */
export interface ArchiveEntry {
  /** Relative, `/` between names. */
  path: string;
  mode: 'file' | 'executable' | 'symlink' | 'submodule';
  size: number;
  read(): Promise<Buffer>;
}

export interface Archive {
  /** `sha256:<hex>` of the file, as consumers verify it. */
  digest: string;
  /** Bytes of the file. */
  size: number;
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
 * them. One file is in memory at a time. Throws ArtifactError; a failed archive leaves no file.
 */
export async function writeArchive(entries: AsyncIterable<ArchiveEntry>, file: string): Promise<Archive> {
  const sink = await FileSink.open(file);
  try {
    const gzip = new DeterministicGzip(bytes => sink.add(bytes));
    const directories = new DirectoryHeaders();
    let before = '';
    for await (const entry of entries) {
      if (entry.mode === 'symlink' || entry.mode === 'submodule') continue;
      checkPath(entry.path);
      if (before !== '' && Buffer.compare(Buffer.from(before), Buffer.from(entry.path)) >= 0)
        throw new ArtifactError('WriteFailed', `${entry.path} comes after ${before}: entries must be sorted by path`);
      before = entry.path;
      for (const header of directories.before(entry.path)) gzip.write(header);
      const content = await entry.read();
      if (content.length !== entry.size)
        throw new ArtifactError(
          'WriteFailed',
          `${entry.path} has ${content.length} bytes, ${entry.size} were announced`,
        );
      const mode = entry.mode === 'executable' ? executableMode : fileMode;
      gzip.write(tarHeader({ path: entry.path, type: 'file', mode, size: entry.size }));
      // Piece by piece, so that the compressed bytes of a large file do not pile up.
      for (let start = 0; start < content.length; start += writeSize) {
        gzip.write(content.subarray(start, start + writeSize));
        if (sink.waiting >= writeSize) await sink.flush();
      }
      gzip.write(padding(entry.size));
    }
    gzip.write(Buffer.alloc(2 * tarBlock));
    gzip.end();
    return await sink.finish();
  } catch (error) {
    await sink.discard();
    throw error;
  }
}

/** The headers of directories that a file is the first in. */
class DirectoryHeaders {
  #current: string[] = [];

  before(path: string): Buffer[] {
    const names = path.split('/').slice(0, -1);
    let common = 0;
    while (common < names.length && names[common] === this.#current[common]) common++;
    this.#current = names;
    const headers: Buffer[] = [];
    for (let depth = common + 1; depth <= names.length; depth++)
      headers.push(
        tarHeader({ path: names.slice(0, depth).join('/'), type: 'directory', mode: directoryMode, size: 0 }),
      );
    return headers;
  }
}

/** A file that is hashed as it is written. */
class FileSink {
  readonly #path: string;
  readonly #handle: Awaited<ReturnType<typeof open>>;
  readonly #hash = createHash('sha256');
  #parts: Buffer[] = [];
  #size = 0;
  waiting = 0;

  private constructor(path: string, handle: Awaited<ReturnType<typeof open>>) {
    this.#path = path;
    this.#handle = handle;
  }

  static async open(path: string): Promise<FileSink> {
    return new FileSink(path, await open(path, 'w', 0o600));
  }

  add(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.waiting += bytes.length;
  }

  async flush(): Promise<void> {
    const parts = this.#parts;
    this.#parts = [];
    this.waiting = 0;
    for (const part of parts) {
      this.#hash.update(part);
      this.#size += part.length;
    }
    if (parts.length > 0) await this.#handle.writev(parts);
  }

  async finish(): Promise<Archive> {
    await this.flush();
    await this.#handle.close();
    return { digest: `sha256:${this.#hash.digest('hex')}`, size: this.#size };
  }

  async discard(): Promise<void> {
    await this.#handle.close().catch(() => {});
    await rm(this.#path, { force: true });
  }
}
