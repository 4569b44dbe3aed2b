/** What an installation does at rest, a second: from the work that was counted and how often it comes. */
import { coldShare, type Fleet, objects, objectsPerCluster, pushes, scheduleBudgetSeconds } from './assumptions.ts';
import { scheduled, works } from './kinds-of-work.ts';
import { times, total, type Work } from './work.ts';

/** Work of a kind, and how often it comes a second. */
export interface Share {
  what: string;
  perSecond: number;
  /** Messages that an invocation takes. */
  batch: number;
  work: Work;
}

export interface Load {
  fleet: Fleet;
  shares: Share[];
  /** Of everything, a second. */
  all: Work;
  reconciles: number;
  invocations: number;
  /** Messages of the FIFO queues, and of the timer queue. */
  messages: { fifo: number; timer: number };
  /** Invocations at a time, in the mean. */
  concurrency: Record<Work['function'], number>;
  clusterCallsPerCluster: number;
  /** Seconds of each minute in which the schedule is busy, and how many objects it can send in a run. */
  schedule: { busySeconds: number; canSend: number; mustSend: number };
}

const day = 86_400;

/** Interval checks come back by a timer when the interval is short, otherwise by the schedule (settle.ts, scheduledFromMs). */
export function byTimer({ intervalSeconds }: Fleet): boolean {
  return intervalSeconds <= 90;
}

export function loadOf(fleet: Fleet): Load {
  const shares = [...atRest(fleet), ...ofPushes(fleet), ...ofSchedule(fleet)];
  const all = total(shares.map(({ work, perSecond }) => times(work, perSecond)));
  const concurrency = {} as Load['concurrency'];
  for (const { work, perSecond, batch } of shares)
    concurrency[work.function] = (concurrency[work.function] ?? 0) + (perSecond / batch) * work.seconds;
  const { source = 0, kustomize = 0, notification = 0, timer = 0 } = all.messages;
  return {
    fleet,
    shares,
    all,
    reconciles: (fleet.clusters * objectsPerCluster) / fleet.intervalSeconds,
    invocations: shares.reduce((sum, { perSecond, batch }) => sum + perSecond / batch, 0),
    // A timer's message is sent on to a FIFO queue.
    messages: { fifo: source + kustomize + notification, timer },
    concurrency,
    clusterCallsPerCluster: all.clusterCalls / fleet.clusters,
    schedule: scheduleOf(fleet),
  };
}

function atRest(fleet: Fleet): Share[] {
  const { clusters, intervalSeconds } = fleet;
  const shares = (['GitRepository', 'Kustomization'] as const).flatMap(kind => {
    const perSecond = (clusters * objects[kind]) / intervalSeconds;
    return [
      { what: `${kind}, unchanged`, perSecond: perSecond * (1 - coldShare), batch: 1, work: works[kind].unchanged },
      { what: `${kind}, cold`, perSecond: perSecond * coldShare, batch: 1, work: works[kind].cold },
    ];
  });
  const perSecond = (clusters * objectsPerCluster) / fleet.intervalSeconds;
  if (!byTimer(fleet)) return shares;
  return [
    ...shares,
    { what: 'timers set', perSecond, batch: Number.POSITIVE_INFINITY, work: works.timer.set },
    { what: 'timers that come', perSecond, batch: timersAtOnce(perSecond), work: works.timer.forward },
  ];
}

/** The more timers come, the fuller the batches: a mapping without a batching window takes what is there. */
function timersAtOnce(perSecond: number): number {
  return Math.min(10, Math.max(1, perSecond / 100));
}

function ofPushes({ clusters }: Fleet): Share[] {
  const perSecond = (clusters * pushes.perClusterAndDay) / day;
  const changed = perSecond * pushes.kustomizationsEach;
  const once = { batch: 1 };
  return [
    { what: 'webhook', perSecond, ...once, work: works.webhook },
    {
      what: 'GitRepository, pushed to',
      perSecond,
      ...once,
      work: works.GitRepository.changed(pushes.kustomizationsEach),
    },
    { what: 'Kustomization, changed', perSecond: changed, ...once, work: works.Kustomization.changed },
    { what: 'event', perSecond: perSecond + changed * works.eventsOfChange, ...once, work: works.event },
  ];
}

function ofSchedule(fleet: Fleet): Share[] {
  const { clusters, intervalSeconds } = fleet;
  const due = byTimer(fleet) ? 0 : (clusters * objectsPerCluster) / intervalSeconds;
  const changes = (clusters * pushes.perClusterAndDay * (1 + pushes.kustomizationsEach)) / day;
  // All in one invocation a minute, whose seconds are reckoned in scheduleOf.
  const within = { batch: Number.POSITIVE_INFINITY };
  return [
    { what: 'sweep of a cluster', perSecond: clusters / 60, ...within, work: scheduled.sweep },
    { what: 'change that a sweep sees', perSecond: changes, ...within, work: scheduled.change },
    { what: 'object sent by the schedule', perSecond: due, ...within, work: scheduled.dueObject },
    {
      what: 'schedule',
      perSecond: 1 / 60,
      batch: 1,
      work: { ...scheduled.nothing, seconds: scheduleOf(fleet).busySeconds },
    },
  ];
}

/** One process looks at all clusters side by side: waiting overlaps, CPU does not. */
function scheduleOf(fleet: Fleet): Load['schedule'] {
  const { clusters, intervalSeconds } = fleet;
  const mustSend = byTimer(fleet) ? 0 : (clusters * objectsPerCluster * 60) / intervalSeconds;
  const sweeping = clusters * scheduled.sweep.cpuSeconds;
  const canSend = Math.max(0, Math.floor((scheduleBudgetSeconds - sweeping) / scheduled.dueSeconds));
  const sent = Math.min(mustSend, canSend);
  return { busySeconds: sweeping + scheduled.sweepPause + sent * scheduled.dueSeconds, canSend, mustSend };
}
