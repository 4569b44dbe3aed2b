import type { KubeObject } from '../../api/object.ts';
import type { PolicyRule } from '../access/rbac.ts';
import { clone } from '../crud/clone.ts';
import type { Kernel } from '../crud/kernel.ts';
import { sameValue } from '../objects/same-value.ts';
import { formatLabelSelector, parseLabelSelector } from '../selectors.ts';
import type { Change } from '../store/collection.ts';

const resource = 'rbac.authorization.k8s.io/clusterroles';

/** Keeps the rules of aggregated cluster roles (admin, edit, view and those of others) up to date, within the same turn. */
export class RoleAggregation {
  readonly #kernel: Kernel;
  readonly #listener: (change: Change) => void;
  #running = false;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#listener = change => {
      if (change.entry.resource === resource) this.run();
    };
    kernel.store.listeners.add(this.#listener);
  }

  stop(): void {
    this.#kernel.store.listeners.delete(this.#listener);
  }

  /** A role may be gathered from gathered roles, so it goes round until nothing changes. */
  run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let round = 0; round < 10 && this.#round(); round++);
    } finally {
      this.#running = false;
    }
  }

  #round(): boolean {
    const { store } = this.#kernel;
    const roles = [...store.collection(resource).entries()];
    let changed = false;
    for (const { name, object } of roles) {
      if (!object.aggregationRule || object.metadata.deletionTimestamp) continue;
      const rules = gather(
        object,
        roles.map(role => role.object),
      );
      if (sameValue(rules, object.rules ?? [])) continue;
      const next = clone(store.get(resource, '', name)!.object);
      next.rules = rules;
      store.put(resource, next);
      changed = true;
    }
    return changed;
  }
}

function gather(role: KubeObject, roles: KubeObject[]): PolicyRule[] {
  const rules: PolicyRule[] = [];
  for (const selector of (role.aggregationRule.clusterRoleSelectors ?? []) as unknown[]) {
    const matches = parseLabelSelector(formatLabelSelector(selector));
    for (const other of roles) {
      if (other.metadata.name === role.metadata.name || !matches(other.metadata.labels)) continue;
      for (const rule of (other.rules ?? []) as PolicyRule[])
        if (!rules.some(known => sameValue(known, rule))) rules.push(rule);
    }
  }
  return rules;
}
