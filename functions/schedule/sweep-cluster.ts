import { apiVersionOf, type KindDefinition, kinds } from '../../shared/api/kinds.ts';
import type { KubeObject, TypeRef } from '../../shared/api/object.ts';
import { settleAll } from '../../shared/kube/limiter.ts';
import { sweep } from '../../shared/kube/watch.ts';
import { ApiError, type Cluster, type WatchEvent } from '../../shared/ports/cluster.ts';
import type { Ports } from '../../shared/ports/ports.ts';
import { forgetMissing, onObjectChange } from '../../shared/reconcile/changes.ts';
import { configCursor, configSelection, configTypes, onConfigChange } from '../../shared/reconcile/config-changes.ts';
import { readSweep, writeSweep } from './sweep-record.ts';

/** Changes of different objects that are taken in at a time. */
const parallel = 50;

interface Sweeping {
  name: string;
  cluster: Cluster;
  ports: Ports;
  signal: AbortSignal | undefined;
}

/** Takes in what happened since the cursor, and returns the new one; undefined when the kind cannot be watched. */
type SweepPart = (sweeping: Sweeping, cursor: string | undefined) => Promise<string | undefined>;

/** By the name of their cursor. */
const parts: [string, SweepPart][] = [
  ...kinds.map((definition): [string, SweepPart] => [definition.kind, sweepKind(definition)]),
  ...configTypes.map((type): [string, SweepPart] => [configCursor(type), sweepConfigs(type)]),
];

/**
 * Brings the index up to date with one cluster, and enqueues what changed: for each toolkit kind the watch is resumed where
 * the last sweep left it. A kind whose definition is not installed is left out. What one kind fails on leaves the others
 * alone; the cursor of what failed stays, so that the next sweep begins there. An unchanged cluster costs a watch per kind,
 * two reads of the index, and a write every other time. Requests end with `signal`.
 */
export async function sweepCluster(name: string, ports: Ports, signal?: AbortSignal): Promise<void> {
  const at = ports.clock.now();
  const client = await ports.clusters.get(name);
  const sweeping = { name, cluster: (signal && client.withSignal?.(signal)) ?? client, ports, signal };
  const before = await readSweep(ports.index, name);
  const cursors = { ...before.cursors };
  const swept = await Promise.allSettled(
    parts.map(async ([id, part]) => {
      const cursor = await part(sweeping, cursors[id]);
      if (cursor !== undefined) cursors[id] = cursor;
    }),
  );
  const failed = swept.find(result => result.status === 'rejected');
  await writeSweep(ports.index, name, before, { at: failed ? before.at : at, cursors });
  if (failed) throw failed.reason;
}

/** ConfigMaps and Secrets with the label. Who may not list them in the whole cluster does without: the intervals remain. */
function sweepConfigs(type: TypeRef): SweepPart {
  return async ({ name, cluster, ports, signal }, cursor) => {
    try {
      const options = { ...configSelection, ...(signal && { signal }) };
      const { events, relisted, cursor: next } = await sweep<KubeObject>(cluster, type, cursor, options);
      await takeIn(events, event => onConfigChange(name, type, event, ports, relisted));
      return next;
    } catch (error) {
      if (error instanceof ApiError && error.status === 403) return undefined;
      throw error;
    }
  };
}

function sweepKind(definition: KindDefinition): SweepPart {
  const type = { apiVersion: apiVersionOf(definition), kind: definition.kind };
  return async ({ name, cluster, ports, signal }, cursor) => {
    try {
      const swept = await sweep<KubeObject>(cluster, type, cursor, signal ? { signal } : {});
      // Items of a list do not always carry their kind.
      await takeIn(swept.events, event =>
        onObjectChange(name, { ...event, object: { ...event.object, ...type } }, ports),
      );
      if (swept.relisted)
        await forgetMissing(
          name,
          definition.kind,
          swept.events.map(({ object }) => object),
          ports,
        );
      return swept.cursor;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  };
}

/** Of each object only the last event: what is wanted is how it is now. All are tried; throws when one failed. */
async function takeIn(
  events: WatchEvent<KubeObject>[],
  act: (event: WatchEvent<KubeObject>) => Promise<void>,
): Promise<void> {
  const last = new Map(
    events.map(event => [`${event.object.metadata.namespace ?? ''}/${event.object.metadata.name}`, event]),
  );
  const taken = await settleAll([...last.values()], parallel, act);
  const failed = taken.find(result => result.status === 'rejected');
  if (failed) throw failed.reason;
}
