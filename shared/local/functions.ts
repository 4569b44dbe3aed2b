import { fileURLToPath } from 'node:url';
import type { ReceivableQueue } from './queue-consumer.ts';

/** A function as the host runs it: what the CDK stack says of it on AWS. */
export interface FunctionDefinition {
  /** Path of the module that exports `handler`. */
  module: string;
  timeoutSeconds: number;
}

export type FunctionName =
  | 'webhook'
  | 'artifact'
  | 'source'
  | 'kustomize'
  | 'notification'
  | 'timer'
  | 'schedule'
  | 'dead-letter'
  | 'cloud-event';
export type Functions = Record<FunctionName, FunctionDefinition>;

/** The event source mappings. */
export interface Mapping {
  queue: ReceivableQueue;
  function: FunctionName;
  /** Messages per invocation, also of one group; 1 keeps the order of a FIFO queue simple. */
  batchSize: number;
  /**
   * Invocations at a time, for each core; most of an invocation is waiting for others. Reads of Kustomizations that are
   * under way together are shared (kube/shared-reads.ts): twice as many at a time halve what a check of unchanged ones costs.
   */
  perCore: number;
}

export const functions: Functions = {
  webhook: { module: moduleOf('webhook'), timeoutSeconds: 29 },
  artifact: { module: moduleOf('artifact'), timeoutSeconds: 300 },
  source: { module: moduleOf('source'), timeoutSeconds: 120 },
  kustomize: { module: moduleOf('kustomize'), timeoutSeconds: 120 },
  notification: { module: moduleOf('notification'), timeoutSeconds: 60 },
  timer: { module: moduleOf('timer'), timeoutSeconds: 30 },
  schedule: { module: moduleOf('schedule'), timeoutSeconds: 60 },
  'dead-letter': { module: moduleOf('dead-letter'), timeoutSeconds: 60 },
  // Nothing calls it here: EventBridge is AWS's.
  'cloud-event': { module: moduleOf('cloud-event'), timeoutSeconds: 30 },
};

export const mappings: Mapping[] = [
  { queue: 'source', function: 'source', batchSize: 1, perCore: 6 },
  { queue: 'kustomize', function: 'kustomize', batchSize: 1, perCore: 24 },
  { queue: 'notification', function: 'notification', batchSize: 1, perCore: 6 },
  { queue: 'timer', function: 'timer', batchSize: 10, perCore: 1 },
  // Several at a time: a message that is kept there would otherwise hide those behind it in its group.
  { queue: 'source-dlq', function: 'dead-letter', batchSize: 10, perCore: 1 },
  { queue: 'kustomize-dlq', function: 'dead-letter', batchSize: 10, perCore: 1 },
  { queue: 'notification-dlq', function: 'dead-letter', batchSize: 10, perCore: 1 },
  { queue: 'timer-dlq', function: 'dead-letter', batchSize: 10, perCore: 1 },
];

/**
 * How long a received message stays invisible: its function's timeout, and as long again for the other invocations of a
 * thread that is being replaced to finish. When the host starts it releases everything, so nothing waits for this.
 */
export function visibilitySeconds(definition: FunctionDefinition): number {
  return definition.timeoutSeconds * 2 + 30;
}

function moduleOf(name: string): string {
  return fileURLToPath(new URL(`../../functions/${name}/handler.ts`, import.meta.url));
}
