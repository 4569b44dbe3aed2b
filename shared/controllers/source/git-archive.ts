import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeArchive } from '../../artifact/archive.ts';
import { artifactKey } from '../../artifact/layout.ts';
import { type SourceFilter, sourceEntries } from '../../artifact/source-filter.ts';
import type { Snapshot } from '../../git/snapshot.ts';
import type { Store } from '../../ports/store.ts';
import { graceMs } from './artifact-sweep.ts';

/**
 * Archives what the filter leaves of a snapshot, and puts it into the store under its digest. The same tree has the same
 * digest everywhere, so identical sources share one object.
 */
export async function storeSnapshot(
  snapshot: Snapshot,
  filter: SourceFilter,
  store: Store,
  now: number,
): Promise<{ digest: string; size: number }> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-archive-'));
  try {
    const file = join(dir, 'artifact.tar.gz');
    const archive = await writeArchive(sourceEntries(snapshot, filter), file);
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
