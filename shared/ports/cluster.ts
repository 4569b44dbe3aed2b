import type { KubeObject, TypeRef } from '../api/object.ts';

/**
 * One Kubernetes API server, as everything above `kube` sees it. Implemented once (shared/kube), over keep-alive https;
 * the port exists so that the kit does not depend on the client.
 */
export interface Cluster {
  /** The registered name. */
  readonly name: string;
  /** undefined when the object, or its kind, does not exist. */
  get<T extends KubeObject = KubeObject>(
    type: TypeRef,
    namespace: string | undefined,
    name: string,
  ): Promise<T | undefined>;
  /**
   * As `get`, for reads that many make at about the same time: they may be answered together, of the same object by one read,
   * and of objects that carry `label` (most likely; it is no condition) by one list of their kind and namespace. What is
   * answered was read after it was asked for, in the name of the same user. The object is not to be changed.
   */
  getShared?<T extends KubeObject = KubeObject>(
    type: TypeRef,
    namespace: string | undefined,
    name: string,
    label?: { key: string; value: string },
  ): Promise<T | undefined>;
  /** All items (pages are followed). An unknown kind is an ApiError with status 404. */
  list<T extends KubeObject = KubeObject>(type: TypeRef, options?: ListOptions): Promise<KubeList<T>>;
  create<T extends KubeObject>(object: T, options?: WriteOptions): Promise<T>;
  /** Server-side apply of `object` (no managedFields, no resourceVersion unless a precondition is meant). */
  apply<T extends KubeObject>(object: T, options: ApplyOptions): Promise<T>;
  /** `merge` = RFC 7386, `json` = RFC 6902. Throws an ApiError 404 when the object is absent. */
  patch<T extends KubeObject>(
    type: TypeRef,
    namespace: string | undefined,
    name: string,
    patch: { type: 'merge' | 'json'; body: unknown },
    options?: WriteOptions & { subresource?: string },
  ): Promise<T>;
  /** A token of a ServiceAccount (TokenRequest), good for `audiences` only. Throws ApiError, also when there is no such account. */
  createToken(namespace: string, name: string, options: TokenOptions): Promise<ServiceAccountToken>;
  /** False when the object was not there. */
  delete(type: TypeRef, namespace: string | undefined, name: string, options?: DeleteOptions): Promise<boolean>;
  /** Events from `resourceVersion` on; ends when the server or `signal` closes it. Throws ApiError 410 when it is too old. */
  watch<T extends KubeObject = KubeObject>(type: TypeRef, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /** Whether objects of the kind live in namespaces; undefined when the API server does not know the kind. */
  namespaced(type: TypeRef): Promise<boolean | undefined>;
  /** Versions in which the API server has the kind, preferred first; empty when it does not know the kind. */
  servedVersions?(group: string, kind: string): Promise<string[]>;
  /** Forgets discovery, after a CustomResourceDefinition was applied. */
  refreshDiscovery(): void;
  /** The same API server, acting as another user (Impersonate-User). */
  as(user: string): Cluster;
  /** The same API server, whose requests end when the signal is aborted: what is told to stop writes nothing more. */
  withSignal?(signal: AbortSignal): Cluster;
}

export interface KubeList<T> {
  items: T[];
  resourceVersion: string;
}

export interface ListOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Only apiVersion, kind and metadata (PartialObjectMetadataList). */
  metadataOnly?: boolean;
}

export interface WriteOptions {
  fieldManager?: string;
  dryRun?: boolean;
}

export interface ApplyOptions extends WriteOptions {
  fieldManager: string;
  /** Take over fields of other managers instead of failing with a conflict (409). */
  force?: boolean;
  subresource?: string;
}

export interface TokenOptions {
  audiences: string[];
  /** How long it is wanted to be good, at least 600; the API server may decide otherwise. */
  expirationSeconds?: number;
}

export interface ServiceAccountToken {
  token: string;
  /** Epoch ms. */
  expiresAt: number;
}

export interface DeleteOptions {
  propagation?: 'Background' | 'Foreground' | 'Orphan';
  /** Only if this is still the object (precondition). */
  uid?: string;
  dryRun?: boolean;
}

export interface WatchOptions {
  namespace?: string;
  labelSelector?: string;
  /** Only metadata; the objects name PartialObjectMetadata as their kind. */
  metadataOnly?: boolean;
  resourceVersion: string;
  signal: AbortSignal;
  /** Server-side time limit. */
  timeoutSeconds?: number;
  /** Called when the server has accepted the watch: what it still remembers comes at once from now on. */
  onOpen?: () => void;
}

export interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: T;
}

/** What the API server answered when it was not 2xx: metav1.Status. */
export class ApiError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly details: unknown;
  /** From Retry-After, seconds. */
  readonly retryAfter: number | undefined;
  constructor(status: number, reason: string, message: string, details?: unknown, retryAfter?: number) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.reason = reason;
    this.details = details;
    this.retryAfter = retryAfter;
  }
}

/** The API server could not be reached, or did not answer: DNS, TCP, TLS, time-out. Always worth a retry. */
export class ClusterUnreachable extends Error {
  readonly cluster: string;
  constructor(cluster: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ClusterUnreachable';
    this.cluster = cluster;
  }
}

/** The registered clusters, connected. */
export interface Clusters {
  /** A client for a registered cluster, made once per process. Throws UnknownCluster when the name is not registered. */
  get(name: string): Promise<Cluster>;
  names(): Promise<string[]>;
}

export class UnknownCluster extends Error {
  constructor(name: string) {
    super(`no cluster "${name}" is registered; \`sluice cluster list\` shows those that are`);
    this.name = 'UnknownCluster';
  }
}
