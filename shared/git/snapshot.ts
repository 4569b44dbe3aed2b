import { GitError } from './errors.ts';
import type { Objects } from './incremental.ts';
import type { GitLimits } from './limits.ts';
import { type Commit, type EntryMode, parseCommit, parseTag, parseTree } from './objects.ts';
import type { ObjectType } from './pack-table.ts';

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
  /** Bytes that the server sent. */
  packBytes: number;
  /**
   * What an artifact does not hold of the commit, and without which its tree cannot be known: trees, links, ignore files.
   * Each once.
   */
  skeleton(): AsyncIterable<{ type: ObjectType; data: Buffer }>;
  /** Deletes what was fetched. To be called exactly when done; entries cannot be read after. */
  dispose(): Promise<void>;
}

/** An annotated tag. */
export interface Tag {
  oid: string;
  /** The object as it is stored, for the verification of its signature. */
  raw: Buffer;
}

/** The snapshot of a commit that is there with its tree. `oid` may name an annotated tag of the commit. */
export async function openSnapshot(
  objects: Objects,
  oid: string,
  limits: GitLimits,
  packBytes: number,
): Promise<Snapshot> {
  const commit = await peelCommit(objects, oid);
  return {
    commit,
    ...(commit.oid === oid ? {} : { tag: { oid, raw: await objects.read(oid, 'tag') } }),
    entries: () => new TreeWalk(objects, limits).files(commit.tree, '', 0),
    packBytes,
    skeleton: () => skeletonOf(objects, commit.tree, limits),
    dispose: async () => objects.close(),
  };
}

/** The commit behind an object id, through tags. */
export async function peelCommit(objects: Objects, oid: string): Promise<Commit> {
  let at = oid;
  for (let hop = 0; hop < 16; hop++) {
    const { type } = objects.stat(at);
    if (type === 'commit') return parseCommit(at, await objects.read(at, 'commit'));
    if (type !== 'tag') throw new GitError('InvalidReference', `${oid} leads to a ${type}, not to a commit`);
    at = parseTag(at, await objects.read(at, 'tag')).object;
  }
  throw new GitError('Corrupt', `tag ${oid} leads through more than 16 tags`);
}

/** The tree without entries, which servers need not send. */
const emptyTree = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';

class TreeWalk {
  readonly #objects: Objects;
  readonly #limits: GitLimits;
  #seen = 0;

  constructor(objects: Objects, limits: GitLimits) {
    this.#objects = objects;
    this.#limits = limits;
  }

  async *files(tree: string, dir: string, depth: number): AsyncGenerator<TreeEntry> {
    if (depth > this.#limits.treeDepth)
      throw new GitError('TooLarge', `the tree is deeper than ${this.#limits.treeDepth} directories`);
    if (tree === emptyTree) return;
    const lines = parseTree(tree, await this.#objects.read(tree, 'tree'), dir);
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
    return { path, mode, oid, size: this.#objects.sizeOf(oid), read: () => this.#objects.read(oid, 'blob') };
  }
}

/** Files that decide about others; an artifact need not hold them. Larger ones are none. */
const decisive = new Set(['.sourceignore', '.gitmodules']);
const mostBytes = 2 ** 20;

async function* skeletonOf(
  objects: Objects,
  root: string,
  limits: GitLimits,
): AsyncGenerator<{ type: ObjectType; data: Buffer }> {
  const seen = new Set<string>([emptyTree]);
  const trees = [root];
  for (let tree = trees.pop(); tree !== undefined; tree = trees.pop()) {
    if (seen.has(tree)) continue;
    seen.add(tree);
    if (seen.size > limits.treeEntries) throw new GitError('TooLarge', 'the commit holds too many trees');
    const data = await objects.read(tree, 'tree');
    yield { type: 'tree', data };
    for (const { name, mode, oid } of parseTree(tree, data, '')) {
      if (mode === 'directory') trees.push(oid);
      const wanted = mode === 'symlink' || (mode !== 'submodule' && decisive.has(name));
      if (!wanted || seen.has(oid) || objects.sizeOf(oid) > mostBytes) continue;
      seen.add(oid);
      yield { type: 'blob', data: await objects.read(oid, 'blob') };
    }
  }
}
