/** What the model takes for granted: sizes that can be configured, and what could not be measured here. */
import { functionSettings } from '../../infra/function-settings.ts';
import { quotas } from './published.ts';

/** An installation to be computed. */
export interface Fleet {
  clusters: number;
  intervalSeconds: number;
}

export const fleets: Fleet[] = [60, 600].flatMap(intervalSeconds =>
  [1, 20, 200].map(clusters => ({ clusters, intervalSeconds })),
);

/** Of each cluster's thousand objects. Every Kustomization has ten objects of its own. */
export const objects = { GitRepository: 50, Kustomization: 950 };
export const objectsPerCluster = objects.GitRepository + objects.Kustomization;

/** What people do: for the month's bill, not for the push that reaches everything. */
export const pushes = { perClusterAndDay: 100, kustomizationsEach: 20 };

/** Milliseconds that a request takes until it is answered, within a region. Not measured: nothing ran on AWS. */
export const latencyMs = { cluster: 10, index: 5, queue: 10, store: 25, secrets: 15, other: 100 };

/** Requests that a cluster's API server answers a second. Small EKS control planes do less, large ones much more. */
export const clusterCallsPerSecond = 400;

/** Milliseconds of waiting that an invocation brings by itself: the sweep's quiet time, the quick looks at health. */
export const pauseMs: Record<string, number> = { sweep: 500, 'Kustomization, health awaited': 1500 };

/** Milliseconds until a new environment has loaded its bundle; paid like the rest. */
export const initMs = 300;

/** A vCPU of Lambda against a core of the machine that measured. */
export const coreSpeed = 1;
/** MB that are one vCPU; less memory is less of one, more helps a single thread no further. */
export const vcpuMb = 1769;

/** The part of invocations that finds no warm environment, at rest. */
export const coldShare = 0.01;

/** The part of the secrets asked for that a warm environment does not remember: it does for a minute, and has work more often. */
export const secretMissShare = 0.2;

/** Bytes of log that an invocation leaves: Lambda's own three lines and ours. */
export const logBytes = { invocation: 800, reconcile: 700 };

/** Bytes that a request to a cluster brings and takes, TLS and all. */
export const clusterCallBytes = 6_000;

/** GB in the bucket for each cluster: artifacts, builds. */
export const storedGbPerCluster = 0.5;
/** Bytes of table for each object: record, mark, links. */
export const tableBytesPerObject = 2_000;

/** Calls to SQS of a mapping at rest: five pollers that wait 20 s each time. Four queues, four dead-letter queues. */
export const idlePollsPerSecond = 5 / 20;
export const mappings = { fifo: 6, standard: 2 };

/** The part of provisioned capacity of DynamoDB that is used, as its scaling keeps it. */
export const provisionedUse = 0.7;

/** CloudWatch: metrics of 5 kinds × 4 and 3 of the installation; alarms and dashboards of the stack. */
export const watching = { metrics: 23, alarms: 26, dashboards: 1 };

/** Seconds that a run of the schedule has for sending what is due: a minute, less what its handler keeps back. */
export const scheduleBudgetSeconds = 55;

/** Seconds that a webhook waits for its clusters (functions/webhook/config.ts); Git providers wait for about ten. */
export const webhookSeconds = 7;

/** How much an installation is allowed to do at a time. */
export interface Limits {
  name: string;
  /** What has to be asked of AWS or written into sluice.yaml for it. */
  how: string;
  source: number;
  kustomize: number;
  notification: number;
  timer: number;
  account: number;
  growth: number;
}

const { source, kustomize, notification, timer } = functionSettings;
const growth = quotas.pollersGrowth.value;

export const limits: Record<'default' | 'raised' | 'large', Limits> = {
  default: {
    name: 'as it comes',
    how: 'nothing',
    source: source.concurrency,
    kustomize: kustomize.concurrency,
    notification: notification.concurrency,
    timer: timer.concurrency,
    account: quotas.lambdaConcurrency.value,
    growth,
  },
  raised: {
    name: 'raised',
    how: "`concurrency` in sluice.yaml, within the account's default quota",
    source: 100,
    kustomize: 600,
    notification: 150,
    timer: 50,
    account: quotas.lambdaConcurrency.value,
    growth,
  },
  large: {
    name: 'large',
    how: 'a quota of 3,000 from AWS, `concurrency` up to what a mapping takes',
    source: 200,
    kustomize: quotas.mappingConcurrency.value,
    notification: 500,
    timer: 100,
    account: 3000,
    growth,
  },
};

/** Functions that run on x86_64, because the kubectl of the layer does; all others run on arm64 (infra/constructs/functions.ts). */
export const onX86: readonly string[] = ['kustomize'];

/** Memory of each function, MB. */
export const memoryMb = Object.fromEntries(
  Object.entries(functionSettings).map(([name, { memory }]) => [name, memory]),
) as Record<keyof typeof functionSettings, number>;
