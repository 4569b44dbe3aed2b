import { isDeepStrictEqual } from 'node:util';
import { parseDuration } from '../../api/duration.ts';
import type { GitRepository } from '../../api/source/git-repository.ts';
import { ArtifactError } from '../../artifact/errors.ts';
import { artifactKey, artifactPath, artifactToken, artifactUrl } from '../../artifact/layout.ts';
import type { Resolved } from '../../git/reference.ts';
import { connectRemote, type GitRemote } from '../../git/remote.ts';
import type { Snapshot } from '../../git/snapshot.ts';
import { type Context, type Controller, runSteps, type Step } from '../../reconcile/controller.ts';
import { findError, messageOfError } from '../../reconcile/errors.ts';
import type { Outcome } from '../../reconcile/outcome.ts';
import { rfc3339 } from '../../reconcile/summarize.ts';
import { artifactSecret } from './artifact-secret.ts';
import { storeSnapshot } from './git-archive.ts';
import { credentialsOf } from './git-credentials.ts';
import { fetchFailure } from './git-failure.ts';

type Artifact = NonNullable<GitRepository['status']['artifact']>;

/** What the steps of one reconcile find out. */
interface Work extends Context<GitRepository> {
  /** The last artifact, if the store still has it. */
  artifact?: Artifact;
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
  transientConditions: ['FetchFailed', 'StorageOperationFailed', 'ArtifactOutdated'],
  async reconcile(context) {
    const work: Work = { ...context };
    const { observedGeneration } = context.object.status;
    const { generation = 0 } = context.object.metadata;
    context.stage(
      observedGeneration === generation
        ? 'reconciliation in progress'
        : `processing object: new generation ${observedGeneration ?? -1} -> ${generation}`,
    );
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

/** An artifact that the store lost is none: it is made again, and said to be missing until then. */
async function findArtifact(work: Work): Promise<undefined> {
  const { artifact } = work.object.status;
  if (!artifact) {
    work.stage('building artifact');
    return;
  }
  if (await work.ports.store.head(artifactKey(artifact.digest))) {
    work.artifact = artifact;
    return;
  }
  work.stage('building artifact: disappeared from storage');
  delete work.status.artifact;
  work.condition('ArtifactInStorage', null);
}

async function resolve(work: Work): Promise<Outcome | undefined> {
  const { spec, metadata } = work.object;
  try {
    const auth = await credentialsOf(work.cluster, metadata.namespace ?? '', spec.secretRef?.name);
    work.remote = connectRemote(spec.url, {
      ...(auth ? { auth } : {}),
      timeoutMs: parseDuration(spec.timeout),
      signal: work.signal,
      rules: { refuseLoopback: work.ports.refuseLoopback },
    });
    work.resolved = await work.remote.resolve(spec.ref);
    return undefined;
  } catch (error) {
    return fetchFailed(work, error);
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
  // The address of the installation may have changed.
  const url = await urlOf(work, artifact.digest);
  if (url !== artifact.url) work.status.artifact = { ...artifact, url };
  return stored(work, artifact, undefined);
}

/**
 * Whether anybody waits to hear that there is nothing new: who asked for a look, changed the spec, or saw it fail. Flux
 * says it at every interval; an Event for each would be the only write of a check that found nothing.
 */
function looksForWord({ requested, object }: Work): boolean {
  return requested || object.status.observedGeneration !== object.metadata.generation || hadFailed(object);
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
    return fetchFailed(work, error);
  }
  if (work.artifact?.revision !== resolved.revision) {
    const message = `new upstream revision '${resolved.revision}'`;
    work.stage(`building artifact: ${message}`);
    // Seen only when what follows fails: success takes it away again.
    if (work.artifact) work.condition('ArtifactOutdated', { status: 'True', reason: 'NewRevision', message });
  }
  return undefined;
}

async function storeArtifact(work: Work): Promise<Outcome> {
  const { snapshot, resolved, object } = work;
  if (!snapshot || !resolved) throw new Error('nothing was fetched');
  const filter = { specIgnore: object.spec.ignore, directories: object.spec.sparseCheckout };
  let archive: { digest: string; size: number };
  try {
    archive = await storeSnapshot(snapshot, filter, work.ports.store, work.clock.now());
  } catch (error) {
    // A directory of spec.sparseCheckout that is not there: the fault of what was fetched, not of the store.
    if (findError(error, ArtifactError)?.code === 'NotFound') return fetchFailed(work, error);
    const reason = 'ArchiveOperationFailed';
    const message = `unable to archive artifact to storage: ${messageOfError(error)}`;
    work.condition('StorageOperationFailed', { status: 'True', reason, message });
    return { type: 'failed', reason, message, error };
  }
  const { namespace = '', name } = object.metadata;
  const artifact: Artifact = {
    path: artifactPath(object.kind, namespace, name, resolved.revision),
    url: await urlOf(work, archive.digest),
    revision: resolved.revision,
    digest: archive.digest,
    lastUpdateTime: rfc3339(work.clock.now()),
    size: archive.size,
  };
  work.status.artifact = artifact;
  work.status.observedIgnore = object.spec.ignore;
  work.status.observedSparseCheckout = object.spec.sparseCheckout;
  return stored(work, artifact, snapshot.commit.message);
}

function urlOf(work: Work, digest: string): Promise<string> {
  return artifactSecret(work.ports.secrets).then(secret =>
    artifactUrl(work.ports.artifactsUrl, artifactToken(secret, digest), digest),
  );
}

/** Success, and what is told of it: a new artifact, or that what had failed is well again; otherwise nothing. */
function stored(work: Work, artifact: Artifact, commitMessage: string | undefined): Outcome {
  const message = `stored artifact for revision '${artifact.revision}'`;
  work.condition('ArtifactOutdated', null);
  work.condition('ArtifactInStorage', { status: 'True', reason: 'Succeeded', message });
  const commit = commitMessage === undefined ? artifact.revision : shortMessage(commitMessage);
  const metadata = { revision: artifact.revision, digest: artifact.digest };
  const event = { severity: 'info', message: `stored artifact for commit '${commit}'`, metadata } as const;
  if (work.object.status.artifact?.digest !== artifact.digest) work.event({ ...event, reason: 'NewArtifact' });
  else if (hadFailed(work.object)) work.event({ ...event, reason: 'Succeeded' });
  return { type: 'done', reason: 'Succeeded', message };
}

function hadFailed({ status }: GitRepository): boolean {
  return (status.conditions ?? []).some(({ type }) => type === 'FetchFailed' || type === 'StorageOperationFailed');
}

/** The first line of a commit message, at most 50 characters of it. */
export function shortMessage(message: string): string {
  const characters = [...(message.split('\n')[0] ?? '')];
  return characters.length > 50 ? `${characters.slice(0, 50).join('')}...` : characters.join('');
}

/** The last artifact stays: what could not be fetched says nothing about what was. */
function fetchFailed(work: Work, error: unknown): Outcome {
  // The cluster's own trouble (its Secrets cannot be read) is the kit's to judge.
  const { reason, message, stalled } = fetchFailure(error);
  work.condition('FetchFailed', { status: 'True', reason, message });
  return { type: stalled ? 'stalled' : 'failed', reason, message, error };
}
