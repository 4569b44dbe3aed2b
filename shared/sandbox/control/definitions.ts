import { deleteEntry } from '../crud/delete.ts';
import type { Kernel } from '../crud/kernel.ts';
import { cleanup, isEstablished } from '../crud/settle-definition.ts';
import { customDefinition } from '../resources/custom.ts';
import type { Change, Entry } from '../store/collection.ts';
import { releaseFinalizer } from './finalizer.ts';
import { Worklist } from './worklist.ts';

const resource = 'apiextensions.k8s.io/customresourcedefinitions';

/** Serves what CustomResourceDefinitions define, and removes the instances of those that are being deleted. */
export class DefinitionController {
  readonly #kernel: Kernel;
  readonly #work: Worklist;
  readonly #listener: (change: Change) => void;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#work = new Worklist(
      name => this.#remove(name),
      (name, error) => kernel.log('removal of a custom resource definition failed', { name, error: String(error) }),
    );
    for (const entry of [...kernel.store.collection(resource).entries()]) this.#serve(entry);
    this.#listener = change => this.#changed(change);
    kernel.store.listeners.add(this.#listener);
  }

  stop(): void {
    this.#kernel.store.listeners.delete(this.#listener);
    this.#work.stop();
  }

  #changed({ type, entry }: Change): void {
    if (entry.resource === resource) {
      if (type !== 'DELETED') this.#serve(entry);
      else this.#kernel.registry.unregister(entry.object.spec.group, entry.object.spec.names.plural);
    } else if (type === 'DELETED') {
      const [group = '', plural = ''] = entry.resource.split('/');
      if (this.#kernel.store.get(resource, '', `${plural}.${group}`)?.object.metadata.deletionTimestamp)
        this.#work.add(`${plural}.${group}`);
    }
  }

  #serve(entry: Entry): void {
    if (isEstablished(entry.object)) this.#kernel.registry.register(customDefinition(entry.object));
    if (entry.object.metadata.deletionTimestamp) this.#work.add(entry.name);
  }

  #remove(name: string): void {
    const { store, registry } = this.#kernel;
    const entry = store.get(resource, '', name);
    if (!entry?.object.metadata.finalizers?.includes(cleanup) || !entry.object.metadata.deletionTimestamp) return;
    const { group, names } = entry.object.spec as { group: string; names: { plural: string } };
    const definition = registry.get(group, names.plural);
    const instances = store.collection(`${group}/${names.plural}`);
    if (definition)
      for (const instance of [...instances.entries()]) deleteEntry(this.#kernel, definition, instance, {});
    if (instances.size > 0) return;
    releaseFinalizer(store, store.get(resource, '', name)!, cleanup);
  }
}
