/** What one piece of work takes on AWS, from what was counted and what is taken for granted. */
import { readFileSync } from 'node:fs';
import { coreSpeed, initMs, latencyMs, memoryMb, pauseMs, secretMissShare, vcpuMb } from './assumptions.ts';
import type { Counts, Measured } from './measure.ts';

function read(file: string): unknown {
  return JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'));
}

export const counts = read('counts.json') as Counts;

/** What an operation of the index costs on DynamoDB: calls, units, and CPU of the one who calls. */
export interface OperationUnits {
  calls: number;
  reads: number;
  writes: number;
  cpuMs: number;
}
export const units = read('units.json') as Record<string, OperationUnits>;

/** CPU of a call of another AWS service; about that of a call of DynamoDB. */
const sdkCpuMs = units.getObject!.cpuMs;

/** One piece of work. */
export interface Work {
  function: keyof typeof memoryMb;
  /** Of an invocation that does nothing else, everything asked one after the other: an upper bound. */
  seconds: number;
  /** CPU alone, as seconds of the function's part of a vCPU. */
  cpuSeconds: number;
  clusterCalls: number;
  watches: number;
  tableCalls: number;
  readUnits: number;
  writeUnits: number;
  /** Calls that send, of batches of ten. */
  sends: number;
  messages: Record<string, number>;
  storeReads: number;
  storeWrites: number;
  secretReads: number;
}

const sum = (tally: Record<string, number>, names: readonly string[]) =>
  names.reduce((total, name) => total + (tally[name] ?? 0), 0);

/** The work that was measured under `name`, as `of` does it. */
export function work(name: string, of: Work['function']): Work {
  const measured = counts[name];
  if (!measured) throw new Error(`nothing was measured as "${name}"; run npm run scale -- --measure`);
  return workOf(name, measured, of);
}

export function workOf(name: string, { tally, cpuMs }: Measured, of: Work['function']): Work {
  const table = tableWork(tally);
  const storeReads = sum(tally, ['store.get', 'store.head']);
  const storeWrites = sum(tally, ['store.put', 'store.list', 'store.delete']);
  const secretReads = (tally['secrets.get'] ?? 0) * (name.endsWith('cold') ? 1 : secretMissShare);
  const sends = tally['queue.sends'] ?? 0;
  const sdkCalls = table.calls + storeReads + storeWrites + secretReads + sends;
  const watches = tally['cluster.watch'] ?? 0;
  const clusterCalls =
    sum(tally, ['cluster.read', 'cluster.list', 'cluster.write', 'cluster.dryRun', 'cluster.discovery']) + watches;
  const cpu = cpuMs + table.cpuMs + (sdkCalls - table.calls) * sdkCpuMs;
  const share = Math.min(1, memoryMb[of] / vcpuMb) * coreSpeed;
  const waited =
    clusterCalls * latencyMs.cluster +
    table.calls * latencyMs.index +
    sends * latencyMs.queue +
    (storeReads + storeWrites) * latencyMs.store +
    secretReads * latencyMs.secrets +
    (tally['http.other'] ?? 0) * latencyMs.other +
    (name.endsWith('cold') ? initMs : 0) +
    (Object.entries(pauseMs).find(([begin]) => name.startsWith(begin))?.[1] ?? 0);
  return {
    function: of,
    seconds: (cpu / share + waited) / 1000,
    cpuSeconds: cpu / share / 1000,
    clusterCalls,
    watches,
    tableCalls: table.calls,
    readUnits: table.reads,
    writeUnits: table.writes,
    sends,
    messages: Object.fromEntries(
      ['source', 'kustomize', 'notification', 'timer'].map(queue => [queue, tally[`queue.${queue}`] ?? 0]),
    ),
    storeReads,
    storeWrites,
    secretReads,
  };
}

function tableWork(tally: Record<string, number>): OperationUnits {
  const all = { calls: 0, reads: 0, writes: 0, cpuMs: 0 };
  for (const [name, times] of Object.entries(tally)) {
    if (!name.startsWith('index.')) continue;
    const operation = units[name.slice('index.'.length)];
    if (!operation) throw new Error(`it is not known what ${name} costs; measure it with npm run scale -- --units`);
    all.calls += times * operation.calls;
    // Nothing found costs a unit, too, which DynamoDB Local does not count.
    all.reads += times * (operation.writes > 0 ? operation.reads : Math.max(operation.calls / 2, operation.reads));
    all.writes += times * operation.writes;
    all.cpuMs += times * operation.cpuMs;
  }
  return all;
}

/** What `once` takes `times` times. Seconds add up, as of invocations. */
export function times(once: Work, many: number): Work {
  const scaled = Object.entries(once).map(([name, value]) => [name, typeof value === 'number' ? value * many : value]);
  const messages = Object.fromEntries(Object.entries(once.messages).map(([queue, count]) => [queue, count * many]));
  return { ...(Object.fromEntries(scaled) as unknown as Work), messages };
}

/** All of it together. The function of the sum means nothing. */
export function total(all: Work[]): Work {
  const [first, ...others] = all;
  if (!first) throw new Error('there is no work');
  return others.reduce((left, right) => {
    const added = Object.entries(left).map(([name, value]) => [
      name,
      typeof value === 'number' ? value + (right[name as keyof Work] as number) : value,
    ]);
    const messages = Object.fromEntries(
      Object.keys(left.messages).map(queue => [queue, (left.messages[queue] ?? 0) + (right.messages[queue] ?? 0)]),
    );
    return { ...(Object.fromEntries(added) as unknown as Work), messages };
  }, first);
}
