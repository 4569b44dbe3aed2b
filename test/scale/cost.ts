/** The month's bill of an installation at rest, by published prices. Free tiers are left out. */
import {
  clusterCallBytes,
  idlePollsPerSecond,
  logBytes,
  mappings,
  memoryMb,
  objectsPerCluster,
  onX86,
  provisionedUse,
  storedGbPerCluster,
  tableBytesPerObject,
  watching,
} from './assumptions.ts';
import { type Load, loadOf } from './load.ts';
import { prices } from './published.ts';
import type { Work } from './work.ts';

const month = 30 * 86_400;
const gb = 1e9;

/** US dollars a month, by service. */
export function costOf(load: Load): Record<string, number> {
  const { fleet, all, messages } = load;
  const idle = idlePollsPerSecond * month;
  // A message is received and deleted; what sends it is counted as calls.
  const sends = { timer: messages.timer, fifo: all.sends - messages.timer };
  return {
    'Lambda, time': lambdaCost(load),
    'Lambda, requests': load.invocations * month * prices.lambdaRequest.value,
    SQS:
      (sends.fifo + 2 * messages.fifo) * month * prices.fifoRequest.value +
      (sends.timer + 2 * messages.timer) * month * prices.standardRequest.value +
      idle * (mappings.fifo * prices.fifoRequest.value + mappings.standard * prices.standardRequest.value),
    DynamoDB:
      month * (all.writeUnits * prices.writeUnit.value + all.readUnits * prices.readUnit.value) +
      ((fleet.clusters * objectsPerCluster * tableBytesPerObject) / gb) * prices.tableGb.value,
    S3:
      month * (all.storeWrites * prices.storePut.value + all.storeReads * prices.storeGet.value) +
      fleet.clusters * storedGbPerCluster * prices.storeGb.value +
      prices.key.value,
    'CloudWatch Logs': logCost(loggedGb(load)),
    'metrics, alarms, dashboard':
      watching.metrics * prices.metric.value +
      watching.alarms * prices.alarm.value +
      watching.dashboards * prices.dashboard.value,
    'Secrets Manager': (fleet.clusters + 1) * prices.secret.value + all.secretReads * month * prices.secretRead.value,
    'API Gateway':
      (load.shares.find(({ what }) => what === 'webhook')?.perSecond ?? 0) * month * prices.gatewayRequest.value,
  };
}

/** Of the time of functions. `less`: by how much the memory of a function is divided, and its CPU with it. */
function lambdaCost(load: Load, less: Partial<Record<Work['function'], number>> = {}, x86 = onX86): number {
  return load.shares.reduce((sum, { work, perSecond, batch }) => {
    const divisor = less[work.function] ?? 1;
    const seconds = work.seconds + work.cpuSeconds * (divisor - 1);
    const price = x86.includes(work.function) ? prices.lambdaGbSecond : prices.lambdaArmGbSecond;
    return sum + (perSecond / batch) * seconds * (memoryMb[work.function] / 1024 / divisor) * month * price.value;
  }, 0);
}

/** Ingested, and a month kept, a tenth of the size. */
function logCost(size: number): number {
  const tiers: [number, number][] = [
    [10_000, prices.logGb.value],
    [20_000, prices.logGbSecond.value],
    [20_000, prices.logGbThird.value],
    [Number.POSITIVE_INFINITY, prices.logGbRest.value],
  ];
  let left = size;
  let cost = size * 0.1 * prices.logGbKept.value;
  for (const [width, price] of tiers) {
    cost += Math.min(left, width) * price;
    left = Math.max(0, left - width);
  }
  return cost;
}

/** What could be done about the bill, and what each would take off it, alone. */
export function levers(load: Load): { what: string; saves: number }[] {
  const costs = costOf(load);
  const whole = sumOf(costs);
  const hourly = sumOf(costOf(loadOf({ ...load.fleet, intervalSeconds: 3600 })));
  const hour = 30 * 24;
  const capacity = (perSecond: number, price: number) => (perSecond / provisionedUse) * price * hour;
  const provisioned =
    capacity(load.all.writeUnits, prices.writeCapacity.value) + capacity(load.all.readUnits, prices.readCapacity.value);
  const onDemand = month * (load.all.writeUnits * prices.writeUnit.value + load.all.readUnits * prices.readUnit.value);
  const lambda = lambdaCost(load);
  const checked = load.reconciles * month;
  return [
    { what: 'an interval of 60 minutes: webhooks and sweeps still bring every change at once', saves: whole - hourly },
    { what: `provisioned capacity for DynamoDB, ${provisionedUse * 100} % used`, saves: onDemand - provisioned },
    {
      what: 'half the memory for kustomize (a check waits more than it computes)',
      saves: lambda - lambdaCost(load, { kustomize: 2 }),
    },
    { what: 'kustomize on arm64, with a kubectl for it', saves: lambda - lambdaCost(load, {}, []) },
    { what: 'one write of the due time less for each check (3 units)', saves: 3 * checked * prices.writeUnit.value },
    { what: 'the cluster registration remembered in each process (1 unit)', saves: checked * prices.readUnit.value },
    {
      what: 'no line of log for a check that found nothing',
      saves: logCost(loggedGb(load)) - logCost(loggedGb(load, 0)),
    },
    {
      what: 'no look for a write-ahead note where there is none (1 GET)',
      saves: 0.95 * checked * prices.storeGet.value,
    },
  ].sort((a, b) => b.saves - a.saves);
}

function sumOf(costs: Record<string, number>): number {
  return Object.values(costs).reduce((sum, cost) => sum + cost, 0);
}

/** GB a month. */
function loggedGb(load: Load, reconcileBytes = logBytes.reconcile): number {
  return ((load.invocations * logBytes.invocation + load.reconciles * reconcileBytes) * month) / gb;
}

/** What a NAT gateway would take for the traffic with the clusters, when there is one. */
export function natCost({ all }: Load): number {
  return ((all.clusterCalls * clusterCallBytes * month) / gb) * prices.natGb.value;
}
