import { groupOf, type KubeObject } from '../api/object.ts';
import { type InventoryEntry, inventoryEntry } from './inventory.ts';
import { normalized } from './normalize.ts';
import { identityOf, refOf } from './object-id.ts';
import { type Owner, ownerSelector } from './policy.ts';
import { readLive } from './read-live.ts';
import { compareRefs, type Stage, stageOf, stages } from './stages.ts';
import { type Decision, decideLocally, type SetContext } from './validate.ts';

/** One object of a set, on its way. */
export interface Item {
  /** Normalized. */
  desired: KubeObject;
  live: KubeObject | undefined;
  /** Not read, or not seen in a list by label: may exist all the same. */
  unseen: boolean;
  stage: Stage;
  /** Cannot be validated before an earlier stage was written. */
  deferred: boolean;
  decision?: Decision;
}

export interface PlanOptions {
  owner: Owner;
  /** What was applied last. */
  inventory: readonly InventoryEntry[];
  customStageKinds?: ReadonlySet<string>;
}

/** Reads what exists and decides what can be decided without a dry-run. */
export async function planSet(
  context: SetContext,
  objects: readonly KubeObject[],
  options: PlanOptions,
): Promise<Item[]> {
  const items = await itemsOf(context, objects, options);
  const open = items.filter(item => !item.decision);
  const newcomers = newcomersOf(open, options.inventory);
  const wanted = open.filter(item => !newcomers.has(item)).map(item => refOf(item.desired));
  const live = await readLive(context.cluster, wanted, {
    labelSelector: ownerSelector(options.owner),
    label: { key: `${options.owner.group}/name`, value: options.owner.name },
  });
  for (const item of newcomers) live.unseen.add(identityOf(refOf(item.desired)));
  // What is applied only when absent must not be missed for lack of a label.
  const hidden = items.filter(
    item => live.unseen.has(identityOf(refOf(item.desired))) && context.policy.ifNotPresent(item.desired),
  );
  const found = await readLive(
    context.cluster,
    hidden.map(item => refOf(item.desired)),
    { maxGets: Number.POSITIVE_INFINITY },
  );
  for (const item of items) {
    if (item.decision) continue;
    const identity = identityOf(refOf(item.desired));
    item.live = live.objects.get(identity) ?? found.objects.get(identity);
    item.unseen = live.unseen.has(identity) && !item.live;
    const decision = decideLocally(context, item.desired, item.live);
    if (decision) item.decision = decision;
  }
  markDeferred(items);
  return items;
}

/**
 * Objects that were never applied, so that they most likely do not exist: they need a dry-run in any case, and it tells
 * whether they do, so they are not read before. A single one is, since it may then be applied without a dry-run; and what
 * the order of the others depends on (namespaces, definitions) has to be known.
 */
function newcomersOf(items: readonly Item[], inventory: readonly InventoryEntry[]): Set<Item> {
  const applied = new Set(inventory.map(entry => entry.id));
  const found = items.filter(
    ({ desired, stage }) => stage === 'rest' && !applied.has(inventoryEntry(refOf(desired)).id),
  );
  return new Set(found.length > 1 ? found : []);
}

async function itemsOf(
  context: SetContext,
  objects: readonly KubeObject[],
  options: { owner: Owner; customStageKinds?: ReadonlySet<string> },
): Promise<Item[]> {
  const items: Item[] = [];
  const scopes = definedScopes(objects);
  for (const object of objects) {
    const namespaced =
      scopes.get(`${groupOf(object.apiVersion)}/${object.kind}`) ?? (await context.cluster.namespaced(object));
    const desired = normalized(object, options.owner, namespaced);
    const item: Item = {
      desired,
      live: undefined,
      unseen: false,
      stage: stageOf(object, options.customStageKinds),
      deferred: false,
    };
    if (context.policy.excluded(desired)) item.decision = { do: 'nothing', action: 'skipped' };
    items.push(item);
  }
  return items.sort(
    (a, b) => stages.indexOf(a.stage) - stages.indexOf(b.stage) || compareRefs(refOf(a.desired), refOf(b.desired)),
  );
}

/** Kinds that the set itself defines: `group/Kind` → whether they live in namespaces. */
function definedScopes(objects: readonly KubeObject[]): Map<string, boolean> {
  const scopes = new Map<string, boolean>();
  for (const { kind, spec } of objects)
    if (kind === 'CustomResourceDefinition' && spec?.names?.kind)
      scopes.set(`${spec.group}/${spec.names.kind}`, spec.scope !== 'Cluster');
  return scopes;
}

/** Objects in namespaces, and of kinds, that the set is about to bring or change. */
function markDeferred(items: readonly Item[]): void {
  const open = items.filter(item => !item.decision);
  const namespaces = new Set(
    open
      .filter(item => item.desired.kind === 'Namespace' && item.desired.apiVersion === 'v1' && !item.live)
      .map(item => item.desired.metadata.name),
  );
  const kinds = new Set(
    open
      .filter(item => item.desired.kind === 'CustomResourceDefinition')
      .map(item => `${item.desired.spec?.group}/${item.desired.spec?.names?.kind}`),
  );
  for (const item of open) {
    const { apiVersion, kind, metadata } = item.desired;
    if (namespaces.has(metadata.namespace ?? '') || kinds.has(`${groupOf(apiVersion)}/${kind}`)) item.deferred = true;
  }
}
