import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { writeArchive } from '../../artifact/archive.ts';
import { ignoreMatcher } from '../../artifact/ignore.ts';
import { artifactKey } from '../../artifact/layout.ts';
import type { Snapshot, TreeEntry } from '../../git/snapshot.ts';
import type { Store } from '../../ports/store.ts';
import { graceMs } from './artifact-sweep.ts';

/** The name of the files in a repository that say what to leave out of artifacts. */
const ignoreFile = '.sourceignore';
/** Larger ones are no ignore files. */
const maxIgnoreFile = 1 << 20;

/**
 * Archives what the ignore rules leave of a snapshot, and puts it into the store under its digest. The same tree has the
 * same digest everywhere, so identical sources share one object.
 */
export async function storeSnapshot(
  snapshot: Snapshot,
  specIgnore: string | undefined,
  store: Store,
  now: number,
): Promise<{ digest: string; size: number }> {
  const sourceignore: { dir: string; text: string }[] = [];
  for await (const entry of snapshot.entries()) {
    if (!isIgnoreFile(entry) || entry.size > maxIgnoreFile) continue;
    sourceignore.push({ dir: dirOf(entry.path), text: (await entry.read()).toString('utf8') });
  }
  const ignored = ignoreMatcher({ ...(specIgnore === undefined ? {} : { specIgnore }), sourceignore, defaults: true });
  const dir = await mkdtemp(join(tmpdir(), 'sluice-archive-'));
  try {
    const file = join(dir, 'artifact.tar.gz');
    const archive = await writeArchive(kept(snapshot, ignored), file);
    await keep(store, artifactKey(archive.digest), file, now);
    return archive;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/**
 * An artifact that is there already is left alone, unless it is so old that a sweep which sees no reference to it yet
 * might be about to delete it: then it is written anew, which starts its grace period again.
 */
async function keep(store: Store, key: string, file: string, now: number): Promise<void> {
  const options = { contentType: 'application/gzip' };
  if ((await store.put(key, { file }, { ...options, ifAbsent: true })) === 'created') return;
  const info = await store.head(key);
  if (!info || now - info.lastModified > graceMs / 2) await store.put(key, { file }, options);
}

async function* kept(
  snapshot: Snapshot,
  ignored: (path: string, isDir: boolean) => boolean,
): AsyncGenerator<TreeEntry> {
  for await (const entry of snapshot.entries()) {
    if (entry.mode !== 'submodule' && !ignored(entry.path, false)) yield entry;
  }
}

function isIgnoreFile(entry: TreeEntry): boolean {
  return (entry.mode === 'file' || entry.mode === 'executable') && entry.path.split('/').at(-1) === ignoreFile;
}

function dirOf(path: string): string {
  const dir = dirname(path);
  return dir === '.' ? '' : dir;
}
