import type { ToolkitEvent } from '../../../reconcile/event.ts';

/** The event as Flux sends it to generic webhooks: field names and their order are Flux's. */
export interface FluxEvent {
  involvedObject: {
    kind: string;
    namespace: string;
    name: string;
    uid: string;
    apiVersion: string;
    resourceVersion?: string;
  };
  severity: string;
  timestamp: string;
  message: string;
  reason: string;
  metadata?: Record<string, string>;
  reportingController: string;
  reportingInstance?: string;
}

/** Flux's bound of a message. */
const maxMessage = 39_000;

/** What of a queued event goes out, with the metadata an Alert made of it. Absent fields are left out, as Go does. */
export function fluxEvent(event: ToolkitEvent, metadata: Record<string, string>): FluxEvent {
  const { kind, namespace, name, uid, apiVersion, resourceVersion } = event.involvedObject;
  return {
    involvedObject: { kind, namespace, name, uid, apiVersion, ...(resourceVersion ? { resourceVersion } : {}) },
    severity: event.severity,
    timestamp: event.timestamp,
    message: event.message.slice(0, maxMessage),
    reason: event.reason,
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
    reportingController: event.reportingController,
    ...(event.reportingInstance ? { reportingInstance: event.reportingInstance } : {}),
  };
}
