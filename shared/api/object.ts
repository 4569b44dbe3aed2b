/** The Kubernetes object as Sluice handles it: only what every kind has in common. */

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  time?: string;
  fieldsType: 'FieldsV1';
  fieldsV1: Record<string, unknown>;
  subresource?: string;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  generateName?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: ManagedFieldsEntry[];
}

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  // biome-ignore lint/suspicious/noExplicitAny: an object of an unknown kind has any fields
  [field: string]: any;
}

/** A kind in one API version, as manifests name it. */
export interface TypeRef {
  apiVersion: string;
  kind: string;
}

/** metav1.Condition. */
export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  observedGeneration?: number;
  lastTransitionTime: string;
}

/**
 * One object of one registered cluster: what messages, the index and the logs name.
 * `kind` is unique among the toolkit kinds, so the group is not repeated.
 */
export interface ObjectKey {
  cluster: string;
  kind: string;
  namespace: string;
  name: string;
}

/** `cluster/kind/namespace/name`, the form in which keys are stored and compared. Names cannot hold a slash. */
export function keyString(key: ObjectKey): string {
  return `${key.cluster}/${key.kind}/${key.namespace}/${key.name}`;
}

/** The reverse of {@link keyString}. Throws an Error when `text` has not four parts. */
export function parseKey(text: string): ObjectKey {
  const [cluster, kind, namespace, name, rest] = text.split('/');
  if (!cluster || !kind || namespace === undefined || !name || rest !== undefined)
    throw new Error(`"${text}" is not an object key (cluster/kind/namespace/name)`);
  return { cluster, kind, namespace, name };
}

/** `group` of an apiVersion: '' for `v1`, 'apps' for `apps/v1`. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

/** `version` of an apiVersion: 'v1' for `v1` and `apps/v1`. */
export function versionOf(apiVersion: string): string {
  return apiVersion.slice(apiVersion.indexOf('/') + 1);
}
