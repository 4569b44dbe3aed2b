import type { KubeObject, TypeRef } from '../../api/object.ts';
import type { SimulationApi } from '../simulation-api.ts';

/** Kinds that the simulation follows, by their names here. */
export const types = {
  Deployment: { apiVersion: 'apps/v1', kind: 'Deployment' },
  ReplicaSet: { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
  StatefulSet: { apiVersion: 'apps/v1', kind: 'StatefulSet' },
  DaemonSet: { apiVersion: 'apps/v1', kind: 'DaemonSet' },
  Job: { apiVersion: 'batch/v1', kind: 'Job' },
  Pod: { apiVersion: 'v1', kind: 'Pod' },
  Service: { apiVersion: 'v1', kind: 'Service' },
  PersistentVolumeClaim: { apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
  Ingress: { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' },
  HorizontalPodAutoscaler: { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' },
} as const satisfies Record<string, TypeRef>;

export type FollowedKind = keyof typeof types;

export const controllerManager = 'kube-controller-manager';

/**
 * What the simulation knows of the cluster: all objects of the followed kinds, found by name, owner and namespace without a
 * search. Its own writes are in it at once, before the watch tells of them.
 */
export class ClusterView {
  readonly api: SimulationApi;
  readonly #byKey = new Map<string, KubeObject>();
  readonly #byOwner = new Map<string, Map<string, KubeObject>>();
  readonly #byNamespace = new Map<string, Map<string, KubeObject>>();

  constructor(api: SimulationApi) {
    this.api = api;
  }

  get(kind: FollowedKind, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#byKey.get(keyOf(kind, namespace, name));
  }

  /** The objects of a kind that name `uid` as their controller. */
  ownedBy(uid: string | undefined, kind: FollowedKind): KubeObject[] {
    const owned = this.#byOwner.get(uid ?? '');
    return owned ? [...owned.values()].filter(object => object.kind === kind) : [];
  }

  inNamespace(kind: FollowedKind, namespace: string | undefined): Iterable<KubeObject> {
    return this.#byNamespace.get(`${kind}/${namespace ?? ''}`)?.values() ?? [];
  }

  /** The controller of an object, as far as the simulation follows its kind. */
  controllerOf(object: KubeObject): KubeObject | undefined {
    const owner = controllerRef(object);
    if (!owner || !(owner.kind in types)) return undefined;
    const found = this.get(owner.kind as FollowedKind, object.metadata.namespace, owner.name);
    return found?.metadata.uid === owner.uid ? found : undefined;
  }

  /** Takes an object as it is now; an older state than the known one is ignored. */
  learn(object: KubeObject): void {
    const key = keyOf(object.kind, object.metadata.namespace, object.metadata.name);
    const known = this.#byKey.get(key);
    if (known && known.metadata.uid === object.metadata.uid && version(known) > version(object)) return;
    if (known) this.#unlink(known);
    this.#byKey.set(key, object);
    this.#link(object);
  }

  forget(object: KubeObject): void {
    const key = keyOf(object.kind, object.metadata.namespace, object.metadata.name);
    const known = this.#byKey.get(key);
    if (!known || known.metadata.uid !== object.metadata.uid) return;
    this.#byKey.delete(key);
    this.#unlink(known);
  }

  create(object: KubeObject, manager = controllerManager): KubeObject {
    const created = this.api.create(object, { manager });
    if (created.kind in types) this.learn(created);
    return created;
  }

  update(object: KubeObject, manager = controllerManager): KubeObject {
    const updated = this.api.update(object, { manager });
    if (updated.kind in types) this.learn(updated);
    return updated;
  }

  /** Writes the status when it differs from the one that is there. */
  updateStatus(object: KubeObject, status: unknown, manager = controllerManager): void {
    const updated = this.api.updateStatus({ ...object, status }, { manager });
    this.learn(updated);
  }

  /** Deletes an object of a followed kind; false when it was gone already. */
  delete(object: KubeObject, gracePeriodSeconds?: number): boolean {
    const { namespace, name, uid } = object.metadata;
    const options = {
      propagation: 'Background' as const,
      ...(uid ? { uid } : {}),
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    };
    const deleted = this.api.delete({ apiVersion: object.apiVersion, kind: object.kind }, namespace, name, options);
    const left = this.api.get({ apiVersion: object.apiVersion, kind: object.kind }, namespace, name);
    if (left && left.metadata.uid === uid) this.learn(left);
    else this.forget(object);
    return deleted;
  }

  #link(object: KubeObject): void {
    const owner = controllerRef(object)?.uid;
    if (owner) bucket(this.#byOwner, owner).set(object.metadata.uid!, object);
    bucket(this.#byNamespace, `${object.kind}/${object.metadata.namespace ?? ''}`).set(object.metadata.name, object);
  }

  #unlink(object: KubeObject): void {
    const owner = controllerRef(object)?.uid;
    if (owner) drop(this.#byOwner, owner, object.metadata.uid!);
    drop(this.#byNamespace, `${object.kind}/${object.metadata.namespace ?? ''}`, object.metadata.name);
  }
}

export function keyOf(kind: string, namespace: string | undefined, name: string): string {
  return `${kind}/${namespace ?? ''}/${name}`;
}

export function controllerRef(object: KubeObject) {
  return object.metadata.ownerReferences?.find(owner => owner.controller === true);
}

/** The reference by which `owner` controls what it creates. */
export function ownerOf(owner: KubeObject) {
  const { apiVersion, kind, metadata } = owner;
  return [{ apiVersion, kind, name: metadata.name, uid: metadata.uid!, controller: true, blockOwnerDeletion: true }];
}

function version(object: KubeObject): number {
  return Number(object.metadata.resourceVersion ?? 0);
}

function bucket(map: Map<string, Map<string, KubeObject>>, key: string): Map<string, KubeObject> {
  let inner = map.get(key);
  if (!inner) {
    inner = new Map();
    map.set(key, inner);
  }
  return inner;
}

function drop(map: Map<string, Map<string, KubeObject>>, key: string, id: string): void {
  const inner = map.get(key);
  inner?.delete(id);
  if (inner?.size === 0) map.delete(key);
}
