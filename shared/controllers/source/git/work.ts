import type { GitRepository } from '../../../api/source/git-repository.ts';
import type { Resolved } from '../../../git/reference.ts';
import { connectRemote, type GitAuth, GitError, type GitRemote } from '../../../git/remote.ts';
import type { SourceWork } from '../source.ts';
import type { Include } from './include.ts';
import type { GitAccess } from './provider.ts';

/** What the steps of one reconcile of a GitRepository find out. */
export interface GitWork extends SourceWork<GitRepository> {
  /** The artifacts of the included repositories, in the order of spec.include. */
  includes?: Include[];
  access?: GitAccess;
  remote?: GitRemote;
  /** performance.now() at which spec.timeout is over. */
  until?: number;
  resolved?: Resolved;
}

/** Opens a repository by the object's proxy and within what is left of its time. Throws GitError. */
export function openRemote(work: GitWork, url: string, auth: GitAuth): GitRemote {
  const left = (work.until ?? 0) - performance.now();
  if (left <= 0) throw new GitError('Timeout', 'spec.timeout was over before all was fetched: raise it');
  return connectRemote(url, {
    auth,
    proxy: work.access?.proxy,
    timeoutMs: Math.ceil(left),
    signal: work.signal,
    rules: { refuseLoopback: work.ports.refuseLoopback },
  });
}
