import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { parseDuration } from '../../../api/duration.ts';
import type { Artifact } from '../../../api/source/artifact.ts';
import type { GitRepository } from '../../../api/source/git-repository.ts';
import { GitError } from '../../../git/errors.ts';
import type { Controller, Step } from '../../../reconcile/controller.ts';
import { findError } from '../../../reconcile/errors.ts';
import type { Outcome } from '../../../reconcile/outcome.ts';
import { askOnce, type Fetched, fetchOnce, type Question } from '../fetch-once.ts';
import {
  failed,
  fetchFailed,
  keepArtifact,
  looksForWord,
  outdated,
  recordArtifact,
  runSource,
  sourceTransients,
  storageFailed,
  stored,
} from '../source.ts';
import { NotStored } from '../stored-file.ts';
import { fetchFailure } from './failure.ts';
import { findIncludes, IncludeError, includesChanged } from './include.ts';
import { gitAccess } from './provider.ts';
import { fetchTree } from './tree.ts';
import { forgetVerification, requiresVerification, type SignedObjects, signedObjects, verifySource } from './verify.ts';
import { type GitWork, openRemote } from './work.ts';

const Resolution = z.object({
  oid: z.string(),
  refName: z.string().exactOptional(),
  tagOid: z.string().exactOptional(),
  revision: z.string(),
});

/**
 * GitRepository: looks at the remote's references first, which is one request; fetches the one commit only when it, or
 * what the artifact is made by, changed.
 */
export const gitRepositoryController: Controller<GitRepository> = {
  kind: 'GitRepository',
  transientConditions: [...sourceTransients, 'IncludeUnavailable'],
  reconcile(context) {
    const work: GitWork = { ...context };
    forgetVerification(work);
    return runSource(work, steps, () => work.remote?.close());
  },
};

const steps: Step<GitWork>[] = [
  { name: 'find the includes', run: findIncludes },
  { name: 'resolve the reference', run: resolve },
  { name: 'compare', run: compare },
  { name: 'fetch and store', run: storeArtifact },
];

async function resolve(work: GitWork): Promise<Outcome | undefined> {
  const { spec } = work.object;
  try {
    work.access = await gitAccess(work);
    work.until = performance.now() + parseDuration(spec.timeout);
    const remote = openRemote(work, spec.url, work.access.auth);
    work.remote = remote;
    const question = { ...questionOf(work), shape: { ref: spec.ref } };
    work.resolved = await askOnce(work, question, Resolution, () => remote.resolve(spec.ref));
    return undefined;
  } catch (error) {
    return notFetched(work, error);
  }
}

function notFetched(work: GitWork, error: unknown): Outcome {
  if (findError(error, GitError)?.code === 'AuthenticationFailed') work.access?.refused?.();
  return fetchFailed(work, fetchFailure(error));
}

/** Nothing to fetch when neither the commit nor what shapes the artifact changed. */
async function compare(work: GitWork): Promise<Outcome | undefined> {
  const { artifact, includes = [], object, resolved } = work;
  if (!resolved) throw new Error('the reference is not resolved');
  if (includesChanged(object, includes))
    work.stage('building artifact: included artifacts differ from last observed includes');
  else if (artifact?.revision === resolved.revision && !shapeChanged(object)) return upToDate(work, artifact);
  return undefined;
}

async function upToDate(work: GitWork, artifact: Artifact): Promise<Outcome> {
  if (looksForWord(work)) {
    const message = `no changes since last reconciliation: observed revision '${artifact.revision}'`;
    work.event({ severity: 'info', reason: 'GitOperationSucceeded', message, to: 'cluster' });
  }
  return told(work, await keepArtifact(work), undefined);
}

/** Whether the artifact was made by other rules than those of the spec now, or has to be verified. */
function shapeChanged(object: GitRepository): boolean {
  const { spec, status } = object;
  return (
    spec.ignore !== status.observedIgnore ||
    !isDeepStrictEqual(spec.sparseCheckout, status.observedSparseCheckout) ||
    (spec.recurseSubmodules ?? false) !== (status.observedRecurseSubmodules ?? false) ||
    requiresVerification(object)
  );
}

/** What all questions to the remote have in common. */
function questionOf({ object, access }: GitWork): Question {
  const { url, timeout } = object.spec;
  return {
    kind: 'git',
    url,
    credentials: access?.credentials ?? [],
    timeoutMs: parseDuration(timeout),
    failure: error => (isStorage(error) ? undefined : fetchFailure(error)),
  };
}

/** All that decides what the artifact of a commit holds, and what has to be known of it. */
function shapeOf({ object, includes = [], resolved }: GitWork): Record<string, unknown> {
  const { ref, ignore, sparseCheckout, recurseSubmodules, verify } = object.spec;
  return {
    ignore,
    sparseCheckout,
    // Where a commit was found matters only when it is named: then it has to be looked for on the branch.
    within: ref?.commit ? resolved?.refName : undefined,
    ...(recurseSubmodules ? { recurseSubmodules } : {}),
    ...(includes.length > 0 ? { includes: includes.map(({ spec, artifact }) => [spec, artifact.digest]) } : {}),
    ...(verify ? { signed: resolved?.tagOid ?? true } : {}),
  };
}

async function storeArtifact(work: GitWork): Promise<Outcome> {
  const { resolved, object } = work;
  if (!resolved) throw new Error('the reference is not resolved');
  const question = { ...questionOf(work), revision: resolved.oid, shape: shapeOf(work) };
  let fetched: Fetched;
  let signed: SignedObjects | undefined;
  try {
    fetched = await fetchOnce(work, question, () => fetchTree(work));
    if (object.spec.verify) signed = signedObjects(resolved, fetched.detail);
  } catch (error) {
    return isStorage(error) ? notStored(work, resolved.revision, error) : notFetched(work, error);
  }
  const { digest, size, detail } = fetched;
  const unverified = signed && (await verifySource(work, signed));
  if (unverified) return unverified;
  const artifact = await recordArtifact(work, { digest, size, revision: resolved.revision });
  observe(work);
  return told(work, artifact, detail?.message);
}

/** Says by which rules the artifact was made. */
function observe({ object, includes = [], status }: GitWork): void {
  const { ignore, sparseCheckout, recurseSubmodules, include } = object.spec;
  status.observedIgnore = ignore;
  status.observedSparseCheckout = sparseCheckout;
  status.observedRecurseSubmodules = recurseSubmodules || undefined;
  status.observedInclude = include?.length ? include : undefined;
  status.includedArtifacts = includes.length > 0 ? includes.map(({ artifact }) => artifact) : undefined;
}

function isStorage(error: unknown): boolean {
  return findError(error, NotStored) !== undefined || findError(error, IncludeError) !== undefined;
}

function notStored(work: GitWork, revision: string, error: unknown): Outcome {
  if (work.artifact?.revision !== revision) outdated(work, `new upstream revision '${revision}'`);
  const include = findError(error, IncludeError);
  if (!include) return storageFailed(work, findError(error, NotStored)?.cause);
  const { code: reason, message } = include;
  return failed(work, 'StorageOperationFailed', { reason, message, stalled: false, error });
}

function told(work: GitWork, artifact: Artifact, message: string | undefined): Outcome {
  const commit = message === undefined ? artifact.revision : shortMessage(message);
  return stored(work, artifact, { eventMessage: `stored artifact for commit '${commit}'` });
}

/** The first line of a commit message, at most 50 characters of it. */
export function shortMessage(message: string): string {
  const characters = [...(message.split('\n')[0] ?? '')];
  return characters.length > 50 ? `${characters.slice(0, 50).join('')}...` : characters.join('');
}
