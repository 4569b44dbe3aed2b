/** The load as it goes through the queues: what comes at its intervals, and one push that reaches everything. */
import {
  clusterCallsPerSecond,
  type Fleet,
  type Limits,
  objects,
  objectsPerCluster,
  scheduleBudgetSeconds,
} from './assumptions.ts';
import { scheduled, works } from './kinds-of-work.ts';
import { byTimer } from './load.ts';
import { quotas } from './published.ts';
import { type Job, type Model, type Result, type Station, simulate } from './simulate.ts';
import type { Work } from './work.ts';

function stationsOf(limits: Limits): Station[] {
  const grown = { initial: quotas.pollersAtFirst.value, growth: limits.growth };
  return [
    { name: 'source', concurrency: limits.source, ...grown },
    { name: 'kustomize', concurrency: limits.kustomize, ...grown },
    { name: 'notification', concurrency: limits.notification, ...grown },
    { name: 'timer', concurrency: limits.timer, batch: 10, ...grown },
    // No queue: it sends one batch after the other.
    { name: 'schedule', concurrency: 1 },
  ];
}

function jobOf(work: Work, cluster: number, done?: Job['done']): Job {
  return {
    station: work.function,
    cluster,
    seconds: work.seconds,
    calls: work.clusterCalls,
    ...(done && { done }),
  };
}

export interface Steady {
  result: Result;
  /** Checks done a second, of those that should be. */
  kept: number;
  /** Seconds between two checks of an object, in the mean. */
  interval: number;
}

/** All objects come due over and over, an interval after the last check was done, as timers or the schedule bring them back. */
export function simulateSteady(fleet: Fleet, limits: Limits): Steady {
  const { clusters, intervalSeconds } = fleet;
  // The schedule's minutes leave a pattern in what comes due, which repeats with the interval: so a whole one is looked at.
  const settling = intervalSeconds + 60;
  const window = Math.max(intervalSeconds, 120);
  const model: Model = {
    stations: stationsOf(limits),
    accountConcurrency: limits.account,
    clusterCallsPerSecond,
    from: settling,
    until: settling + window,
  };
  const checks = byTimer(fleet) ? timedChecks(fleet) : scheduledChecks(fleet);
  const result = simulate(model, checks);
  const done = (result.stations.source?.done ?? 0) + (result.stations.kustomize?.done ?? 0);
  const all = clusters * objectsPerCluster;
  return { result, kept: (done / window) * (intervalSeconds / all), interval: (all * window) / Math.max(1, done) };
}

/** The work on one object of a cluster: first its GitRepositories, then its Kustomizations. */
function checkOf(cluster: number, n: number, done: Job['done']): Job {
  const { GitRepository, Kustomization } = works;
  const work = n < objects.GitRepository ? GitRepository.unchanged : Kustomization.unchanged;
  return jobOf(work, cluster, done);
}

/** In [0, 1), evenly spread over all objects (multiples of the golden ratio). */
function phaseOf(cluster: number, n: number): number {
  return ((cluster * objectsPerCluster + n) * 0.6180339887498949) % 1;
}

function* timedChecks({ clusters, intervalSeconds }: Fleet) {
  for (let cluster = 0; cluster < clusters; cluster++)
    for (let n = 0; n < objectsPerCluster; n++) {
      const timer = jobOf(works.timer.forward, cluster, () => [{ job: check }]);
      const check = checkOf(cluster, n, () => [{ after: intervalSeconds, job: timer }]);
      yield { at: phaseOf(cluster, n) * intervalSeconds, job: check };
    }
}

/** Each minute sends what is due until the middle of the next one, oldest first, as far as it gets. */
function* scheduledChecks({ clusters, intervalSeconds }: Fleet) {
  const due: { at: number; job: Job }[] = [];
  for (let cluster = 0; cluster < clusters; cluster++)
    for (let n = 0; n < objectsPerCluster; n++) {
      const check = checkOf(cluster, n, now => {
        due.push({ at: now + intervalSeconds, job: check });
        return [];
      });
      due.push({ at: phaseOf(cluster, n) * intervalSeconds, job: check });
    }
  const sweeping = clusters * scheduled.sweep.cpuSeconds;
  const perRun = Math.max(0, Math.floor((scheduleBudgetSeconds - sweeping) / scheduled.dueSeconds));
  const tick: Job = {
    station: 'schedule',
    cluster: 0,
    seconds: 0,
    calls: 0,
    done: now => {
      due.sort((a, b) => a.at - b.at);
      const ready = due.findIndex(({ at }) => at >= now + 30);
      const sent = due.splice(0, Math.min(perRun, ready < 0 ? due.length : ready));
      const jobs = sent.map(({ job }, n) => ({ after: Math.ceil((n + 1) / 100) * 100 * scheduled.dueSeconds, job }));
      return [...jobs, { after: 60, job: tick }];
    },
  };
  yield { at: 0, job: tick };
}

export interface Push {
  result: Result;
  /** Seconds from the webhook until each Kustomization was applied, in order. */
  applied: Float64Array;
}

export interface PushOptions {
  /** Requests that a cluster answers a second. */
  callsPerSecond?: number;
  /** Messages are taken in any order, not in that in which they were sent. */
  mixed?: boolean;
}

/** One push to the repository that every Kustomization of every cluster is made from. */
export function simulatePush(clusters: number, limits: Limits, options: PushOptions = {}): Push {
  const { callsPerSecond = clusterCallsPerSecond, mixed = false } = options;
  const dependents = objects.Kustomization;
  const stations = stationsOf(limits).map(station => ({ ...station, mixed }));
  const model = { stations, accountConcurrency: limits.account, clusterCallsPerSecond: callsPerSecond };
  const event = (cluster: number) => ({ job: jobOf(works.event, cluster) });
  const events = (cluster: number) => Array.from({ length: works.eventsOfChange }, () => event(cluster));
  const cold = coldFirst(limits.kustomize);
  // The webhook's function asks each cluster that has such a Receiver, side by side.
  const asked = works.webhook.seconds + (clusters - 1) * works.webhook.cpuSeconds;
  const jobs = Array.from({ length: clusters }, (_, cluster) => ({
    at: asked,
    job: jobOf(works.GitRepository.changed(dependents), cluster, () => [
      event(cluster),
      ...Array.from({ length: dependents }, () => ({ job: jobOf(cold(), cluster, () => events(cluster)) })),
    ]),
  }));
  const result = simulate(model, jobs);
  return { result, applied: result.stations.kustomize!.ends };
}

/** The first of each environment finds it cold. */
function coldFirst(environments: number): () => Work {
  let begun = 0;
  return () => (begun++ < environments ? works.Kustomization.changedCold : works.Kustomization.changed);
}
