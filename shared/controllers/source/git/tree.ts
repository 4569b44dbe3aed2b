import { keyString } from '../../../api/object.ts';
import type { Archive, EarlierArchive } from '../../../artifact/archive.ts';
import { ArtifactError } from '../../../artifact/errors.ts';
import { type SourceFilter, sparseEntries, sparseTouches } from '../../../artifact/source-filter.ts';
import { GitError, type Snapshot } from '../../../git/remote.ts';
import { submoduleAccess } from '../../../git/submodule-url.ts';
import { findError } from '../../../reconcile/errors.ts';
import type { Fetched } from '../fetch-once.ts';
import { NotStored, storeTree, withDirectory } from '../stored-file.ts';
import { IncludeError, withIncludes } from './include.ts';
import { type KeptCommit, keepBase, type Origin, openBase, worthKeeping } from './incremental-base.ts';
import { type FileTree, withSubmodules } from './submodules.ts';
import { signedDetail } from './verify.ts';
import { type GitWork, openRemote } from './work.ts';

/**
 * Fetches the commit, with its submodules where the spec wants them, lays the includes into it, and stores what the ignore
 * rules leave of all that. Throws GitError, IncludeError, ArtifactError NotFound for a directory of spec.sparseCheckout
 * that is not there, or NotStored.
 */
export async function fetchTree(work: GitWork): Promise<Fetched> {
  const origin = originOf(work);
  const base = await openBase(work, origin, work.resolved?.oid ?? '');
  if (!base) return fetchFrom(work, origin);
  try {
    return await fetchFrom(work, origin, base);
  } catch (error) {
    if (!blamesBase(error)) throw error;
    const { message } = error as Error;
    work.log.info('the difference to the last commit does not do: fetching all of it', { error: message });
  } finally {
    base.close();
  }
  return fetchFrom(work, origin);
}

async function fetchFrom(work: GitWork, origin: Origin, base?: KeptCommit): Promise<Fetched> {
  const { remote, resolved } = work;
  if (!remote || !resolved) throw new Error('the reference is not resolved');
  const snapshot = await remote.fetchCommit(resolved.oid, resolved.refName, base?.objects);
  try {
    work.log.info('fetched a commit', { packBytes: snapshot.packBytes, incremental: base !== undefined });
    const archive = await storeWhole(work, snapshot, base?.archive);
    if (worthKeeping(snapshot, base !== undefined)) await keepBase(work, origin, snapshot, archive);
    const detail = { message: snapshot.commit.message, ...(work.object.spec.verify ? signedDetail(snapshot) : {}) };
    return { digest: archive.digest, size: archive.size, revision: resolved.revision, detail };
  } finally {
    await snapshot.dispose();
  }
}

/** Whether it may help to fetch without the base: something was missing, or the server could not make the difference. */
function blamesBase(error: unknown): boolean {
  const code = findError(error, GitError)?.code;
  return code === 'Corrupt' || code === 'ServerError' || code === 'NotGit';
}

/** Who may build upon the artifact of the last commit: what was laid into it from elsewhere is for this object alone. */
function originOf({ object, access, key }: GitWork): Origin {
  const { url, ignore, sparseCheckout, recurseSubmodules, include } = object.spec;
  const owner = recurseSubmodules || include?.length ? { owner: keyString(key) } : {};
  return { kind: 'git', url, credentials: access?.credentials ?? [], shape: { ignore, sparseCheckout, ...owner } };
}

async function storeWhole(work: GitWork, snapshot: Snapshot, earlier?: EarlierArchive): Promise<Archive> {
  if (!work.object.spec.recurseSubmodules) return store(work, snapshot, earlier);
  const tree = await fetchSubmodules(work, snapshot);
  try {
    return await store(work, tree, earlier);
  } finally {
    await tree.dispose();
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

async function store(work: GitWork, tree: FileTree, earlier?: EarlierArchive): Promise<Archive> {
  const { spec } = work.object;
  const { includes = [], ports } = work;
  const put = (from: FileTree, filter: SourceFilter) => storeTree(from, filter, ports.store, work.clock.now(), earlier);
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
