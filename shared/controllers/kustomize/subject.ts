import { parseDuration } from '../../api/duration.ts';
import type { Kustomization } from '../../api/kustomize/kustomization.ts';
import type { KubeObject } from '../../api/object.ts';
import type { GitRepository } from '../../api/source/git-repository.ts';
import type { ApplySetResult } from '../../kube/apply.ts';
import type { InventoryEntry } from '../../kube/inventory.ts';
import type { Owner } from '../../kube/policy.ts';
import type { Cluster } from '../../ports/cluster.ts';
import type { Context } from '../../reconcile/controller.ts';
import type { Settings } from './settings.ts';

export type Artifact = NonNullable<GitRepository['status']['artifact']>;

/** A Kustomization, and what the operator decided for all. */
export interface Subject extends Context<Kustomization> {
  settings: Settings;
}

/** What the steps of one reconcile find out, and hand on. */
export interface Work extends Subject {
  startedAt: number;
  artifact?: Artifact;
  /** The built manifests, as they are applied. */
  objects?: KubeObject[];
  /** Checksum of the built manifests. */
  digest?: string;
  applied?: ApplySetResult;
  /** The cluster differs from before: objects were written or deleted. */
  changed: boolean;
}

/** How long a reconcile may take: `spec.timeout`, or the interval less 30 s; at least 30 s. */
export function timeoutOf({ spec }: Kustomization): number {
  const timeout = spec.timeout === undefined ? parseDuration(spec.interval) - 30_000 : parseDuration(spec.timeout);
  return Math.max(timeout, 30_000);
}

export function retryAfter({ spec }: Kustomization): number {
  return parseDuration(spec.retryInterval ?? spec.interval);
}

export function ownerOf(object: Kustomization): Owner {
  const { name, namespace = '' } = object.metadata;
  return { group: 'kustomize.toolkit.fluxcd.io', name, namespace };
}

/** What the last reconcile recorded as applied. */
export function inventoryOfStatus(status: Record<string, unknown>): InventoryEntry[] {
  const entries = (status.inventory as { entries?: InventoryEntry[] } | undefined)?.entries;
  return Array.isArray(entries) ? entries : [];
}

/** The cluster as objects are applied to it: in the name of the service account, when one is set. */
export function targetOf(subject: Subject): Cluster {
  const account = serviceAccountOf(subject);
  const namespace = subject.object.metadata.namespace ?? '';
  return account ? subject.cluster.as(`system:serviceaccount:${namespace}:${account}`) : subject.cluster;
}

export function serviceAccountOf({ object, settings }: Subject): string | undefined {
  return object.spec.serviceAccountName || settings.defaultServiceAccount || undefined;
}

/** Metadata of every Event about a revision. */
export function revisionMetadata(artifact: Artifact | undefined): Record<string, string> {
  if (!artifact) return {};
  const origin = originRevision(artifact);
  return { revision: artifact.revision, ...(origin ? { originRevision: origin } : {}) };
}

export function originRevision(artifact: Artifact): string | undefined {
  return artifact.metadata?.['org.opencontainers.image.revision'];
}
