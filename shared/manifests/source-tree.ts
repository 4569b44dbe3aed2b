import type { Dirent } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { posix, sep } from 'node:path';
import { BuildError } from './build-error.ts';

/** What a path of the source is, with links followed. */
export interface SourceEntry {
  type: 'file' | 'directory';
  /** Absolute path on this machine, free of links. */
  real: string;
}

/** Bytes of a file that is read here: kustomization files and configurations. */
const maxFileSize = 16 * 2 ** 20;

/** The files of an extracted artifact. Paths are relative to its root, with `/`; nothing outside the root is reached. */
export class SourceTree {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  static async open(root: string): Promise<SourceTree> {
    return new SourceTree(await realpath(root));
  }

  /** The entry at a path; undefined when there is none. Throws when a link leads out of the source. */
  async entry(path: string): Promise<SourceEntry | undefined> {
    const absolute = this.absolute(path);
    let real: string;
    try {
      real = await realpath(absolute);
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
    if (real !== this.root && !real.startsWith(this.root + sep))
      throw new BuildError(`${path} is a link that leads out of the source; only files of the source can be used`, {
        file: path,
      });
    const info = await stat(real);
    if (info.isDirectory()) return { type: 'directory', real };
    if (info.isFile()) return { type: 'file', real };
    throw new BuildError(`${path} is neither a file nor a directory`, { file: path });
  }

  /** The path of an entry without links. */
  pathOf(entry: SourceEntry): string {
    return posix.relative(this.root, entry.real) || '.';
  }

  /** The names in a directory, sorted by bytes, as Go walks them. */
  async list(path: string): Promise<Dirent[]> {
    const entries = await readdir(this.absolute(path), { withFileTypes: true });
    return entries.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  }

  async read(path: string): Promise<string> {
    const entry = await this.entry(path);
    if (entry?.type !== 'file') throw new BuildError(`${path} is not a file of the source`, { file: path });
    if ((await stat(entry.real)).size > maxFileSize)
      throw new BuildError(`${path} is larger than ${maxFileSize} bytes`, { file: path });
    return readFile(entry.real, 'utf8');
  }

  absolute(path: string): string {
    if (path.includes('\0') || path === '..' || path.startsWith('../') || posix.isAbsolute(path))
      throw new BuildError(`${path.replaceAll('\0', '')} lies outside of the source`);
    return posix.join(this.root, path);
  }
}

function isAbsent(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENAMETOOLONG';
}

/**
 * `path` as seen from the directory `from`, both relative to the root; undefined when it is absolute or leads above the
 * root. The root is `.`.
 */
export function joinWithin(from: string, path: string): string | undefined {
  if (path.includes('\0') || posix.isAbsolute(path)) return undefined;
  const joined = posix.join(from, path).replace(/(?<=.)\/+$/, '');
  return joined === '..' || joined.startsWith('../') ? undefined : joined;
}
