import type { KubeObject } from '../../api/object.ts';
import { formatLabelSelector } from '../selectors.ts';
import { columnsOf, type Printer } from './columns.ts';
import { age, humanDuration } from './durations.ts';
import { podCells } from './pod.ts';
import { containerCells, formatMap } from './text.ts';

function created(object: KubeObject, now: Date): string {
  return age(object.metadata.creationTimestamp, now);
}

function selectorText(selector: unknown): string {
  return formatLabelSelector(selector) || '<none>';
}

function templateCells(object: KubeObject): [string, string] {
  return containerCells(object.spec?.template?.spec?.containers);
}

function replicaCells(object: KubeObject, now: Date, selector: string): unknown[] {
  const { replicas = 0, readyReplicas = 0 } = object.status ?? {};
  return [
    object.metadata.name,
    object.spec?.replicas ?? 0,
    replicas,
    readyReplicas,
    created(object, now),
    ...templateCells(object),
    selector,
  ];
}

interface Condition {
  type: string;
  status: string;
}

const jobStates: [string, string][] = [
  ['Complete', 'Complete'],
  ['Failed', 'Failed'],
  ['', 'Terminating'],
  ['Suspended', 'Suspended'],
  ['FailureTarget', 'FailureTarget'],
  ['SuccessCriteriaMet', 'SuccessCriteriaMet'],
];

function jobStatus(job: KubeObject): string {
  const conditions = (job.status?.conditions ?? []) as Condition[];
  const found = jobStates.find(([type]) =>
    type === ''
      ? job.metadata.deletionTimestamp !== undefined
      : conditions.some(condition => condition.type === type && condition.status === 'True'),
  );
  return found?.[1] ?? 'Running';
}

function jobCells(job: KubeObject, now: Date): unknown[] {
  const { completions, parallelism = 0, selector } = job.spec ?? {};
  const { succeeded = 0, startTime, completionTime } = job.status ?? {};
  const wanted = completions ?? (parallelism > 1 ? `1 of ${parallelism}` : 1);
  const end = completionTime ? Date.parse(completionTime) : now.getTime();
  return [
    job.metadata.name,
    jobStatus(job),
    `${succeeded}/${wanted}`,
    startTime ? humanDuration(end - Date.parse(startTime)) : '',
    created(job, now),
    ...templateCells(job),
    selectorText(selector),
  ];
}

interface Metric {
  type: string;
  resource?: { name: string; target?: Record<string, unknown>; current?: Record<string, unknown> };
}

function metricText(metric: Metric, current: Metric | undefined): string {
  const { resource } = metric;
  if (!resource) return '<unknown>/<unknown>';
  const { averageValue, averageUtilization } = resource.target ?? {};
  if (averageValue !== undefined)
    return `${resource.name}: ${current?.resource?.current?.averageValue ?? '<unknown>'}/${averageValue}`;
  const now = current?.resource?.current?.averageUtilization;
  const target = averageUtilization === undefined ? '<auto>' : `${averageUtilization}%`;
  return `${resource.name}: ${now === undefined ? '<unknown>' : `${now}%`}/${target}`;
}

function metricsText(object: KubeObject): string {
  const { metrics = [], targetCPUUtilizationPercentage } = object.spec ?? {};
  const percentage = targetCPUUtilizationPercentage as number | undefined;
  if (percentage !== undefined) {
    const target = { averageUtilization: percentage };
    return metricText({ type: 'Resource', resource: { name: 'cpu', target } }, undefined);
  }
  const texts = (metrics as Metric[]).map((metric, i) => metricText(metric, object.status?.currentMetrics?.[i]));
  if (texts.length === 0) return '<none>';
  const shown = texts.slice(0, 2).join(', ');
  return texts.length > 2 ? `${shown} + ${texts.length - 2} more...` : shown;
}

export const workloadPrinters: Record<string, Printer> = {
  Pod: {
    columns: columnsOf('Name|Ready|Status|Restarts|Age|IP+|Node+|Nominated Node+|Readiness Gates+'),
    cells: podCells,
  },
  PodTemplate: {
    columns: columnsOf('Name|Containers|Images|Pod Labels'),
    cells: object => [
      object.metadata.name,
      ...containerCells(object.template?.spec?.containers),
      formatMap(object.template?.metadata?.labels),
    ],
  },
  Deployment: {
    columns: columnsOf('Name|Ready|Up-to-date|Available|Age|Containers+|Images+|Selector+'),
    cells: (object, now) => {
      const { readyReplicas = 0, updatedReplicas = 0, availableReplicas = 0 } = object.status ?? {};
      return [
        object.metadata.name,
        `${readyReplicas}/${object.spec?.replicas ?? 0}`,
        updatedReplicas,
        availableReplicas,
        created(object, now),
        ...templateCells(object),
        selectorText(object.spec?.selector),
      ];
    },
  },
  ReplicaSet: {
    columns: columnsOf('Name|Desired#|Current#|Ready#|Age|Containers+|Images+|Selector+'),
    cells: (object, now) => replicaCells(object, now, selectorText(object.spec?.selector)),
  },
  ReplicationController: {
    columns: columnsOf('Name|Desired#|Current#|Ready#|Age|Containers+|Images+|Selector+'),
    cells: (object, now) => replicaCells(object, now, formatMap(object.spec?.selector)),
  },
  StatefulSet: {
    columns: columnsOf('Name|Ready|Age|Containers+|Images+'),
    cells: (object, now) => [
      object.metadata.name,
      `${object.status?.readyReplicas ?? 0}/${object.spec?.replicas ?? 0}`,
      created(object, now),
      ...templateCells(object),
    ],
  },
  DaemonSet: {
    columns: columnsOf(
      'Name|Desired#|Current#|Ready#|Up-to-date#|Available#|Node Selector|Age|Containers+|Images+|Selector+',
    ),
    cells: (object, now) => {
      const status = object.status ?? {};
      return [
        object.metadata.name,
        status.desiredNumberScheduled ?? 0,
        status.currentNumberScheduled ?? 0,
        status.numberReady ?? 0,
        status.updatedNumberScheduled ?? 0,
        status.numberAvailable ?? 0,
        formatMap(object.spec?.template?.spec?.nodeSelector),
        created(object, now),
        ...templateCells(object),
        selectorText(object.spec?.selector),
      ];
    },
  },
  Job: { columns: columnsOf('Name|Status|Completions|Duration|Age|Containers+|Images+|Selector+'), cells: jobCells },
  CronJob: {
    columns: columnsOf('Name|Schedule|Timezone|Suspend?|Active#|Last Schedule|Age|Containers+|Images+|Selector+'),
    cells: (object, now) => {
      const { schedule = '', timeZone, suspend, jobTemplate } = object.spec ?? {};
      const { active = [], lastScheduleTime } = object.status ?? {};
      return [
        object.metadata.name,
        schedule,
        timeZone ?? '<none>',
        suspend === undefined ? '<unset>' : suspend ? 'True' : 'False',
        active.length,
        lastScheduleTime ? age(lastScheduleTime, now) : '<none>',
        created(object, now),
        ...containerCells(jobTemplate?.spec?.template?.spec?.containers),
        selectorText(jobTemplate?.spec?.selector),
      ];
    },
  },
  HorizontalPodAutoscaler: {
    columns: columnsOf('Name|Reference|Targets|MinPods|MaxPods|Replicas|Age'),
    cells: (object, now) => {
      const { scaleTargetRef = {}, minReplicas, maxReplicas = 0 } = object.spec ?? {};
      return [
        object.metadata.name,
        `${scaleTargetRef.kind}/${scaleTargetRef.name}`,
        metricsText(object),
        minReplicas === undefined ? '<unset>' : String(minReplicas),
        maxReplicas,
        object.status?.currentReplicas ?? 0,
        created(object, now),
      ];
    },
  },
  PodDisruptionBudget: {
    columns: columnsOf('Name|Min Available|Max Unavailable|Allowed Disruptions#|Age'),
    cells: (object, now) => [
      object.metadata.name,
      String(object.spec?.minAvailable ?? 'N/A'),
      String(object.spec?.maxUnavailable ?? 'N/A'),
      object.status?.disruptionsAllowed ?? 0,
      created(object, now),
    ],
  },
};
