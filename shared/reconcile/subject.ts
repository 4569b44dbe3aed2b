import type { KindDefinition } from '../api/kinds.ts';
import type { Condition, KubeObject, ObjectKey } from '../api/object.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { Log, Ports } from '../ports/ports.ts';
import type { Controller } from './controller.ts';
import type { WorkItem } from './work-item.ts';

// biome-ignore lint/suspicious/noExplicitAny: controllers of different kinds stand in one list
export type AnyController = Controller<any>;

export interface Attempt {
  item: WorkItem;
  controller: AnyController;
  ports: Ports;
  /** Epoch ms at which the invocation will be stopped. */
  deadline: number;
  redelivered: boolean;
  random: () => number;
}

/** What the attempt knows once it has read the object. */
export interface Subject {
  key: ObjectKey;
  definition: KindDefinition;
  cluster: Cluster;
  /** As the API server gave it. */
  object: KubeObject;
  log: Log;
  startedAt: number;
}

/** The object's own conditions, as far as they are such. */
export function conditionsOf(object: KubeObject): Condition[] {
  return Array.isArray(object.status?.conditions) ? object.status.conditions : [];
}
