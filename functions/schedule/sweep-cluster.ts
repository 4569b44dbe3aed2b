import { apiVersionOf, type KindDefinition, kinds } from '../../shared/api/kinds.ts';
import type { KubeObject, TypeRef } from '../../shared/api/object.ts';
import { sweep } from '../../shared/kube/watch.ts';
import { ApiError } from '../../shared/ports/cluster.ts';
import type { Ports } from '../../shared/ports/ports.ts';
import { forgetMissing, onObjectChange } from '../../shared/reconcile/changes.ts';
import { configCursor, configSelection, configTypes, onConfigChange } from '../../shared/reconcile/config-changes.ts';

/**
 * Brings the index up to date with one cluster, and enqueues what changed: for each toolkit kind the watch is resumed where
 * the last sweep left it. A kind whose definition is not installed is left out.
 */
export async function sweepCluster(name: string, ports: Ports): Promise<void> {
  await Promise.all([
    ...kinds.map(definition => sweepKind(name, definition, ports)),
    ...configTypes.map(type => sweepConfigs(name, type, ports)),
  ]);
}

/** ConfigMaps and Secrets with the label. Who may not list them in the whole cluster does without: the intervals remain. */
async function sweepConfigs(name: string, type: TypeRef, ports: Ports): Promise<void> {
  const { index, clusters } = ports;
  const cursor = await index.cursor(name, configCursor(type));
  try {
    const swept = await sweep<KubeObject>(await clusters.get(name), type, cursor, configSelection);
    for (const event of swept.events) await onConfigChange(name, type, event, ports, swept.relisted);
    await index.setCursor(name, configCursor(type), swept.cursor);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 403)) throw error;
  }
}

async function sweepKind(name: string, definition: KindDefinition, ports: Ports): Promise<void> {
  const { index, clusters } = ports;
  const { kind } = definition;
  const type = { apiVersion: apiVersionOf(definition), kind };
  const cursor = await index.cursor(name, kind);
  try {
    const swept = await sweep<KubeObject>(await clusters.get(name), type, cursor);
    // Items of a list do not always carry their kind.
    for (const event of swept.events)
      await onObjectChange(name, { ...event, object: { ...event.object, ...type } }, ports);
    if (swept.relisted)
      await forgetMissing(
        name,
        kind,
        swept.events.map(({ object }) => object),
        ports,
      );
    await index.setCursor(name, kind, swept.cursor);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  }
}
