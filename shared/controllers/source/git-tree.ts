import { ArtifactError } from '../../artifact/errors.ts';
import { type SourceFilter, sparseEntries, sparseTouches } from '../../artifact/source-filter.ts';
import type { Snapshot } from '../../git/remote.ts';
import { submoduleAccess } from '../../git/submodule-url.ts';
import { findError } from '../../reconcile/errors.ts';
import type { Fetched } from './fetch-once.ts';
import { IncludeError, withIncludes } from './git-include.ts';
import { type FileTree, withSubmodules } from './git-submodules.ts';
import { signedDetail } from './git-verify.ts';
import { type GitWork, openRemote } from './git-work.ts';
import { storeTree, withDirectory } from './stored-file.ts';

/** What was fetched could not be put into the store; the cause tells why. */
export class NotStored extends Error {}

/**
 * Fetches the commit, with its submodules where the spec wants them, lays the includes into it, and stores what the ignore
 * rules leave of all that. Throws GitError, IncludeError, ArtifactError NotFound for a directory of spec.sparseCheckout
 * that is not there, or NotStored.
 */
export async function fetchTree(work: GitWork): Promise<Fetched> {
  const { remote, resolved } = work;
  if (!remote || !resolved) throw new Error('the reference is not resolved');
  const snapshot = await remote.fetchCommit(resolved.oid, resolved.refName);
  try {
    if (!work.object.spec.recurseSubmodules) return await store(work, snapshot, snapshot);
    const tree = await fetchSubmodules(work, snapshot);
    try {
      return await store(work, snapshot, tree);
    } finally {
      await tree.dispose();
    }
  } finally {
    await snapshot.dispose();
  }
}

function fetchSubmodules(work: GitWork, snapshot: Snapshot) {
  const { url: own, sparseCheckout } = work.object.spec;
  return withSubmodules(snapshot, {
    url: own,
    wanted: path => sparseTouches(path, sparseCheckout),
    connect(address) {
      const { url, auth } = submoduleAccess(address, own, work.access?.auth);
      return openRemote(work, url, auth);
    },
  });
}

async function store(work: GitWork, snapshot: Snapshot, tree: FileTree): Promise<Fetched> {
  const { spec } = work.object;
  const { includes = [], ports, resolved } = work;
  const detail = { message: snapshot.commit.message, ...(spec.verify ? signedDetail(snapshot) : {}) };
  const put = async (from: FileTree, filter: SourceFilter): Promise<Fetched> => {
    const archive = await storeTree(from, filter, ports.store, work.clock.now());
    return { ...archive, revision: resolved?.revision ?? '', detail };
  };
  try {
    if (includes.length === 0) return await put(tree, { specIgnore: spec.ignore, directories: spec.sparseCheckout });
    return await withDirectory(async dir => {
      // spec.sparseCheckout is about the repository, not about what is laid into it.
      const base = { entries: () => sparseEntries(tree, spec.sparseCheckout) };
      return put(await withIncludes(base, includes, ports.store, dir), { specIgnore: spec.ignore });
    });
  } catch (cause) {
    // A directory of spec.sparseCheckout that is not there: the fault of what was fetched, not of the store.
    if (findError(cause, IncludeError) || findError(cause, ArtifactError)?.code === 'NotFound') throw cause;
    throw new NotStored('the artifact could not be stored', { cause });
  }
}
