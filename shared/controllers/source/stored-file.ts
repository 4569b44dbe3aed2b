import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Archive, type ArchiveEntry, type EarlierArchive, writeArchive } from '../../artifact/archive.ts';
import { type ArtifactFormat, artifactKey } from '../../artifact/layout.ts';
import { type SourceFilter, sourceEntries } from '../../artifact/source-filter.ts';
import type { Store } from '../../ports/store.ts';
import { graceMs } from './artifact-sweep.ts';

/** What was fetched or made could not be put into the store; the cause tells why. */
export class NotStored extends Error {}

/** A file in the store. */
export interface StoredFile {
  /** `sha256:<hex>`. */
  digest: string;
  /** Bytes. */
  size: number;
}

/**
 * Archives what the filter leaves of a tree, and puts it into the store under its digest. The same tree has the same
 * digest everywhere, so identical sources share one object. `now`: epoch ms; `earlier`: what need not be made again.
 * Throws ArtifactError.
 */
export async function storeTree(
  tree: { entries(): AsyncIterable<ArchiveEntry> },
  filter: SourceFilter,
  store: Store,
  now: number,
  earlier?: EarlierArchive,
): Promise<Archive> {
  return storeEntries(sourceEntries(tree, filter), store, now, earlier);
}

/** Archives files, sorted by path, as they are, and puts the archive into the store. Throws ArtifactError. `now`: epoch ms. */
export async function storeEntries(
  entries: AsyncIterable<ArchiveEntry>,
  store: Store,
  now: number,
  earlier?: EarlierArchive,
): Promise<Archive> {
  return withDirectory(async dir => {
    const file = join(dir, 'artifact.tar.gz');
    const archive = await writeArchive(entries, file, earlier);
    await keep(store, archive.digest, file, now);
    return archive;
  });
}

/** Puts a local file into the store under its digest, as it is. `now`: epoch ms. */
export async function storeFile(
  file: string,
  store: Store,
  now: number,
  format: ArtifactFormat = 'tar.gz',
): Promise<StoredFile> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  const digest = `sha256:${hash.digest('hex')}`;
  await keep(store, digest, file, now, format);
  return { digest, size: (await stat(file)).size };
}

/** Runs `use` with a new empty directory, which is gone afterwards. */
export async function withDirectory<T>(use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-source-'));
  try {
    return await use(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/**
 * An artifact that is there already is left alone, unless it is so old that a sweep which sees no reference to it yet
 * might be about to delete it: then it is written anew, which starts its grace period again.
 */
async function keep(
  store: Store,
  digest: string,
  file: string,
  now: number,
  format: ArtifactFormat = 'tar.gz',
): Promise<void> {
  const key = artifactKey(digest);
  const options = { contentType: format === 'yaml' ? 'application/yaml' : 'application/gzip' };
  if ((await store.put(key, { file }, { ...options, ifAbsent: true })) === 'created') return;
  const info = await store.head(key);
  if (!info || now - info.lastModified > graceMs / 2) await store.put(key, { file }, options);
}
