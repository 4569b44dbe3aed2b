/** The month's bill of an installation at rest, by published prices. Free tiers are left out. */
import {
  clusterCallBytes,
  idlePollsPerSecond,
  logBytes,
  mappings,
  memoryMb,
  storedGbPerCluster,
  tableBytesPerObject,
  objectsPerCluster,
  watching,
} from './assumptions.ts';
import type { Load } from './load.ts';
import { prices } from './published.ts';

const month = 30 * 86_400;
const gb = 1e9;

/** US dollars a month, by service. */
export function costOf(load: Load): Record<string, number> {
  const { fleet, all, messages } = load;
  const logged = (load.invocations * logBytes.invocation + load.reconciles * logBytes.reconcile) * month;
  const idle = idlePollsPerSecond * month;
  // A message is received and deleted; what sends it is counted as calls.
  const sends = { timer: messages.timer, fifo: all.sends - messages.timer };
  return {
    'Lambda, time': gbSeconds(load) * month * prices.lambdaGbSecond.value,
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
    'CloudWatch Logs': logCost(logged / gb),
    'metrics, alarms, dashboard':
      watching.metrics * prices.metric.value +
      watching.alarms * prices.alarm.value +
      watching.dashboards * prices.dashboard.value,
    'Secrets Manager':
      (fleet.clusters + 1) * prices.secret.value + all.secretReads * month * prices.secretRead.value,
    'API Gateway': (load.shares.find(({ what }) => what === 'webhook')?.perSecond ?? 0) * month * prices.gatewayRequest.value,
  };
}

export function gbSeconds(load: Load): number {
  return load.shares.reduce(
    (sum, { work, perSecond, batch }) => sum + (perSecond / batch) * work.seconds * (memoryMb[work.function] / 1024),
    0,
  );
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

/** What a NAT gateway would take for the traffic with the clusters, when there is one. */
export function natCost({ all }: Load): number {
  return ((all.clusterCalls * clusterCallBytes * month) / gb) * prices.natGb.value;
}
