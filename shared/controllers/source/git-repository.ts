import { isDeepStrictEqual } from 'node:util';
import { parseDuration } from '../../api/duration.ts';
import type { Artifact } from '../../api/source/artifact.ts';
import type { GitRepository } from '../../api/source/git-repository.ts';
import { ArtifactError } from '../../artifact/errors.ts';
import type { Resolved } from '../../git/reference.ts';
import { connectRemote, type GitRemote } from '../../git/remote.ts';
import type { Snapshot } from '../../git/snapshot.ts';
import { type Controller, runSteps, type Step } from '../../reconcile/controller.ts';
import { findError } from '../../reconcile/errors.ts';
import type { Outcome } from '../../reconcile/outcome.ts';
import { credentialsOf, gitProxy } from './git-credentials.ts';
import { fetchFailure } from './git-failure.ts';
import {
  fetchFailed,
  findArtifact,
  keepArtifact,
  looksForWord,
  outdated,
  recordArtifact,
  type SourceWork,
  sourceTransients,
  storageFailed,
  stored,
  tellStart,
} from './source.ts';
import { type StoredFile, storeTree } from './stored-file.ts';

/** What the steps of one reconcile find out. */
interface Work extends SourceWork<GitRepository> {
  remote?: GitRemote;
  resolved?: Resolved;
  snapshot?: Snapshot;
}

/**
 * GitRepository: looks at the remote's references first, which is one request; fetches the one commit only when it, or
 * what the artifact is made by, changed.
 */
export const gitRepositoryController: Controller<GitRepository> = {
  kind: 'GitRepository',
  transientConditions: sourceTransients,
  async reconcile(context) {
    const work: Work = { ...context };
    tellStart(work);
    try {
      return await runSteps(steps, work);
    } finally {
      await work.snapshot?.dispose();
      await work.remote?.close();
    }
  },
};

const steps: Step<Work>[] = [
  { name: 'look for the artifact', run: findArtifact },
  { name: 'resolve the reference', run: resolve },
  { name: 'compare', run: compare },
  { name: 'fetch', run: fetchSnapshot },
  { name: 'store', run: storeArtifact },
];

async function resolve(work: Work): Promise<Outcome | undefined> {
  const { spec, metadata } = work.object;
  try {
    const { namespace = '' } = metadata;
    const proxy = await gitProxy(work.cluster, namespace, spec.proxySecretRef?.name);
    const auth = await credentialsOf(work.cluster, namespace, spec.secretRef?.name, spec.url);
    work.remote = connectRemote(spec.url, {
      ...(auth ? { auth } : {}),
      proxy,
      timeoutMs: parseDuration(spec.timeout),
      signal: work.signal,
      rules: { refuseLoopback: work.ports.refuseLoopback },
    });
    work.resolved = await work.remote.resolve(spec.ref);
    return undefined;
  } catch (error) {
    return fetchFailed(work, fetchFailure(error));
  }
}

/** Nothing to fetch when neither the commit nor what shapes the artifact changed. */
async function compare(work: Work): Promise<Outcome | undefined> {
  const { artifact, resolved } = work;
  if (!resolved) throw new Error('the reference is not resolved');
  if (artifact?.revision !== resolved.revision || shapeChanged(work.object)) return undefined;
  if (looksForWord(work)) {
    const message = `no changes since last reconciliation: observed revision '${artifact.revision}'`;
    work.event({ severity: 'info', reason: 'GitOperationSucceeded', message, to: 'cluster' });
  }
  return told(work, await keepArtifact(work), undefined);
}

/** Whether the artifact was made by other rules than those of the spec now. */
function shapeChanged({ spec, status }: GitRepository): boolean {
  return (
    spec.ignore !== status.observedIgnore || !isDeepStrictEqual(spec.sparseCheckout, status.observedSparseCheckout)
  );
}

async function fetchSnapshot(work: Work): Promise<Outcome | undefined> {
  const { remote, resolved } = work;
  if (!remote || !resolved) throw new Error('the reference is not resolved');
  try {
    work.snapshot = await remote.fetchCommit(resolved.oid, resolved.refName);
  } catch (error) {
    return fetchFailed(work, fetchFailure(error));
  }
  if (work.artifact?.revision !== resolved.revision) outdated(work, `new upstream revision '${resolved.revision}'`);
  return undefined;
}

async function storeArtifact(work: Work): Promise<Outcome> {
  const { snapshot, resolved, object } = work;
  if (!snapshot || !resolved) throw new Error('nothing was fetched');
  const filter = { specIgnore: object.spec.ignore, directories: object.spec.sparseCheckout };
  let archive: StoredFile;
  try {
    archive = await storeTree(snapshot, filter, work.ports.store, work.clock.now());
  } catch (error) {
    // A directory of spec.sparseCheckout that is not there: the fault of what was fetched, not of the store.
    if (findError(error, ArtifactError)?.code === 'NotFound') return fetchFailed(work, fetchFailure(error));
    return storageFailed(work, error);
  }
  const artifact = await recordArtifact(work, { ...archive, revision: resolved.revision });
  work.status.observedIgnore = object.spec.ignore;
  work.status.observedSparseCheckout = object.spec.sparseCheckout;
  return told(work, artifact, snapshot.commit.message);
}

function told(work: Work, artifact: Artifact, message: string | undefined): Outcome {
  const commit = message === undefined ? artifact.revision : shortMessage(message);
  return stored(work, artifact, { eventMessage: `stored artifact for commit '${commit}'` });
}

/** The first line of a commit message, at most 50 characters of it. */
export function shortMessage(message: string): string {
  const characters = [...(message.split('\n')[0] ?? '')];
  return characters.length > 50 ? `${characters.slice(0, 50).join('')}...` : characters.join('');
}
