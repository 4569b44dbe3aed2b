/** How large an installation may grow until something is full, by everything that can be: the first of them is the limit. */
import { dueShards } from '../../shared/aws/dynamo-table.ts';
import {
  clusterCallsPerSecond,
  type Fleet,
  limits,
  objects,
  objectsPerCluster,
  webhookSeconds,
} from './assumptions.ts';
import { works } from './kinds-of-work.ts';
import { byTimer, type Load, loadOf } from './load.ts';
import { quotas } from './published.ts';
import { counts } from './work.ts';

export interface Ceiling {
  what: string;
  /** Of `of`, in the same unit. */
  used: number;
  of: number;
  /** What moves it. */
  lever: string;
  /** Whether it is one for each cluster, whatever their number. */
  perCluster?: boolean;
}

/** Times that an operation of the index is done a second, in all the work of a load. */
export function operationsPerSecond(load: Load, name: string): number {
  const { clusters } = load.fleet;
  const checks = (kind: 'GitRepository' | 'Kustomization') => counts[`${kind}, unchanged`]?.tally[name] ?? 0;
  const rate = load.reconciles / objectsPerCluster;
  const reconciles =
    rate * (objects.GitRepository * checks('GitRepository') + objects.Kustomization * checks('Kustomization'));
  const sweeps = (clusters / 60) * (counts['sweep, unchanged']?.tally[name] ?? 0);
  const due = byTimer(load.fleet)
    ? 0
    : (load.reconciles * (counts['schedule, a hundred objects due']?.tally[name] ?? 0)) / 100;
  return reconciles + sweeps + due;
}

/** What an installation takes of everything that is limited, with the limits it comes with. */
export function ceilingsOf(fleet: Fleet): Ceiling[] {
  const load = loadOf(fleet);
  const { concurrency, all } = load;
  const workers = (['source', 'kustomize', 'notification'] as const).map(name => ({
    what: `\`concurrency\` of ${name}, as it comes`,
    used: concurrency[name],
    of: limits.default[name],
    lever: `\`concurrency.${name}\` in sluice.yaml`,
  }));
  const moves = operationsPerSecond(load, 'index.putObject') + operationsPerSecond(load, 'index.setDue');
  return [
    ...workers,
    ...(byTimer(fleet) ? [timers(load)] : [sending(load)]),
    {
      what: `CPU of one webhook for all clusters, of ${webhookSeconds} s`,
      used: fleet.clusters * works.webhook.cpuSeconds,
      of: webhookSeconds,
      lever: '`memory.webhook`; what is late is kept, answered 202 and worked on afterwards',
    },
    {
      what: 'invocations at a time in the account',
      used: Object.values(concurrency).reduce((sum, busy) => sum + busy, 0),
      of: quotas.lambdaConcurrency.value,
      lever: 'a quota that AWS raises on request',
    },
    {
      what: 'reads of the cluster registry, one partition',
      used: operationsPerSecond(load, 'index.cluster'),
      of: quotas.partitionReads.value,
      lever: 'remembering the registration for some seconds in each process',
    },
    {
      what: `writes of due times, ${dueShards} partitions`,
      // One entry goes and another comes.
      used: 2 * moves,
      of: dueShards * quotas.partitionWrites.value,
      lever: '`dueShards` (shared/aws/dynamo-table.ts)',
    },
    {
      what: 'write units of a new table',
      used: all.writeUnits,
      of: quotas.newTableWrites.value,
      lever: 'growing over some hours, or warm throughput set before',
    },
    {
      what: 'write units of the table',
      used: all.writeUnits,
      of: quotas.tableWrites.value,
      lever: 'a quota that AWS raises on request',
    },
    {
      what: 'reads of S3, were all under one prefix',
      used: all.storeReads,
      of: quotas.storeReads.value,
      lever: 'S3 splits prefixes under load; keys begin with their cluster',
    },
    {
      what: 'calls of each kind to a FIFO queue',
      used: load.messages.fifo,
      of: quotas.fifoRate.value,
      lever: 'another region has less; a second installation',
    },
    {
      what: "requests to one cluster's API server",
      used: load.clusterCallsPerCluster,
      of: clusterCallsPerSecond,
      lever: 'a larger control plane; longer intervals',
      perCluster: true,
    },
  ];
}

function timers({ messages }: Load): Ceiling {
  return {
    what: '`concurrency` of timer, as it comes, full batches',
    used: (messages.timer / 10) * works.timer.forward.seconds,
    of: limits.default.timer,
    lever: '`concurrency.timer` in sluice.yaml',
  };
}

function sending({ schedule }: Load): Ceiling {
  return {
    what: 'objects that one run of the schedule sends',
    used: schedule.mustSend,
    of: schedule.canSend,
    lever: '`memory.schedule` (1,769 MB are one vCPU); longer intervals; sending from several invocations',
  };
}
