import type { KubeObject } from '../../api/object.ts';
import type { ResourceDefinition, VersionDefinition } from '../resources/definition.ts';
import type { Registry } from '../resources/registry.ts';
import type { Store } from '../store/store.ts';

/** What every operation works on. */
export interface Kernel {
  store: Store;
  registry: Registry;
  now(): Date;
  log(message: string, fields?: Record<string, unknown>): void;
}

/** What a request is about: a kind in one of its versions, and where. */
export interface Target {
  definition: ResourceDefinition;
  version: VersionDefinition;
  /** '' for cluster-scoped kinds, and for all namespaces. */
  namespace: string;
  /** '' when the request is about the collection. */
  name: string;
  subresource: string;
}

/** Fields that a request's body gives twice: as strict validation refuses them, and as it warns of them. */
export interface Repeated {
  errors: string[];
  warnings: string[];
}

export interface WriteOptions {
  /** The field manager. */
  manager: string;
  dryRun: boolean;
  fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  /** Gathers what goes into Warning headers. */
  warnings: string[];
  /** What of the body says something twice; undefined when it cannot. */
  repeated?: Repeated | undefined;
  /** What an object that cannot be read is told as; by default a bad request. */
  undecodable?: ((detail: string) => Error) | undefined;
  /** Whether the requester may write just this; throws otherwise. Asked before the object is validated. */
  mayWrite?: ((next: KubeObject, live: KubeObject | undefined) => void) | undefined;
}

/** RFC 3339 in whole seconds, as metadata has it. */
export function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
