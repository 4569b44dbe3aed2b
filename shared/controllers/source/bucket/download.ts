import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import * as z from 'zod';
import { type ArchiveEntry, writeArchive } from '../../../artifact/archive.ts';
import { ignoreFileName } from '../../../artifact/ignore.ts';
import { fetchArtifact } from '../../../artifact/layout.ts';
import { type ListedObject, type ObjectStorage, StorageError } from '../../../cloud/storage/object-storage.ts';
import { pauseAfter } from '../../../cloud/storage/storage-http.ts';
import { foreignText } from '../../../network/errors.ts';
import { readAll } from '../../../network/http.ts';
import type { Log } from '../../../ports/ports.ts';
import type { Store } from '../../../ports/store.ts';
import { inParallel } from '../../../reconcile/in-parallel.ts';
import { type BucketIndex, bucketLimits, failing, revisionOf } from './etag-index.ts';

/** The last artifact, and what it was made of. */
export interface LastArtifact {
  digest: string;
  revision: string;
}

export interface DownloadRequest {
  storage: ObjectStorage;
  index: BucketIndex;
  bucketName: string;
  /** An empty directory. */
  dir: string;
  /** Ends waits. */
  signal: AbortSignal;
  log: Log;
  /** What needs not be fetched: etags by key of the last artifact, and where that is. */
  last?: { etags: Map<string, string>; artifact: LastArtifact; store: Store } | undefined;
}

/** Objects on their way at a time: as many connections as are kept, so that other work finds some. */
const concurrency = 48;

/** A file that lies in the directory. */
interface LocalFile {
  path: string;
  size: number;
  file: string;
}

/** What lies in the directory now, and of what it was made. */
export interface Downloaded {
  files: LocalFile[];
  /** As they were fetched: newer than listed where an object changed meanwhile, without those that went. */
  objects: ListedObject[];
  /** How many were fetched, the others being those of the last artifact. */
  fetched: number;
}

/**
 * Gets the objects of an index into a directory. What the last artifact has with the same key and etag is taken from there.
 * An object that changed since it was listed is taken as it is now, with its etag; one that went is left out. Files are
 * numbered, so that no key names a file on this machine. Throws RetryErrors BucketOperationFailed.
 */
export async function downloadObjects(request: DownloadRequest): Promise<Downloaded> {
  const { index, dir, bucketName } = request;
  const reusable = await unpackLast(request);
  const files: LocalFile[] = [];
  const objects: ListedObject[] = [];
  let fetched = 0;
  let bytes = 0;
  let number = 0;
  const take = async ([path, object]: [string, ListedObject]): Promise<void> => {
    const kept = await reusable(path, object);
    const file = kept ?? join(dir, `${number++}`);
    const got = kept ? object : await fetchObject(request, object, file);
    if (!got) return;
    if (!kept) fetched++;
    bytes += got.size;
    if (bytes > bucketLimits.bytes)
      throw new StorageError('TooLarge', `the bucket holds more than ${bucketLimits.bytes} bytes`);
    files.push({ path, size: got.size, file });
    objects.push(got);
  };
  await inParallel(index.files, concurrency, take).catch(failing(`fetch from bucket '${bucketName}' failed`));
  return { files, objects, fetched };
}

/** Undefined when the object is no more. Cut answers are asked for again. */
async function fetchObject(
  { storage, signal, log, bucketName }: DownloadRequest,
  object: ListedObject,
  file: string,
): Promise<ListedObject | undefined> {
  const shown = foreignText(object.key, 200);
  for (let attempt = 1; ; attempt++) {
    try {
      const opened = await storage.read(object);
      if (!opened) {
        log.info(`indexed object '${shown}' disappeared from '${bucketName}' bucket`);
        return undefined;
      }
      const size = await writeBody(opened.body, file, opened.size);
      return { ...object, etag: opened.etag ?? object.etag, size };
    } catch (error) {
      await pauseAfter(error, attempt, signal).catch(failing(`failed to get '${shown}' object`));
    }
  }
}

/** Writes a file anew; gives its size. Throws StorageError Unavailable when the body is shorter than was said. */
async function writeBody(body: Readable, file: string, wanted: number | undefined): Promise<number> {
  // It may break while the file is opened; reading it tells of that.
  body.on('error', () => {});
  const handle = await open(file, 'w', 0o600);
  let size = 0;
  try {
    for await (const chunk of body) {
      size += (chunk as Buffer).length;
      if (size > bucketLimits.objectBytes)
        throw new StorageError('TooLarge', `it has more than ${bucketLimits.objectBytes} bytes`);
      await handle.writeFile(chunk as Buffer);
    }
  } finally {
    await handle.close();
  }
  if (wanted !== undefined && size !== wanted)
    throw new StorageError('Unavailable', `the answer ends after ${size} of ${wanted} bytes`);
  return size;
}

/**
 * Unpacks the last artifact if it has something of what is wanted. Gives the file of an object that is as it was, as far as
 * there is one. An artifact that cannot be had is no failure: everything is fetched then.
 */
async function unpackLast({
  index,
  last,
  dir,
  log,
}: DownloadRequest): Promise<(path: string, object: ListedObject) => Promise<string | undefined>> {
  const same = ({ key, etag }: ListedObject) => etag !== '' && last?.etags.get(key) === etag;
  const none = async () => undefined;
  if (!last || ![...index.files.values()].some(same)) return none;
  const root = join(dir, 'last');
  try {
    await fetchArtifact(last.store, last.artifact, root);
  } catch (error) {
    log.info('the last artifact cannot be used, everything is fetched', { error: String(error) });
    return none;
  }
  return async (path, object) => {
    if (!same(object)) return undefined;
    const file = join(root, path);
    const found = await stat(file).catch(() => undefined);
    return found?.isFile() && found.size === object.size ? file : undefined;
  };
}

/** Archives what was got, with the bucket's ignore file. The same contents make the same archive. */
export async function archiveObjects(
  { files }: Downloaded,
  ignoreFile: Buffer | undefined,
  file: string,
): Promise<void> {
  const entries: ArchiveEntry[] = files.map(({ path, size, file }) => ({
    path,
    mode: 'file',
    size,
    read: () => readFile(file),
  }));
  if (ignoreFile)
    entries.push({ path: ignoreFileName, mode: 'file', size: ignoreFile.length, read: async () => ignoreFile });
  const bytes = new Map(entries.map(entry => [entry, Buffer.from(entry.path)]));
  entries.sort((a, b) => Buffer.compare(bytes.get(a)!, bytes.get(b)!));
  await writeArchive(asAsync(entries), file);
}

async function* asAsync<T>(items: T[]): AsyncGenerator<T> {
  yield* items;
}

const Etags = z.array(z.tuple([z.string(), z.string()]));
/** Of what is kept about an artifact; ten times what 200,000 objects of usual keys need. */
const mostBytes = 256 * 2 ** 20;

/** Keeps of what an artifact was made, so that the next one needs only what changed since. */
export async function keepEtags(store: Store, place: string, objects: ListedObject[]): Promise<void> {
  const pairs: z.infer<typeof Etags> = objects.map(({ key, etag }) => [key, etag]);
  await store.put(place, Buffer.from(JSON.stringify(pairs)), { contentType: 'application/json' });
}

/** Reads that again; undefined when it is not there, or not that of this revision. */
export async function readEtags(
  store: Store,
  place: string,
  revision: string,
): Promise<Map<string, string> | undefined> {
  const found = await store.get(place);
  if (!found) return undefined;
  const text = (await readAll(found.body, mostBytes, place)).toString('utf8');
  let parsed: ReturnType<typeof Etags.safeParse>;
  try {
    parsed = Etags.safeParse(JSON.parse(text));
  } catch {
    return undefined;
  }
  if (!parsed.success || revisionOf(parsed.data.map(([key, etag]) => ({ key, etag }))) !== revision) return undefined;
  return new Map(parsed.data);
}
