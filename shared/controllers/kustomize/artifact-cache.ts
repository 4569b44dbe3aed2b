import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FetchOptions, fetchArtifact } from '../../artifact/layout.ts';
import type { Store } from '../../ports/store.ts';
import type { Artifact } from './subject.ts';

interface Entry {
  dir: Promise<string>;
  /** Of the archive, bytes. */
  size: number;
  users: number;
}

export interface ArtifactCacheLimits {
  entries: number;
  /** Of the archives. Extracted they take several times as much, of a disk that on Lambda has 512 MiB. */
  bytes: number;
}

/**
 * Extracted artifacts of this process, by digest: many Kustomizations build from one artifact, often at the same time.
 * Bounded; an entry in use is never removed.
 */
export class ArtifactCache {
  readonly #entries = new Map<string, Entry>();
  readonly #limits: ArtifactCacheLimits;
  constructor(limits: ArtifactCacheLimits) {
    this.#limits = limits;
  }

  /** Calls `use` with the directory of the extracted artifact, which must not be changed. */
  async with<T>(
    store: Store,
    artifact: Artifact,
    use: (dir: string) => Promise<T>,
    options?: FetchOptions,
  ): Promise<T> {
    const entry = this.#take(store, artifact, options);
    entry.users++;
    try {
      return await use(await entry.dir);
    } finally {
      entry.users--;
      await this.#shrink();
    }
  }

  #take(store: Store, artifact: Artifact, options?: FetchOptions): Entry {
    const { digest } = artifact;
    const entry = this.#entries.get(digest) ?? {
      dir: extract(store, artifact, options),
      size: artifact.size ?? 0,
      users: 0,
    };
    this.#entries.delete(digest);
    this.#entries.set(digest, entry);
    // A failure is not kept: the next one may succeed.
    entry.dir.catch(() => this.#entries.get(digest) === entry && this.#entries.delete(digest));
    return entry;
  }

  async #shrink(): Promise<void> {
    for (const [digest, entry] of this.#entries) {
      const bytes = [...this.#entries.values()].reduce((sum, { size }) => sum + size, 0);
      if (this.#entries.size <= this.#limits.entries && bytes <= this.#limits.bytes) return;
      if (entry.users > 0) continue;
      this.#entries.delete(digest);
      await rm(await entry.dir.catch(() => ''), { recursive: true, force: true });
    }
  }
}

async function extract(store: Store, artifact: Artifact, options?: FetchOptions): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-artifact-'));
  try {
    await fetchArtifact(store, artifact, dir, options);
    return dir;
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}
