import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
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
import { askOnce, type Fetched, fetchOnce, type Question } from './fetch-once.ts';
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
import { storeTree } from './stored-file.ts';

/** What the steps of one reconcile find out. */
interface Work extends SourceWork<GitRepository> {
  remote?: GitRemote;
  /** All that decides what the remote shows: see Question in fetch-once.ts. */
  credentials?: readonly string[];
  resolved?: Resolved;
  snapshot?: Snapshot;
}

const Resolution = z.object({ oid: z.string(), refName: z.string().exactOptional(), revision: z.string() });

/** What was fetched could not be put into the store; the cause tells why. */
class NotStored extends Error {}

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
  { name: 'fetch and store', run: storeArtifact },
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
    work.credentials = [auth, proxy].map(part => JSON.stringify(part ?? null));
    const question = { ...questionOf(work), shape: { ref: spec.ref } };
    const { remote } = work;
    work.resolved = await askOnce(work, question, Resolution, () => remote.resolve(spec.ref));
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

/** What all questions to the remote have in common. */
function questionOf({ object, credentials = [] }: Work): Question {
  const { url, timeout } = object.spec;
  return {
    kind: 'git',
    url,
    credentials,
    timeoutMs: parseDuration(timeout),
    failure: error => (findError(error, NotStored) ? undefined : fetchFailure(error)),
  };
}

async function storeArtifact(work: Work): Promise<Outcome> {
  const { resolved, object } = work;
  if (!resolved) throw new Error('the reference is not resolved');
  const { ref, ignore, sparseCheckout } = object.spec;
  if (work.artifact?.revision !== resolved.revision) outdated(work, `new upstream revision '${resolved.revision}'`);
  // Where a commit was found matters only when it is named: then it has to be looked for on the branch.
  const within = ref?.commit ? resolved.refName : undefined;
  const question = { ...questionOf(work), revision: resolved.oid, shape: { ignore, sparseCheckout, within } };
  let fetched: Fetched;
  try {
    fetched = await fetchOnce(work, question, () => fetchAndStore(work, resolved));
  } catch (error) {
    const notStored = findError(error, NotStored);
    return notStored ? storageFailed(work, notStored.cause) : fetchFailed(work, fetchFailure(error));
  }
  const { digest, size, detail } = fetched;
  const artifact = await recordArtifact(work, { digest, size, revision: resolved.revision });
  work.status.observedIgnore = ignore;
  work.status.observedSparseCheckout = sparseCheckout;
  return told(work, artifact, detail?.message);
}

async function fetchAndStore(work: Work, { oid, refName, revision }: Resolved): Promise<Fetched> {
  const { remote, object, ports } = work;
  if (!remote) throw new Error('the remote is not open');
  work.snapshot = await remote.fetchCommit(oid, refName);
  const filter = { specIgnore: object.spec.ignore, directories: object.spec.sparseCheckout };
  try {
    const archive = await storeTree(work.snapshot, filter, ports.store, work.clock.now());
    return { ...archive, revision, detail: { message: work.snapshot.commit.message } };
  } catch (cause) {
    // A directory of spec.sparseCheckout that is not there: the fault of what was fetched, not of the store.
    if (findError(cause, ArtifactError)?.code === 'NotFound') throw cause;
    throw new NotStored('the artifact could not be stored', { cause });
  }
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
