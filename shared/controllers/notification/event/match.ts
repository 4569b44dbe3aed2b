import type { Alert } from '../../../api/notification/alert.ts';
import type { ToolkitEvent } from '../../../reconcile/event.ts';
import { matchesAny } from './message-filter.ts';

/** Something about an Alert that its owner should know: becomes a Warning Event on it. */
export interface Complaint {
  alert: Alert;
  reason: string;
  message: string;
  annotations?: Record<string, string>;
}

export interface Matching {
  alerts: Alert[];
  complaints: Complaint[];
}

/**
 * The Alerts that want the event. `labelsOf` reads the labels of the event's object from the cluster, once and only when an
 * Alert selects by labels; undefined when the object is gone.
 */
export async function matchAlerts(
  event: ToolkitEvent,
  alerts: Alert[],
  labelsOf: () => Promise<Record<string, string> | undefined>,
): Promise<Matching> {
  const matching: Matching = { alerts: [], complaints: [] };
  for (const alert of alerts) {
    if (alert.spec.suspend) continue;
    if (!(await isWanted(event, alert, labelsOf, matching.complaints))) continue;
    if (passesFilters(event, alert, matching.complaints)) matching.alerts.push(alert);
  }
  return matching;
}

type EventSource = Alert['spec']['eventSources'][number];

async function isWanted(
  event: ToolkitEvent,
  alert: Alert,
  labelsOf: () => Promise<Record<string, string> | undefined>,
  complaints: Complaint[],
): Promise<boolean> {
  if (alert.spec.eventSeverity === 'error' && event.severity !== 'error') return false;
  for (const source of alert.spec.eventSources) {
    if (!namesObject(event, alert, source)) continue;
    if (!source.matchLabels) return true;
    const labels = await labelsOf();
    if (!labels) {
      const { kind, namespace, name } = event.involvedObject;
      complaints.push({
        alert,
        reason: 'SourceFetchFailed',
        message: `error getting source object ${kind}/${namespace}/${name}`,
      });
      continue;
    }
    if (Object.entries(source.matchLabels).every(([key, value]) => labels[key] === value)) return true;
  }
  return false;
}

function namesObject(event: ToolkitEvent, alert: Alert, source: EventSource): boolean {
  const { kind, namespace, name } = event.involvedObject;
  return (
    kind === source.kind &&
    namespace === (source.namespace || alert.metadata.namespace) &&
    (source.name === '*' || source.name === name)
  );
}

/** Exclusion is stronger than inclusion. An invalid expression matches nothing and is complained of. */
function passesFilters(event: ToolkitEvent, alert: Alert, complaints: Complaint[]): boolean {
  const { inclusionList = [], exclusionList = [] } = alert.spec;
  const complain = (list: string, invalid: { expression: string; message: string }[]) => {
    for (const { expression, message } of invalid)
      complaints.push({
        alert,
        reason: 'InvalidConfig',
        message: `failed to compile ${list} regex: ${expression}: ${message}`,
      });
  };
  if (inclusionList.length > 0) {
    const included = matchesAny(inclusionList, event.message);
    complain('inclusion', included.invalid);
    if (!included.matches) return false;
  }
  const excluded = matchesAny(exclusionList, event.message);
  complain('exclusion', excluded.invalid);
  return !excluded.matches;
}
