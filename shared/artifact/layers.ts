import type { ArchiveEntry } from './archive.ts';

/** A tree that lies within another, at `prefix` (without slashes at its ends; '' for the root). */
export interface Layer {
  prefix: string;
  /** Sorted by the bytes of their paths. */
  entries(): AsyncIterable<ArchiveEntry>;
}

/**
 * The files of several trees as one, sorted by path, none of them held longer than it takes to hand it on. Of files with
 * the same path that of the later layer counts.
 */
export async function* mergeLayers(layers: readonly Layer[]): AsyncGenerator<ArchiveEntry> {
  const heads: Head[] = [];
  try {
    for (const [rank, layer] of layers.entries()) {
      const head = new Head(layer, rank);
      heads.push(head);
      if (!(await head.next())) heads.pop();
    }
    heads.sort(compare);
    while (heads[0]) {
      const first = heads[0];
      const { entry } = first;
      // Those behind it with the same path were sorted by rank: the last of them counts.
      const over = heads[1]?.key.equals(first.key);
      if (entry && !over) yield entry;
      const more = await first.next();
      heads.shift();
      if (more) insert(heads, first);
    }
  } finally {
    for (const head of heads) await head.close();
  }
}

class Head {
  readonly rank: number;
  entry: ArchiveEntry | undefined;
  key: Buffer = Buffer.alloc(0);
  readonly #prefix: string;
  readonly #entries: AsyncIterator<ArchiveEntry>;

  constructor({ prefix, entries }: Layer, rank: number) {
    this.rank = rank;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.#entries = entries()[Symbol.asyncIterator]();
  }

  async next(): Promise<boolean> {
    const { value, done } = await this.#entries.next();
    if (done) return false;
    this.entry = this.#prefix === '' ? value : { ...value, path: this.#prefix + value.path };
    this.key = Buffer.from(this.entry?.path ?? '');
    return true;
  }

  async close(): Promise<void> {
    await this.#entries.return?.();
  }
}

function compare(a: Head, b: Head): number {
  return a.key.compare(b.key) || a.rank - b.rank;
}

/** Most of the time it is the first again: files of a directory lie together. */
function insert(heads: Head[], head: Head): void {
  let place = 0;
  while (heads[place] && compare(heads[place]!, head) < 0) place++;
  heads.splice(place, 0, head);
}
