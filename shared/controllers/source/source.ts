/** What all sources do with their artifacts: find the last one, store a new one, tell of both, keep the last through failures. */

import type { KubeObject } from '../../api/object.ts';
import type { Artifact } from '../../api/source/artifact.ts';
import {
  type ArtifactFormat,
  artifactKey,
  artifactPath,
  artifactToken,
  artifactUrl,
  fileOfRevision,
} from '../../artifact/layout.ts';
import type { Ports } from '../../ports/ports.ts';
import { type Context, runSteps, type Step } from '../../reconcile/controller.ts';
import { findError, messageOfError } from '../../reconcile/errors.ts';
import type { Outcome } from '../../reconcile/outcome.ts';
import { conditionsOf } from '../../reconcile/subject.ts';
import { rfc3339 } from '../../reconcile/summarize.ts';
import { artifactSecret } from './artifact-secret.ts';
import { SharedFailure } from './fetch-once-record.ts';
import { BusyElsewhere } from './fetch-once-turn.ts';

/** A source: an object whose status names an artifact. */
export type SourceObject = KubeObject & {
  status: { artifact?: Artifact | undefined; observedGeneration?: number | undefined };
};

/** What the steps of a source's reconcile have in common. */
export interface SourceWork<T extends SourceObject = SourceObject> extends Context<T> {
  /** The last artifact, if the store still has it. */
  artifact?: Artifact;
}

/** Conditions that hold only while a reconcile says so; of every source's controller. */
export const sourceTransients = ['FetchFailed', 'StorageOperationFailed', 'ArtifactOutdated', 'BuildFailed'] as const;

/**
 * Runs the steps of a source's reconcile, from the look for its last artifact on. `close` ends what they opened, however
 * they end.
 */
export async function runSource<Work extends SourceWork>(
  work: Work,
  steps: readonly Step<Work>[],
  close: (work: Work) => unknown = () => undefined,
): Promise<Outcome> {
  tellStart(work);
  try {
    return await runSteps([{ name: 'look for the artifact', run: findArtifact }, ...steps], work);
  } finally {
    await close(work);
  }
}

/** Says what is being done, for an object that is new or changed, and for one that is looked at again. */
function tellStart(work: SourceWork): void {
  const { observedGeneration } = work.object.status;
  const { generation = 0 } = work.object.metadata;
  work.stage(
    observedGeneration === generation
      ? 'reconciliation in progress'
      : `processing object: new generation ${observedGeneration ?? -1} -> ${generation}`,
  );
}

/** An artifact that the store lost is none: it is made again, and said to be missing until then. */
async function findArtifact(work: SourceWork): Promise<undefined> {
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

/** Step: what failed to be verified is verified again, and not said until it was; a success still tells of the last time. */
export async function forgetFailedVerification(work: SourceWork): Promise<undefined> {
  const before = conditionsOf(work.object).find(({ type }) => type === 'SourceVerified');
  if (before?.status === 'False') work.condition('SourceVerified', null);
}

/**
 * Whether anybody waits to hear that there is nothing new: who asked for a look, changed the spec, or saw it fail. Flux
 * says it at every interval; an Event for each would be the only write of a check that found nothing.
 */
export function looksForWord({ requested, object }: SourceWork): boolean {
  return requested || object.status.observedGeneration !== object.metadata.generation || hadFailed(object);
}

/** What was put into the store, and how consumers shall know it. */
export interface NewArtifact {
  /** `sha256:<hex>` of what the store holds. */
  digest: string;
  /** Bytes. */
  size: number;
  revision: string;
  /** `tar.gz` when absent. */
  format?: ArtifactFormat;
  /** Name in status.artifact.path; made of the revision when absent. */
  file?: string;
  metadata?: Record<string, string> | undefined;
}

/** Says in the status that this artifact is the source's. It must be in the store (see keep in stored-file.ts). */
export async function recordArtifact(work: SourceWork, made: NewArtifact): Promise<Artifact> {
  const { namespace = '', name } = work.object.metadata;
  const artifact = await describeArtifact(work.ports, { kind: work.object.kind, namespace, name }, made);
  work.status.artifact = artifact;
  return artifact;
}

/** What the status of `owner` says of an artifact that is in the store. */
export async function describeArtifact(
  ports: Ports,
  { kind, namespace, name }: { kind: string; namespace: string; name: string },
  made: NewArtifact,
): Promise<Artifact> {
  const { digest, size, revision, format = 'tar.gz' } = made;
  return {
    path: artifactPath(kind, namespace, name, made.file ?? fileOfRevision(revision)),
    url: await urlOf(ports, digest, format),
    revision,
    digest,
    lastUpdateTime: rfc3339(ports.clock.now()),
    size,
    ...(made.metadata && Object.keys(made.metadata).length > 0 ? { metadata: made.metadata } : {}),
  };
}

/** Says that the last artifact still is what the source wants; the address of the installation may have changed. */
export async function keepArtifact(work: SourceWork, format: ArtifactFormat = 'tar.gz'): Promise<Artifact> {
  const { artifact } = work;
  if (!artifact) throw new Error('there is no artifact to keep');
  const url = await urlOf(work.ports, artifact.digest, format);
  if (url === artifact.url) return artifact;
  const moved = { ...artifact, url };
  work.status.artifact = moved;
  return moved;
}

async function urlOf(ports: Ports, digest: string, format: ArtifactFormat): Promise<string> {
  const secret = await artifactSecret(ports.secrets);
  return artifactUrl(ports.artifactsUrl, artifactToken(secret, digest), digest, format);
}

/** Words of a success. */
export interface Told {
  /** Of Ready and ArtifactInStorage; `stored artifact for revision '…'` when absent. */
  message?: string;
  /** Of the conditions and, unless there is a new artifact, the Event; `Succeeded` when absent. */
  reason?: string;
  /** Of the Event. */
  eventMessage: string;
  /** Of the Event of a new artifact; `NewArtifact` when absent. */
  eventReason?: string;
}

/** Success, and what is told of it: a new artifact, or that what had failed is well again; otherwise nothing. */
export function stored(work: SourceWork, artifact: Artifact, told: Told): Outcome {
  const { message = `stored artifact for revision '${artifact.revision}'`, reason = 'Succeeded' } = told;
  work.condition('ArtifactOutdated', null);
  work.condition('ArtifactInStorage', { status: 'True', reason, message });
  const metadata = { revision: artifact.revision, digest: artifact.digest };
  const event = { severity: 'info', message: told.eventMessage, metadata } as const;
  if (work.object.status.artifact?.digest !== artifact.digest)
    work.event({ ...event, reason: told.eventReason ?? 'NewArtifact' });
  else if (hadFailed(work.object)) work.event({ ...event, reason });
  return { type: 'done', reason, message };
}

/** Whether the last reconcile of the object failed to fetch, verify, build or store. */
export function hadFailed({ status }: KubeObject): boolean {
  const failures = ['FetchFailed', 'StorageOperationFailed', 'BuildFailed'];
  const conditions: { type: string; status: string }[] = status?.conditions ?? [];
  return conditions.some(
    ({ type, status }) => failures.includes(type) || (type === 'SourceVerified' && status === 'False'),
  );
}

/** Says that there is something newer than the artifact; seen only when what follows fails, success takes it away again. */
export function outdated(work: SourceWork, message: string): void {
  work.stage(`building artifact: ${message}`);
  if (work.artifact) work.condition('ArtifactOutdated', { status: 'True', reason: 'NewRevision', message });
}

/** Why a fetch failed. */
export interface Failure {
  reason: string;
  message: string;
  /** True when only another spec helps. */
  stalled: boolean;
  error?: unknown;
  /** Milliseconds until the retry, when the server said so. */
  afterMs?: number;
}

/** FetchFailed. The last artifact stays: what could not be fetched says nothing about what was. */
export function fetchFailed(work: SourceWork, failure: Failure): Outcome {
  return failed(work, 'FetchFailed', failure);
}

/**
 * A negative condition (FetchFailed, StorageOperationFailed, BuildFailed) and the outcome that goes with it. What failed for
 * another object with the same source is told in that one's words; that another is still at it is no failure.
 */
export function failed(work: SourceWork, condition: string, failure: Failure): Outcome {
  const { error } = failure;
  const busy = findError(error, BusyElsewhere);
  if (busy) return { type: 'requeue', afterMs: busy.afterMs };
  const { reason, message, stalled, afterMs } = findError(error, SharedFailure)?.failure ?? failure;
  work.condition(condition, { status: 'True', reason, message });
  return {
    type: stalled ? 'stalled' : 'failed',
    reason,
    message,
    error,
    ...(afterMs === undefined ? {} : { afterMs }),
  };
}

/** StorageOperationFailed: what was fetched could not be packed or put into the store. */
export function storageFailed(work: SourceWork, error: unknown): Outcome {
  const message = `unable to archive artifact to storage: ${messageOfError(error)}`;
  return failed(work, 'StorageOperationFailed', { reason: 'ArchiveOperationFailed', message, stalled: false, error });
}
