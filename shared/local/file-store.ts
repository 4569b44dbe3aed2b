import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, type FileHandle, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ObjectInfo, PutOptions, Store, StoredObject } from '../ports/store.ts';
import { entryOf, pathOfKey } from './key-path.ts';

/**
 * The artifact store in a directory. An object appears whole or not at all: it is written beside, flushed to the disk, and
 * then named. The flush (fdatasync) is there because of conditional writes: without it, a power cut could leave an empty
 * file under a name that `ifAbsent` never writes again. The directory itself is not flushed: an object that vanishes
 * with the power is fetched or built again.
 */
export class FileStore implements Store {
  readonly #objects: string;
  readonly #incoming: string;

  /** `root` is made when needed. */
  constructor(root: string) {
    this.#objects = join(root, 'objects');
    this.#incoming = join(root, 'incoming');
  }

  async put(key: string, body: Uint8Array | { file: string }, options: PutOptions = {}): Promise<'created' | 'exists'> {
    const path = join(this.#objects, pathOfKey(key));
    if (options.ifAbsent && (await infoOf(key, path))) return 'exists';
    const incoming = await this.#write(body);
    if (!options.ifAbsent)
      try {
        await inDirectory(path, () => rename(incoming, path));
        return 'created';
      } catch (error) {
        await rm(incoming, { force: true });
        throw error;
      }
    try {
      return await inDirectory(path, () => linkNew(incoming, path));
    } finally {
      await rm(incoming, { force: true });
    }
  }

  async get(key: string): Promise<StoredObject | undefined> {
    const path = join(this.#objects, pathOfKey(key));
    const file = await openExisting(path);
    if (!file) return undefined;
    const { size, mtimeMs } = await file.stat();
    return { key, size, lastModified: Math.round(mtimeMs), body: file.createReadStream({ highWaterMark: 256 * 1024 }) };
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    return await infoOf(key, join(this.#objects, pathOfKey(key)));
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    yield* listDirectory(this.#objects, '', prefix);
  }

  async delete(keys: string[]): Promise<void> {
    await Promise.all(keys.map(key => rm(join(this.#objects, pathOfKey(key)), { force: true })));
  }

  /**
   * Removes what writers that died have left behind. For the one host of the directory: all of it when nobody writes (at its
   * start and its end), meanwhile what is older than any writing takes.
   */
  async clean(olderThanMs = 0): Promise<void> {
    if (olderThanMs === 0) return rm(this.#incoming, { recursive: true, force: true });
    for (const name of await readdir(this.#incoming).catch(absentIsEmpty)) {
      const path = join(this.#incoming, name);
      const info = await infoOf(name, path);
      if (info && Date.now() - info.lastModified > olderThanMs) await rm(path, { force: true });
    }
  }

  async #write(body: Uint8Array | { file: string }): Promise<string> {
    const path = join(this.#incoming, randomUUID());
    try {
      if (!(body instanceof Uint8Array))
        await inDirectory(path, () => copyFile(body.file, path, constants.COPYFILE_FICLONE));
      const file = await inDirectory(path, () => open(path, body instanceof Uint8Array ? 'wx' : 'r+', 0o600));
      try {
        if (body instanceof Uint8Array) await file.writeFile(body);
        await file.datasync();
      } finally {
        await file.close();
      }
      return path;
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }
}

/** Does what puts something at `path`; its directory, which is there but for the first time, is made when it is missing. */
async function inDirectory<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return act();
  }
}

async function linkNew(incoming: string, path: string): Promise<'created' | 'exists'> {
  try {
    await link(incoming, path);
    return 'created';
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return 'exists';
    throw error;
  }
}

async function* listDirectory(root: string, parent: string, prefix: string): AsyncIterable<ObjectInfo> {
  const entries = await readdir(join(root, directoryPath(parent)), { withFileTypes: true }).catch(absentIsEmpty);
  const found: { key: string; directory: boolean; name: string }[] = [];
  for (const entry of entries) {
    const name = entryOf(entry.name, entry.isDirectory());
    if (name === undefined) continue;
    // What lies in a directory sorts as `name/…`, the object beside it as `name`: byte order of whole keys, as in S3.
    const key = parent + name + (entry.isDirectory() ? '/' : '');
    const wanted = entry.isDirectory() ? key.startsWith(prefix) || prefix.startsWith(key) : key.startsWith(prefix);
    if (wanted) found.push({ key, directory: entry.isDirectory(), name: entry.name });
  }
  found.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  for (const { key, directory } of found) {
    if (directory) yield* listDirectory(root, key, prefix);
    else {
      const info = await infoOf(key, join(root, pathOfKey(key)));
      if (info) yield info;
    }
  }
}

/** Path of the directory that holds the keys under `parent` (empty, or ending in a slash). */
function directoryPath(parent: string): string {
  return parent === '' ? '.' : dirname(pathOfKey(`${parent}x`));
}

async function infoOf(key: string, path: string): Promise<ObjectInfo | undefined> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { key, size, lastModified: Math.round(mtimeMs) };
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

async function openExisting(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function absentIsEmpty(error: unknown): [] {
  if (isAbsent(error)) return [];
  throw error;
}

function isAbsent(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
