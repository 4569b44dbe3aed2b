import { setTimeout as sleep } from 'node:timers/promises';
import { newerThanOurs } from '../api/install/newer.ts';
import type { KubeObject } from '../api/object.ts';
import { ApiError, type Cluster } from '../ports/cluster.ts';
import { CommandError } from './command.ts';

export interface InstallOptions {
  dryRun: boolean;
  report(line: string): void;
  /** How long definitions may take until the API server serves them. */
  timeoutMs?: number;
}

/** What was, or would be, done, in the order in which it first happened. */
export type InstallCounts = Record<string, number>;

const manager = 'sluice';
const definition = 'CustomResourceDefinition';

/**
 * Applies the objects in order and reports each. Fields that another manager has (Flux's own CLI, say) are taken over: the
 * same objects are meant. Definitions of a later release than ours are left alone, since replacing them would take fields
 * away from stored objects.
 */
export async function installInto(
  cluster: Cluster,
  objects: KubeObject[],
  options: InstallOptions,
): Promise<InstallCounts> {
  const counts: InstallCounts = {};
  const defined: string[] = [];
  for (const object of objects) {
    const action = await installOne(cluster, object, options);
    counts[action] = (counts[action] ?? 0) + 1;
    if (object.kind === definition && action !== 'skipped') defined.push(object.metadata.name);
  }
  if (!options.dryRun) {
    await untilServed(cluster, defined, options.timeoutMs ?? 60_000);
    cluster.refreshDiscovery();
  }
  return counts;
}

async function installOne(cluster: Cluster, object: KubeObject, { dryRun, report }: InstallOptions): Promise<string> {
  const { name, namespace } = object.metadata;
  const label = `${object.kind.toLowerCase()}/${name}`;
  const before = await cluster.get(object, namespace, name);
  const newer = before && object.kind === definition ? newerThanOurs(before) : undefined;
  if (newer) {
    report(`${label} skipped: ${newer.reason}`);
    return 'skipped';
  }
  const after = await apply(cluster, object, dryRun);
  const action = !before ? 'created' : after && isChanged(before, after) ? 'configured' : 'unchanged';
  report(`${label} ${action}`);
  return action;
}

/** Undefined when a dry run cannot say, because the namespace is not there yet. */
async function apply(cluster: Cluster, object: KubeObject, dryRun: boolean): Promise<KubeObject | undefined> {
  try {
    return await cluster.apply(object, { fieldManager: manager, force: true, dryRun });
  } catch (error) {
    if (dryRun && object.metadata.namespace && error instanceof ApiError && error.status === 404) return undefined;
    throw new CommandError(`${object.kind} ${object.metadata.name} could not be applied`, { cause: error });
  }
}

/** A dry run keeps the resourceVersion, so what was sent is compared: all of the object but bookkeeping. */
function isChanged(before: KubeObject, after: KubeObject): boolean {
  return JSON.stringify(content(before)) !== JSON.stringify(content(after));
}

function content({ metadata, status: _, ...rest }: KubeObject): unknown {
  const { managedFields: _fields, resourceVersion: _version, generation: _generation, ...meta } = metadata;
  return sorted({ ...rest, metadata: meta });
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}

/** Waits until the API server answers for the new kinds (condition Established). */
async function untilServed(cluster: Cluster, names: string[], timeoutMs: number): Promise<void> {
  const until = Date.now() + timeoutMs;
  for (const name of names) {
    for (;;) {
      const crd = await cluster.get({ apiVersion: 'apiextensions.k8s.io/v1', kind: definition }, undefined, name);
      const conditions: { type: string; status: string }[] = crd?.status?.conditions ?? [];
      if (conditions.some(condition => condition.type === 'Established' && condition.status === 'True')) break;
      if (Date.now() > until)
        throw new CommandError(
          `the API server does not serve ${name} after ${timeoutMs / 1000} s; \`kubectl describe crd ${name}\` may say why`,
        );
      await sleep(200);
    }
  }
}
