import type { ArchiveEntry } from '../../../artifact/archive.ts';
import { type Layer, mergeLayers } from '../../../artifact/layers.ts';
import { defaultLimits } from '../../../git/limits.ts';
import { GitError, type GitRemote, type Snapshot } from '../../../git/remote.ts';
import { maxSubmoduleFile, parseSubmodules, type Submodule, submoduleFile } from '../../../git/submodule-config.ts';
import { submoduleUrl } from '../../../git/submodule-url.ts';

/** A tree whose files may be walked several times. */
export interface FileTree {
  entries(): AsyncIterable<ArchiveEntry>;
}

/** A repository with its submodules: one tree, and what has to be given back. */
export interface TreeWithSubmodules extends FileTree {
  dispose(): Promise<void>;
}

export interface SubmoduleOptions {
  /** Of the repository that holds them. */
  url: string;
  /** Opens a submodule's repository, with the credentials that may go there. */
  connect(url: string): GitRemote;
  /** Whether a submodule at this path becomes part of the artifact; others are not fetched. */
  wanted(path: string): boolean;
}

/** Submodules within submodules, as deep as Flux goes. */
const maxDepth = 10;
/** In all; a few commits can name any number. */
const maxSubmodules = 256;

/**
 * Fetches the submodules of a commit, and theirs, each at the commit that the tree names: what is at the tip of their
 * branches does not matter. Submodules that .gitmodules does not name stay empty, as in Flux; those that it names and the tree
 * does not have are none. Throws GitError, which names the submodule; what was fetched until then is given back.
 */
export async function withSubmodules(root: Snapshot, options: SubmoduleOptions): Promise<TreeWithSubmodules> {
  const fetched: Snapshot[] = [];
  const layers: Layer[] = [{ prefix: '', entries: () => root.entries() }];
  const dispose = async () => {
    for (const snapshot of fetched) await snapshot.dispose();
  };
  const total = new Total();
  const add = async (snapshot: Snapshot, url: string, prefix: string, depth: number): Promise<void> => {
    for (const { path, oid, written } of await submodulesOf(snapshot, prefix, total)) {
      if (!options.wanted(path)) continue;
      if (depth > maxDepth) throw refused(path, `lies in ${maxDepth} others, and deeper ones are not fetched`);
      if (fetched.length >= maxSubmodules)
        throw refused(path, `is one of more than ${maxSubmodules}, which are too many`);
      const address = submoduleUrl(written, url, path);
      const inner = await fetchSubmodule(options.connect, address, oid, path);
      fetched.push(inner);
      layers.push({ prefix: path, entries: () => inner.entries() });
      await add(inner, address, path, depth + 1);
    }
  };
  try {
    await add(root, options.url, '', 1);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { entries: () => mergeLayers(layers), dispose };
}

/** Of all trees together: many that are small enough can be too much. */
class Total {
  #files = 0;
  #bytes = 0;

  add(size: number): void {
    const { treeEntries, inflatedBytes } = defaultLimits;
    this.#bytes += size;
    if (++this.#files > treeEntries)
      throw new GitError('TooLarge', `the repository and its submodules hold more than ${treeEntries} files`);
    if (this.#bytes > inflatedBytes)
      throw new GitError('TooLarge', `the repository and its submodules hold more than ${inflatedBytes} bytes`);
  }
}

function refused(path: string, why: string): GitError {
  return new GitError('SubmoduleRefused', `submodule '${path}' ${why}`);
}

async function fetchSubmodule(
  connect: SubmoduleOptions['connect'],
  url: string,
  oid: string,
  path: string,
): Promise<Snapshot> {
  let remote: GitRemote | undefined;
  try {
    remote = connect(url);
    return await remote.fetchCommit(oid);
  } catch (cause) {
    if (!(cause instanceof GitError)) throw cause;
    // What is wrong with a submodule is not wrong with the spec: whoever can push may mend it.
    const code = cause.code === 'InvalidUrl' || cause.code === 'Unsupported' ? 'SubmoduleRefused' : cause.code;
    throw new GitError(code, `unable to fetch submodule '${path}': ${cause.message}`, { cause });
  } finally {
    await remote?.close();
  }
}

/** The submodules of one tree that have an address, in the order of their paths; paths from the root of all. */
async function submodulesOf(
  snapshot: Snapshot,
  prefix: string,
  total: Total,
): Promise<{ path: string; oid: string; written: string }[]> {
  const links: { path: string; oid: string }[] = [];
  let named = new Map<string, Submodule>();
  for await (const entry of snapshot.entries()) {
    total.add(entry.size);
    if (entry.mode === 'submodule') links.push({ path: entry.path, oid: entry.oid });
    if (entry.path !== submoduleFile || (entry.mode !== 'file' && entry.mode !== 'executable')) continue;
    if (entry.size > maxSubmoduleFile)
      throw new GitError('TooLarge', `${submoduleFile} has ${entry.size} bytes; the limit is ${maxSubmoduleFile}`);
    named = parseSubmodules((await entry.read()).toString('utf8'));
  }
  return links.flatMap(({ path, oid }) => {
    const submodule = named.get(path);
    const place = prefix === '' ? path : `${prefix}/${path}`;
    return submodule ? [{ path: place, oid, written: submodule.url }] : [];
  });
}
