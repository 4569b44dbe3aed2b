import { readdir, readFile, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { ArchiveEntry } from '../../../artifact/archive.ts';
import { BuildError } from './errors.ts';

/** A file, wherever its bytes are. */
export interface TreeFile {
  mode: 'file' | 'executable';
  /** Bytes. */
  size: number;
  read(): Promise<Buffer>;
}

/**
 * Files by their paths, and the directories that hold them: the contents of a source, or an artifact that is being put
 * together. Nothing is copied; bytes are read when the artifact is written.
 */
export class Tree {
  readonly files = new Map<string, TreeFile>();
  readonly directories = new Set<string>(['.']);

  /** Puts a file in its place, over what was there. Throws BuildError where a directory stands in the way. */
  put(path: string, file: TreeFile): void {
    checkInside(path);
    if (this.directories.has(path)) throw new BuildError(`'${path}' is a directory and cannot become a file`);
    this.makeDirectory(posix.dirname(path));
    this.files.set(path, file);
  }

  /** Makes a directory and those above it. Throws BuildError where a file stands in the way. */
  makeDirectory(path: string): void {
    checkInside(path);
    for (let at = path; !this.directories.has(at); at = posix.dirname(at)) {
      if (this.files.has(at)) throw new BuildError(`'${at}' is a file and cannot become a directory`);
      this.directories.add(at);
    }
  }

  /** All paths, files and directories, without the root. */
  paths(): string[] {
    return [...this.files.keys(), ...this.directories].filter(path => path !== '.').sort();
  }

  /** Files in the order of an archive: sorted by the bytes of their paths. */
  async *entries(): AsyncGenerator<ArchiveEntry> {
    const sorted = [...this.files].map(([path, file]) => ({ key: Buffer.from(path), path, file }));
    sorted.sort((a, b) => Buffer.compare(a.key, b.key));
    for (const { path, file } of sorted) yield { path, ...file };
  }
}

/** A path as Go's filepath.Clean leaves it: without `.`, empty names and a slash at its end; `.` for the root. */
export function cleanPath(path: string): string {
  return posix.normalize(path === '' ? '.' : path).replace(/(?<=.)\/+$/, '');
}

function checkInside(path: string): void {
  if (path === '..' || path.startsWith('../') || path.startsWith('/'))
    throw new BuildError(`'${path}' leaves the root of the artifact or source`);
}

/** The tree below a directory of this machine. Links are passed over: archives hold none. */
export async function treeOf(root: string): Promise<Tree> {
  const tree = new Tree();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const full = join(entry.parentPath, entry.name);
    const path = full.slice(root.length + 1);
    if (entry.isDirectory()) tree.makeDirectory(path);
    if (!entry.isFile()) continue;
    const { size, mode } = await stat(full);
    tree.put(path, { mode: mode & 0o100 ? 'executable' : 'file', size, read: () => readFile(full) });
  }
  return tree;
}
