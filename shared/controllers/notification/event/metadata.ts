import type { Alert } from '../../../api/notification/alert.ts';
import { groupOf } from '../../../api/object.ts';
import type { ToolkitEvent } from '../../../reconcile/event.ts';

/** Prefix of the metadata that users put on objects, as annotations. */
const userPrefix = 'event.toolkit.fluxcd.io/';

/** Prefix of the metadata that the object's controller wrote. */
function controllerPrefix(event: ToolkitEvent): string {
  return `${groupOf(event.involvedObject.apiVersion)}/`;
}

/** What the controller says under `name`: `<group>/<name>`. */
export function controllerMetadata(event: ToolkitEvent, name: string): string | undefined {
  return event.metadata[`${controllerPrefix(event)}${name}`];
}

/** Keeps what Alerts may show: the user's and the controller's entries, without digests of artifacts. */
export function cleanMetadata(event: ToolkitEvent): ToolkitEvent {
  const prefix = controllerPrefix(event);
  const hidden = [`${prefix}checksum`, `${prefix}digest`];
  const metadata = Object.fromEntries(
    Object.entries(event.metadata).filter(
      ([key]) => (key.startsWith(userPrefix) || key.startsWith(prefix)) && !hidden.includes(key.toLowerCase()),
    ),
  );
  return { ...event, metadata };
}

export interface CombinedMetadata {
  metadata: Record<string, string>;
  /** Keys that more than one source set, with the sources in order of precedence, lowest first. */
  conflicts: Record<string, string[]>;
}

/**
 * The metadata of a notification, prefixes stripped. Precedence, lowest first: the user's on the object, the Alert's
 * eventMetadata, the Alert's summary, the controller's. The controller's `token` tells events apart and is not shown.
 */
export function combineMetadata(event: ToolkitEvent, alert: Alert): CombinedMetadata {
  const prefix = controllerPrefix(event);
  const stripped = (start: string) =>
    Object.entries(event.metadata)
      .filter(([key]) => key.startsWith(start))
      .map(([key, value]) => [key.slice(start.length), value] as const);
  const sources: [string, (readonly [string, string])[]][] = [
    ['involved object annotations', stripped(userPrefix)],
    ['Alert object .spec.eventMetadata', Object.entries(alert.spec.eventMetadata ?? {})],
    ['Alert object .spec.summary', alert.spec.summary ? [['summary', alert.spec.summary]] : []],
    ['involved object controller metadata', stripped(prefix).filter(([key]) => key !== 'token')],
  ];
  const metadata = new Map<string, string>();
  const setBy = new Map<string, string[]>();
  for (const [source, entries] of sources)
    for (const [key, value] of entries) {
      metadata.set(key, value);
      setBy.set(key, [...(setBy.get(key) ?? []), source]);
    }
  const conflicts = [...setBy].filter(([, by]) => by.length > 1).sort(([a], [b]) => (a < b ? -1 : 1));
  return { metadata: Object.fromEntries(metadata), conflicts: Object.fromEntries(conflicts) };
}

/** Whether the event only tells a Git provider the state of a commit; chat providers leave such events out. */
export function isCommitStatusUpdate(event: ToolkitEvent): boolean {
  return controllerMetadata(event, 'commit_status') === 'update';
}
