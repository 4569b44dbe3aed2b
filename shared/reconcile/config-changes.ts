import type { KubeObject } from '../api/object.ts';
import { keyString, type ObjectKey, type TypeRef } from '../api/object.ts';
import type { WatchEvent } from '../ports/cluster.ts';
import type { Ports } from '../ports/ports.ts';
import { wakeDependents } from './dependents.ts';
import { newTrace } from './trace.ts';

/**
 * ConfigMaps and Secrets that ask for it by this label wake the objects that use them, as in Flux. That one changed is all that
 * is asked for: what it holds is read when it is used.
 */
export const configSelection = { labelSelector: 'reconcile.fluxcd.io/watch=Enabled', metadataOnly: true } as const;
export const configTypes: readonly TypeRef[] = [
  { apiVersion: 'v1', kind: 'ConfigMap' },
  { apiVersion: 'v1', kind: 'Secret' },
];

/** Where the watch of a type is resumed: among the cursors of the kinds that Sluice reconciles. */
export function configCursor({ kind }: TypeRef): string {
  return `config/${kind}`;
}

const rememberedSeconds = 7 * 24 * 3600;

/**
 * Takes one watch event of a labelled ConfigMap or Secret: enqueues the Kustomizations that name it. A relist tells of every
 * object, changed or not, so there only versions count that were not told of before.
 */
export async function onConfigChange(
  cluster: string,
  { kind }: TypeRef,
  event: WatchEvent<KubeObject>,
  ports: Ports,
  relisted: boolean,
): Promise<void> {
  if (event.type === 'BOOKMARK') return;
  const { metadata } = event.object;
  const key: ObjectKey = { cluster, kind, namespace: metadata.namespace ?? '', name: metadata.name };
  const first = () => ports.index.once(`config/${keyString(key)}@${metadata.resourceVersion}`, rememberedSeconds);
  if (relisted && !(await first())) return;
  await wakeDependents(key, ports, newTrace());
  // Sent before it is remembered: dying in between costs a second message, never a lost change.
  if (!relisted) await first();
}
