import type { KubeObject } from '../../api/object.ts';

/** The pairs of fields of an event in v1 and in events.k8s.io/v1 that differ only by name. */
const eventFields: [string, string][] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
];

/** An event as the other of its two API versions writes it. */
export function convertEvent(event: KubeObject, apiVersion: 'v1' | 'events.k8s.io/v1'): KubeObject {
  if (event.apiVersion === apiVersion) return event;
  const toNew = apiVersion === 'events.k8s.io/v1';
  const names = new Map(eventFields.map(([old, current]) => (toNew ? [old, current] : [current, old])));
  const converted: KubeObject = { apiVersion, kind: 'Event', metadata: event.metadata };
  for (const [field, value] of Object.entries(event)) {
    if (field === 'apiVersion' || field === 'kind' || field === 'metadata') continue;
    converted[names.get(field) ?? field] = value;
  }
  return converted;
}

interface Metric {
  type: string;
  resource?: {
    name: string;
    target?: { type: string; averageUtilization?: number };
    current?: { averageUtilization?: number };
  };
}

const metricsAnnotation = 'autoscaling.alpha.kubernetes.io/metrics';

/** A HorizontalPodAutoscaler as v1 (one CPU target) or v2 (metrics) writes it. */
export function convertAutoscaler(object: KubeObject, version: string): KubeObject {
  const apiVersion = `autoscaling/${version}`;
  if (object.apiVersion === apiVersion) return object;
  return version === 'v1' ? autoscalerToV1(object) : autoscalerToV2(object);
}

function isCpu(metric: Metric): boolean {
  return (
    metric.type === 'Resource' && metric.resource?.name === 'cpu' && metric.resource.target?.type === 'Utilization'
  );
}

function autoscalerToV1(object: KubeObject): KubeObject {
  const { metrics = [], behavior, ...spec } = (object.spec ?? {}) as { metrics?: Metric[]; behavior?: unknown };
  const cpu = metrics.find(isCpu);
  const others = metrics.filter(metric => metric !== cpu);
  const annotations: Record<string, string> = { ...object.metadata.annotations };
  if (others.length > 0) annotations[metricsAnnotation] = JSON.stringify(others);
  if (behavior) annotations['autoscaling.alpha.kubernetes.io/behavior'] = JSON.stringify(behavior);
  const { currentMetrics, conditions, ...status } = (object.status ?? {}) as Record<string, unknown>;
  const current = (currentMetrics as Metric[] | undefined)?.find(metric => metric.resource?.name === 'cpu');
  const target = cpu?.resource?.target?.averageUtilization;
  const percentage = current?.resource?.current?.averageUtilization;
  return {
    ...object,
    apiVersion: 'autoscaling/v1',
    metadata: { ...object.metadata, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
    spec: { ...spec, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) },
    status: {
      currentReplicas: 0,
      ...status,
      ...(percentage === undefined ? {} : { currentCPUUtilizationPercentage: percentage }),
    },
  };
}

function autoscalerToV2(object: KubeObject): KubeObject {
  const { targetCPUUtilizationPercentage, ...spec } = (object.spec ?? {}) as Record<string, unknown>;
  const {
    [metricsAnnotation]: others,
    'autoscaling.alpha.kubernetes.io/behavior': behavior,
    ...annotations
  } = object.metadata.annotations ?? {};
  const metrics: unknown[] = others ? (JSON.parse(others) as unknown[]) : [];
  if (targetCPUUtilizationPercentage !== undefined) {
    const target = { type: 'Utilization', averageUtilization: targetCPUUtilizationPercentage };
    metrics.push({ type: 'Resource', resource: { name: 'cpu', target } });
  }
  const { currentCPUUtilizationPercentage: _, ...status } = (object.status ?? {}) as Record<string, unknown>;
  const metadata = { ...object.metadata, annotations };
  if (Object.keys(annotations).length === 0) delete (metadata as { annotations?: unknown }).annotations;
  return {
    ...object,
    apiVersion: 'autoscaling/v2',
    metadata,
    spec: {
      ...spec,
      ...(metrics.length > 0 ? { metrics } : {}),
      ...(behavior ? { behavior: JSON.parse(behavior) } : {}),
    },
    status,
  };
}
