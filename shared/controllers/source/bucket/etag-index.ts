import { createHash } from 'node:crypto';
import type { Bucket } from '../../../api/source/bucket.ts';
import { ArtifactError } from '../../../artifact/errors.ts';
import { ignoreFileName, ignoreMatcher } from '../../../artifact/ignore.ts';
import { checkPath } from '../../../artifact/paths.ts';
import { CloudError } from '../../../cloud/errors.ts';
import { type ListedObject, type ObjectStorage, StorageError } from '../../../cloud/storage/object-storage.ts';
import { foreignText } from '../../../network/errors.ts';
import { readAll } from '../../../network/http.ts';
import { messageOfError, RetryError } from '../../../reconcile/errors.ts';

/** What a bucket holds for its artifact. */
export interface BucketIndex {
  /** By path in the artifact. */
  files: Map<string, ListedObject>;
  /** The bucket's ignore file, which is part of the artifact and not of the revision, as with Flux. */
  ignoreFile: Buffer | undefined;
}

/** Bounds on what a bucket may cost; crossing one is an error that names it. */
export const bucketLimits = {
  objects: 200_000,
  /** Of one object, which is held in memory when it is packed. */
  objectBytes: 128 * 2 ** 20,
  /** Of all objects: they lie in /tmp, beside the last artifact and the new one. */
  bytes: 640 * 2 ** 20,
  /** A larger ignore file is an error: without it the artifact would be another. */
  ignoreBytes: 2 ** 20,
} as const;

export type BucketLimits = { readonly [Name in keyof typeof bucketLimits]: number };

/**
 * Lists the bucket: confirms that it is there, reads its ignore file, leaves out what the rules name. Throws RetryErrors
 * BucketOperationFailed in Flux's words.
 */
export async function indexBucket(
  storage: ObjectStorage,
  { bucketName, prefix = '', ignore }: Bucket['spec'],
  limits: BucketLimits = bucketLimits,
): Promise<BucketIndex> {
  const exists = await storage.exists().catch(failing(`failed to confirm existence of '${bucketName}' bucket`));
  if (!exists) throw new RetryError('BucketOperationFailed', `bucket '${bucketName}' not found`);
  const ignoreFile = await readIgnoreFile(storage, limits.ignoreBytes).catch(
    failing(`failed to get Etag for '${ignoreFileName}' object`),
  );
  const sourceignore = ignoreFile ? [{ dir: '', text: ignoreFile.toString('utf8') }] : [];
  const ignored = ignoreMatcher({ specIgnore: ignore, sourceignore, defaults: true });
  const files = await filesOf(storage.list(prefix), ignored, limits).catch(
    failing(
      `indexation of objects from bucket '${bucketName}' failed: listing objects from bucket '${bucketName}' failed`,
    ),
  );
  return { files, ignoreFile };
}

async function readIgnoreFile(storage: ObjectStorage, limit: number): Promise<Buffer | undefined> {
  const opened = await storage.read({ key: ignoreFileName });
  return opened && readAll(opened.body, limit, ignoreFileName);
}

async function filesOf(
  listed: AsyncIterable<ListedObject>,
  ignored: (path: string, isDir: boolean) => boolean,
  limits: BucketLimits,
): Promise<Map<string, ListedObject>> {
  const files = new Map<string, ListedObject>();
  let bytes = 0;
  for await (const object of listed) {
    const { key, size } = object;
    // What ends in a slash stands for a folder.
    if (key.endsWith('/') || key === ignoreFileName || ignored(key, false)) continue;
    const path = pathOf(key);
    const other = files.get(path);
    if (other || path === ignoreFileName)
      throw unusable(key, `"${foreignText(other?.key ?? ignoreFileName, 200)}" would be the same file`);
    bytes += size;
    files.set(path, object);
    if (files.size > limits.objects) throw tooLarge(`more than ${limits.objects} objects`);
    if (size > limits.objectBytes)
      throw tooLarge(`an object of more than ${limits.objectBytes} bytes, "${foreignText(key, 200)}"`);
    if (bytes > limits.bytes) throw tooLarge(`more than ${limits.bytes} bytes`);
  }
  checkFolders(files);
  return files;
}

/** The key as a path: slashes at its beginning and doubled ones go, as Flux puts them. Throws StorageError for others. */
function pathOf(key: string): string {
  const names = key.split('/').filter(name => name !== '');
  // Such names cannot be part of a request's path, so the object cannot be fetched either.
  if (names.includes('.') || names.includes('..')) throw unusable(key, "a part of it is '.' or '..'");
  const path = names.join('/');
  try {
    checkPath(path);
  } catch (error) {
    if (!(error instanceof ArtifactError)) throw error;
    throw unusable(key, error.message.slice(error.message.lastIndexOf(': ') + 2));
  }
  return path;
}

/** Throws when a key is a file and a folder at once, which no tree can hold. */
function checkFolders(files: Map<string, ListedObject>): void {
  for (const [path, { key }] of files)
    for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
      const folder = files.get(path.slice(0, slash));
      if (folder) throw unusable(folder.key, `"${foreignText(key, 200)}" makes a folder of it`);
    }
}

function unusable(key: string, problem: string): StorageError {
  const shown = foreignText(key, 200);
  return new StorageError(
    'RequestFailed',
    `the object "${shown}" cannot be a file of the artifact: ${problem}; rename it, or leave it out by spec.ignore`,
  );
}

function tooLarge(what: string): StorageError {
  return new StorageError('TooLarge', `the bucket holds ${what}; narrow it by spec.prefix or spec.ignore`);
}

/**
 * The revision of keys and etags: the checksum of a line `key etag` for each, in the order of the keys' bytes.
 * (Flux: internal/index/digest.go.)
 */
export function revisionOf(objects: Iterable<Pick<ListedObject, 'key' | 'etag'>>): string {
  const lines = [...objects].map(({ key, etag }) => ({ key: Buffer.from(key), etag }));
  const hash = createHash('sha256');
  for (const { key, etag } of lines.sort((a, b) => Buffer.compare(a.key, b.key))) {
    hash.update(key);
    hash.update(` ${etag}\n`);
  }
  return `sha256:${hash.digest('hex')}`;
}

/** Throws a RetryError BucketOperationFailed that says what was being done when it went wrong. */
export function failing(words: string): (error: unknown) => never {
  return error => {
    const afterMs = error instanceof StorageError ? error.afterMs : undefined;
    // Signing in happens while one asks; its own reason says more.
    if (error instanceof CloudError || (error instanceof StorageError && error.code === 'InvalidCredentials'))
      throw error;
    throw new RetryError('BucketOperationFailed', `${words}: ${messageOfError(error)}`, {
      cause: error,
      ...(afterMs === undefined ? {} : { afterMs }),
    });
  };
}
