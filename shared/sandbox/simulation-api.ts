import type { KubeObject, TypeRef } from '../api/object.ts';

/**
 * What the simulation of the workload controllers (Deployment → ReplicaSet → Pod, Job, …) may do to the sandbox's API:
 * in-process calls, all synchronous, without authentication or authorization, but through the same defaulting,
 * validation, generation, managedFields, garbage collection and watch as a request over HTTP.
 *
 * Objects that are handed out are the store's own: never change them, `structuredClone` first.
 * Calls throw {@link SimulationError} when the API server would answer 4xx.
 */
export interface SimulationApi {
  get(type: TypeRef, namespace: string | undefined, name: string): KubeObject | undefined;
  /** All objects of the kind, of one namespace or of all, matching the equality labels if given. */
  list(type: TypeRef, options?: { namespace?: string; labels?: Record<string, string> }): KubeObject[];
  /**
   * Follows kinds. The listener is called for every object that exists (as ADDED, before `watch` returns) and then for every
   * change, in order of resourceVersion, never from inside another call to this API (each change is delivered in a later
   * microtask), and never concurrently. Errors thrown by the listener are logged and do not end the watch.
   * Answers the function that ends it.
   */
  watch(types: TypeRef[], listener: (event: SimulationEvent) => void): () => void;
  /** POST. `manager` is the field manager, e.g. 'kube-controller-manager'. */
  create(object: KubeObject, options: SimulationWrite): KubeObject;
  /** PUT of everything but the status. With metadata.resourceVersion: conflict (409) when it is not the current one. */
  update(object: KubeObject, options: SimulationWrite): KubeObject;
  /** PUT on the status subresource. Writing what is already there changes nothing and makes no event. */
  updateStatus(object: KubeObject, options: SimulationWrite): KubeObject;
  /** False when the object was not there. */
  delete(
    type: TypeRef,
    namespace: string | undefined,
    name: string,
    options?: { propagation?: 'Background' | 'Foreground' | 'Orphan'; uid?: string; gracePeriodSeconds?: number },
  ): boolean;
  /** The server's time. */
  now(): Date;
  log(message: string, fields?: Record<string, unknown>): void;
}

export interface SimulationWrite {
  manager: string;
}

export interface SimulationEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** For DELETED: the last state. */
  object: KubeObject;
  /** The state before a MODIFIED. */
  old?: KubeObject;
}

/** A call that the API server refused: `status` is the HTTP status, `reason` metav1.Status' (NotFound, Conflict, AlreadyExists, …). */
export class SimulationError extends Error {
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, message: string) {
    super(message);
    this.name = 'SimulationError';
    this.status = status;
    this.reason = reason;
  }
}

/** What `simulation/index.ts` exports: `startSimulation(api)`. */
export type StartSimulation = (api: SimulationApi) => { stop(): void };
