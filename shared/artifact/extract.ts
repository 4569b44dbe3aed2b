import { mkdir, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import tar from 'tar-stream';
import { ArtifactError } from './errors.ts';
import { checkPath } from './paths.ts';

/** Bounds on what an archive may unpack to. */
export interface ExtractLimits {
  files: number;
  /** Bytes of all files. */
  bytes: number;
  /** Directories within directories. */
  depth: number;
  /** Unpacked by packed bytes, once a megabyte was unpacked. */
  ratio: number;
}

export const defaultExtractLimits: ExtractLimits = { files: 500_000, bytes: 2 * 2 ** 30, depth: 256, ratio: 1100 };

/** Ratios of small archives say nothing. */
const ratioFloor = 2 ** 20;

/**
 * Unpacks a tar.gz into `dir`, which must be empty or absent. Symbolic links are passed over, as Flux's consumers do; hard
 * links, devices and paths that would leave `dir` are refused, and so is an archive that unpacks to more than `limits`.
 * Every file is created new, so that nothing can be written through something that was unpacked before. Throws ArtifactError.
 */
export async function extractArchive(
  stream: Readable,
  dir: string,
  limits: Partial<ExtractLimits> = {},
): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o750 });
  if ((await readdir(dir)).length > 0) throw new ArtifactError('WriteFailed', `${dir} is not empty`);
  const meter = new Meter({ ...defaultExtractLimits, ...limits });
  const unpack = tar.extract();
  stream.on('data', (chunk: Buffer) => meter.packed(chunk.length));
  const gunzip = zlib.createGunzip();
  gunzip.on('data', (chunk: Buffer) => {
    const problem = meter.unpacked(chunk.length);
    if (problem) gunzip.destroy(problem);
  });
  const fed = pipeline(stream, gunzip, unpack as unknown as NodeJS.WritableStream);
  // Reported below; a rejection must not go unheard while the entries are still read.
  fed.catch(() => {});
  const made = new Set<string>(['']);
  try {
    for await (const entry of unpack) {
      await extractEntry(entry.header, entry as unknown as AsyncIterable<Buffer>, dir, made, meter);
      entry.resume();
    }
    await fed;
  } catch (error) {
    stream.destroy();
    if (error instanceof ArtifactError) throw error;
    const cause = await fed.then(
      () => error,
      failure => failure,
    );
    if (cause instanceof ArtifactError) throw cause;
    throw new ArtifactError('InvalidArchive', `the archive cannot be unpacked: ${messageOf(cause)}`, { cause });
  }
}

async function extractEntry(
  header: tar.Header,
  body: AsyncIterable<Buffer>,
  dir: string,
  made: Set<string>,
  meter: Meter,
): Promise<void> {
  const name = header.name.replace(/^(\.\/+)+/, '').replace(/\/+$/, '');
  if (header.type === 'symlink') return;
  if (header.type !== 'file' && header.type !== 'contiguous-file' && header.type !== 'directory')
    throw new ArtifactError(
      'InvalidArchive',
      `the archive holds a ${header.type} (${JSON.stringify(name.slice(0, 200))})`,
    );
  // Archives of Flux begin with the root itself.
  if (header.type === 'directory' && (name === '' || name === '.')) return;
  checkPath(name);
  meter.entry(name);
  if (header.type === 'directory') {
    await makeDirectories(dir, name, made);
    return;
  }
  await makeDirectories(dir, path.posix.dirname(name), made);
  const mode = (header.mode ?? 0) & 0o100 ? 0o700 : 0o600;
  const handle = await open(path.join(dir, name), 'wx', mode).catch(cause => {
    throw new ArtifactError('InvalidArchive', `the archive holds ${JSON.stringify(name)} twice`, { cause });
  });
  try {
    for await (const chunk of body) await handle.writeFile(chunk);
  } finally {
    await handle.close();
  }
}

/** Makes a directory and those above it; all of them are ours, since the root was empty. */
async function makeDirectories(root: string, name: string, made: Set<string>): Promise<void> {
  if (name === '.' || made.has(name)) return;
  await makeDirectories(root, path.posix.dirname(name), made);
  await mkdir(path.join(root, name), { mode: 0o750 }).catch(cause => {
    throw new ArtifactError(
      'InvalidArchive',
      `the archive holds ${JSON.stringify(name)} as a file and as a directory`,
      {
        cause,
      },
    );
  });
  made.add(name);
}

/** Counts against the limits. */
class Meter {
  readonly #limits: ExtractLimits;
  #files = 0;
  #packed = 0;
  #unpacked = 0;

  constructor(limits: ExtractLimits) {
    this.#limits = limits;
  }

  packed(bytes: number): void {
    this.#packed += bytes;
  }

  unpacked(bytes: number): ArtifactError | undefined {
    this.#unpacked += bytes;
    const { bytes: most, ratio } = this.#limits;
    if (this.#unpacked > most) return new ArtifactError('TooLarge', `the archive unpacks to more than ${most} bytes`);
    if (this.#unpacked > ratioFloor && this.#unpacked > ratio * this.#packed)
      return new ArtifactError('TooLarge', `the archive unpacks to more than ${ratio} times its size`);
    return undefined;
  }

  entry(name: string): void {
    const { files, depth } = this.#limits;
    if (++this.#files > files) throw new ArtifactError('TooLarge', `the archive holds more than ${files} files`);
    if (name.split('/').length > depth)
      throw new ArtifactError('TooLarge', `the archive holds directories deeper than ${depth}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
