import type { ObjectKey } from '../api/object.ts';

/**
 * The index: what must be found without asking the clusters. Everything but the cluster registry can be thrown away
 * and is rebuilt by a resync. Nothing outside the adapters knows its keys.
 */
export interface Index {
  /**
   * Objects whose `dueAt` lies before `before` (epoch ms), oldest first, at most `limit`. What other processes have written
   * within the last seconds may not be seen yet.
   */
  due(before: number, limit: number): Promise<ObjectKey[]>;
  /** Objects that named `key` in their `refs`. */
  dependentsOf(key: ObjectKey): Promise<ObjectKey[]>;
  /** Receivers whose webhook path this is (one per cluster may have it). */
  byHookPath(path: string): Promise<ObjectKey[]>;
  /** Sources that fetch this normalized repository URL. */
  byUrl(url: string): Promise<ObjectKey[]>;
  getObject(key: ObjectKey): Promise<IndexedObject | undefined>;
  /** Writes the whole record, replacing what it named before; leaves the mark of the last start alone. */
  putObject(object: IndexedObject): Promise<void>;
  removeObject(key: ObjectKey): Promise<void>;
  /** All objects, of one cluster or of all that are registered. */
  objects(cluster?: string): AsyncIterable<IndexedObject>;
  /** Moves the due time only; no effect on an object that is not indexed. */
  setDue(key: ObjectKey, dueAt: number): Promise<void>;
  /** When the last reconcile of the object began (epoch ms); 0 when none is known. */
  lastStarted(key: ObjectKey): Promise<number>;
  markStarted(key: ObjectKey, at: number): Promise<void>;
  /** True for the first caller of this id within `ttlSeconds`, false for the others: at most one sends a notification. */
  once(id: string, ttlSeconds: number): Promise<boolean>;
  /** Forgets an id, so that a failed sending may be tried again. */
  forget(id: string): Promise<void>;
  /** Where the watch of a kind of a cluster stands: the last resourceVersion seen. */
  cursor(cluster: string, kind: string): Promise<string | undefined>;
  setCursor(cluster: string, kind: string, resourceVersion: string | undefined): Promise<void>;
  clusters(): Promise<ClusterRecord[]>;
  cluster(name: string): Promise<ClusterRecord | undefined>;
  /** Registers a cluster; false when the name is taken. */
  addCluster(record: ClusterRecord): Promise<boolean>;
  /** Removes the registration and everything indexed of the cluster. */
  removeCluster(name: string): Promise<void>;
  /** Forgets every object, mark and cursor; the clusters stay. */
  clear(): Promise<void>;
}

export interface IndexedObject {
  key: ObjectKey;
  uid: string;
  generation: number;
  /** resourceVersion, generation and request are those of the object as it was last looked at, not as our status write left it. */
  resourceVersion: string;
  /** Epoch ms of the next reconcile; Number.MAX_SAFE_INTEGER when suspended or Stalled. */
  dueAt: number;
  /** `reconcile.fluxcd.io/requestedAt` last seen. */
  requestedAt?: string;
  /** keyString of the objects it waits for: its source, its dependencies, the sources a Receiver names. */
  refs: string[];
  hookPath?: string;
  /** Normalized repository URLs of a source. */
  urls: string[];
  summary: ObjectSummary;
}

/** What `sluice status` prints. */
export interface ObjectSummary {
  ready: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  revision: string;
  suspended: boolean;
  /** creationTimestamp, epoch ms. */
  createdAt: number;
  /** lastTransitionTime of Ready, epoch ms; 0 when there is no Ready condition. */
  since: number;
}

export interface ClusterRecord {
  /** DNS label, unique. */
  name: string;
  access: { type: 'kubeconfig'; secret: string; context?: string } | EksAccess;
  /** How changes in the cluster reach us (design: sweep, watch, push). */
  changes: 'sweep' | 'watch' | 'push';
  addedAt: number;
}

/** A cluster by its EKS name. No secret: whoever signs in does so with the AWS credentials of where this runs. */
export interface EksAccess {
  type: 'eks';
  region: string;
  clusterName: string;
  /** A role to assume before signing in. */
  roleArn?: string;
  /** The API server's URL and certificate authority (PEM), as EKS described them: they stay for a cluster's life. */
  server: string;
  ca: string;
}
