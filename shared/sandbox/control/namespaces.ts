import type { KubeObject } from '../../api/object.ts';
import { clone } from '../crud/clone.ts';
import { deleteEntry } from '../crud/delete.ts';
import { mayBeRemoved } from '../crud/deletion-state.ts';
import { type Kernel, timestamp } from '../crud/kernel.ts';
import { createObject } from '../crud/write.ts';
import type { Change, Entry } from '../store/collection.ts';
import { Worklist } from './worklist.ts';

/** Gives every namespace its default service account, and empties those that are being deleted. */
export class NamespaceController {
  readonly #kernel: Kernel;
  readonly #work: Worklist;
  readonly #listener: (change: Change) => void;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#work = new Worklist(
      name => this.#look(name),
      (name, error) => kernel.log('namespace controller failed', { namespace: name, error: String(error) }),
    );
    for (const entry of kernel.store.collection('/namespaces').entries()) this.#work.add(entry.name);
    this.#listener = change => {
      const { entry, type } = change;
      if (entry.resource === '/namespaces') this.#work.add(entry.name);
      else if (type === 'DELETED' && entry.namespace && this.#terminating(entry.namespace))
        this.#work.add(entry.namespace);
      else if (type === 'DELETED' && entry.resource === '/serviceaccounts' && entry.name === 'default')
        this.#work.add(entry.namespace);
    };
    kernel.store.listeners.add(this.#listener);
  }

  stop(): void {
    this.#kernel.store.listeners.delete(this.#listener);
    this.#work.stop();
  }

  #terminating(name: string): boolean {
    return this.#kernel.store.get('/namespaces', '', name)?.object.metadata.deletionTimestamp !== undefined;
  }

  #look(name: string): void {
    const entry = this.#kernel.store.get('/namespaces', '', name);
    if (!entry) return;
    if (!entry.object.metadata.deletionTimestamp) this.ensureServiceAccount(name);
    else if (((entry.object.spec?.finalizers ?? []) as string[]).includes('kubernetes')) this.#empty(entry);
  }

  ensureServiceAccount(namespace: string): void {
    if (this.#kernel.store.get('/serviceaccounts', namespace, 'default')) return;
    const { definition, version } = this.#kernel.registry.find('', 'v1', 'serviceaccounts')!;
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } };
    const target = { definition, version, namespace, name: '', subresource: '' };
    const options = {
      manager: 'kube-controller-manager',
      dryRun: false,
      fieldValidation: 'Ignore' as const,
      warnings: [],
    };
    createObject(this.#kernel, target, account, options, true);
  }

  #empty(entry: Entry): void {
    const { store, registry } = this.#kernel;
    for (const resource of store.resources) {
      const definition = registry.byStorageKey(resource);
      if (!definition?.namespaced) continue;
      for (const content of [...store.collection(resource).entries(entry.name)])
        deleteEntry(this.#kernel, definition, content, { propagationPolicy: 'Background' });
    }
    const remaining = store.resources.flatMap(resource => [...store.collection(resource).entries(entry.name)]);
    const current = store.get('/namespaces', '', entry.name);
    if (!current) return;
    const next = clone(current.object);
    if (remaining.length > 0) this.#tellRemaining(next, current.object, remaining);
    else {
      next.spec.finalizers = (next.spec.finalizers as string[]).filter(finalizer => finalizer !== 'kubernetes');
      if (mayBeRemoved(next)) store.remove({ ...current, object: next });
      else store.put('/namespaces', next);
    }
  }

  #tellRemaining(next: KubeObject, current: KubeObject, remaining: Entry[]): void {
    const finalizers = new Map<string, number>();
    for (const { object } of remaining)
      for (const finalizer of object.metadata.finalizers ?? [])
        finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
    const counts = [...finalizers].map(([name, count]) => `${name} in ${count} resource instances`).join(', ');
    const kinds = new Map<string, number>();
    for (const { resource } of remaining) kinds.set(resource, (kinds.get(resource) ?? 0) + 1);
    const contents = [...kinds]
      .map(([resource, count]) => `${named(resource)} has ${count} resource instances`)
      .join(', ');
    const conditions = [
      {
        type: 'NamespaceContentRemaining',
        reason: 'SomeResourcesRemain',
        message: `Some resources are remaining: ${contents}`,
      },
      ...(finalizers.size > 0
        ? [
            {
              type: 'NamespaceFinalizersRemaining',
              reason: 'SomeFinalizersRemain',
              message: `Some content in the namespace has finalizers remaining: ${counts}`,
            },
          ]
        : []),
    ];
    const before = JSON.stringify(((current.status?.conditions ?? []) as { message: string }[]).map(c => c.message));
    if (before === JSON.stringify(conditions.map(condition => condition.message))) return;
    const lastTransitionTime = timestamp(this.#kernel.now());
    next.status = {
      ...next.status,
      conditions: conditions.map(({ type, ...rest }) => ({ type, status: 'True', lastTransitionTime, ...rest })),
    };
    this.#kernel.store.put('/namespaces', next);
  }
}

/** `pods.`, `deployments.apps`: as the namespace controller writes them. */
function named(storageKey: string): string {
  const [group = '', plural = ''] = storageKey.split('/');
  return `${plural}.${group}`;
}
