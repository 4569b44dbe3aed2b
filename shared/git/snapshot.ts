import { GitError } from './errors.ts';
import type { GitLimits } from './limits.ts';
import { type Commit, type EntryMode, parseCommit, parseTag, parseTree } from './objects.ts';
import type { Pack } from './pack.ts';

/** A file of the tree. */
export interface TreeEntry {
  /** From the root, `/` between names. Bytes that are no UTF-8 come as U+FFFD. */
  path: string;
  mode: EntryMode;
  oid: string;
  /** Bytes; 0 for a submodule. */
  size: number;
  /** The content; of a symlink its target. Throws Unsupported for a submodule. */
  read(): Promise<Buffer>;
}

/** One commit with its tree, on this machine. */
export interface Snapshot {
  commit: Commit;
  /** The annotated tag that led to the commit, when it was fetched by one; its own, where tags point to tags. */
  tag?: Tag;
  /** All files, sorted by the bytes of their paths. */
  entries(): AsyncIterable<TreeEntry>;
  /** Deletes what was fetched. To be called exactly when done; entries cannot be read after. */
  dispose(): Promise<void>;
}

/** An annotated tag. */
export interface Tag {
  oid: string;
  /** The object as it is stored, for the verification of its signature. */
  raw: Buffer;
}

/** The snapshot of a commit that `pack` holds with its whole tree. `oid` may name an annotated tag of the commit. */
export async function openSnapshot(pack: Pack, oid: string, limits: GitLimits): Promise<Snapshot> {
  const commit = await peelCommit(pack, oid);
  return {
    commit,
    ...(commit.oid === oid ? {} : { tag: { oid, raw: await pack.read(oid, 'tag') } }),
    entries: () => new TreeWalk(pack, limits).files(commit.tree, '', 0),
    dispose: async () => pack.close(),
  };
}

/** The commit behind an object id, through tags. */
export async function peelCommit(pack: Pack, oid: string): Promise<Commit> {
  let at = oid;
  for (let hop = 0; hop < 16; hop++) {
    const { type } = pack.stat(at);
    if (type === 'commit') return parseCommit(at, await pack.read(at, 'commit'));
    if (type !== 'tag') throw new GitError('InvalidReference', `${oid} leads to a ${type}, not to a commit`);
    at = parseTag(at, await pack.read(at, 'tag')).object;
  }
  throw new GitError('Corrupt', `tag ${oid} leads through more than 16 tags`);
}

/** The tree without entries, which servers need not send. */
const emptyTree = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';

class TreeWalk {
  readonly #pack: Pack;
  readonly #limits: GitLimits;
  #seen = 0;

  constructor(pack: Pack, limits: GitLimits) {
    this.#pack = pack;
    this.#limits = limits;
  }

  async *files(tree: string, dir: string, depth: number): AsyncGenerator<TreeEntry> {
    if (depth > this.#limits.treeDepth)
      throw new GitError('TooLarge', `the tree is deeper than ${this.#limits.treeDepth} directories`);
    if (tree === emptyTree) return;
    const lines = parseTree(tree, await this.#pack.read(tree, 'tree'), dir);
    this.#seen += lines.length;
    if (this.#seen > this.#limits.treeEntries)
      throw new GitError('TooLarge', `the tree holds more than ${this.#limits.treeEntries} files and directories`);
    for (const { name, mode, oid } of lines) {
      const path = dir === '' ? name : `${dir}/${name}`;
      if (mode === 'directory') yield* this.files(oid, path, depth + 1);
      else yield this.#entry(path, mode, oid);
    }
  }

  #entry(path: string, mode: EntryMode, oid: string): TreeEntry {
    if (mode === 'submodule') {
      const read = async () => {
        throw new GitError('Unsupported', `${path} is a submodule; its files belong to another repository`);
      };
      return { path, mode, oid, size: 0, read };
    }
    const { size } = this.#pack.stat(oid);
    return { path, mode, oid, size, read: () => this.#pack.read(oid, 'blob') };
  }
}
