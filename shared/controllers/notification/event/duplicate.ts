import { createHash } from 'node:crypto';
import type { ToolkitEvent } from '../../../reconcile/event.ts';
import { controllerMetadata } from './metadata.ts';

/** Within this time a second event that says the same is not sent again (Flux's default of --rate-limit-interval). */
export const duplicateSeconds = 300;

/**
 * What makes two events of a cluster the same to people: object, message, revision, and the token with which a controller
 * tells them apart. Severity and reason do not count, as in Flux.
 */
export function duplicateId(event: ToolkitEvent): string {
  const { kind, namespace, name } = event.involvedObject;
  const said = ['originRevision', 'revision', 'token'].map(key => controllerMetadata(event, key) ?? null);
  const identity = JSON.stringify([event.cluster, kind, namespace, name, event.message, ...said]);
  return `event/${createHash('sha256').update(identity).digest('hex')}`;
}
