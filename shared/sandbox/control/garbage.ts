import type { KubeObject, OwnerReference } from '../../api/object.ts';
import { clone } from '../crud/clone.ts';
import { deleteEntry } from '../crud/delete.ts';
import type { Kernel } from '../crud/kernel.ts';
import type { Change, Entry } from '../store/collection.ts';
import { releaseFinalizer } from './finalizer.ts';
import { Worklist } from './worklist.ts';

/** Deletes what lost its last owner, and carries out foreground deletions and orphaning. */
export class GarbageCollector {
  readonly #kernel: Kernel;
  /** uid → where the object is. */
  readonly #objects = new Map<string, string>();
  /** uid of the owner → keys of those that name it. */
  readonly #dependents = new Map<string, Set<string>>();
  readonly #work: Worklist;
  readonly #listener: (change: Change) => void;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#work = new Worklist(
      key => this.#look(key),
      (key, error) => kernel.log('garbage collection failed', { key, error: String(error) }),
    );
    for (const resource of kernel.store.resources)
      for (const entry of kernel.store.collection(resource).entries()) this.#learn(entry);
    for (const resource of kernel.store.resources)
      for (const entry of kernel.store.collection(resource).entries())
        if (concerns(entry.object)) this.#work.add(keyOf(entry));
    this.#listener = change => this.#changed(change);
    kernel.store.listeners.add(this.#listener);
  }

  stop(): void {
    this.#kernel.store.listeners.delete(this.#listener);
    this.#work.stop();
  }

  #changed({ type, entry, old }: Change): void {
    const key = keyOf(entry);
    if (old) this.#forget(old);
    if (type !== 'DELETED') {
      this.#learn(entry);
      if (concerns(entry.object)) this.#work.add(key);
      return;
    }
    for (const dependent of this.#dependents.get(entry.object.metadata.uid!) ?? []) this.#work.add(dependent);
    for (const owner of entry.object.metadata.ownerReferences ?? []) {
      const place = this.#objects.get(owner.uid);
      if (place) this.#work.add(place);
    }
  }

  #learn(entry: Entry): void {
    const { uid, ownerReferences = [] } = entry.object.metadata;
    const key = keyOf(entry);
    if (uid) this.#objects.set(uid, key);
    for (const owner of ownerReferences) {
      const known = this.#dependents.get(owner.uid);
      if (known) known.add(key);
      else this.#dependents.set(owner.uid, new Set([key]));
    }
  }

  #forget(entry: Entry): void {
    const { uid, ownerReferences = [] } = entry.object.metadata;
    const key = keyOf(entry);
    if (uid) this.#objects.delete(uid);
    for (const owner of ownerReferences) {
      const known = this.#dependents.get(owner.uid);
      known?.delete(key);
      if (known?.size === 0) this.#dependents.delete(owner.uid);
    }
  }

  #entry(key: string): Entry | undefined {
    const [resource = '', namespace = '', name = ''] = key.split('\0');
    return this.#kernel.store.get(resource, namespace, name);
  }

  #look(key: string): void {
    const entry = this.#entry(key);
    if (!entry) return;
    const { metadata } = entry.object;
    if (metadata.deletionTimestamp && metadata.finalizers?.includes('orphan')) this.#orphan(entry);
    else if (metadata.deletionTimestamp && metadata.finalizers?.includes('foregroundDeletion')) this.#foreground(entry);
    else if (metadata.ownerReferences?.length) this.#asDependent(entry, metadata.ownerReferences);
  }

  #orphan(entry: Entry): void {
    const { uid } = entry.object.metadata;
    for (const key of [...(this.#dependents.get(uid!) ?? [])]) {
      const dependent = this.#entry(key);
      if (dependent) this.#withOwners(dependent, owner => owner.uid !== uid);
    }
    releaseFinalizer(this.#kernel.store, entry, 'orphan');
  }

  #foreground(entry: Entry): void {
    const dependents = [...(this.#dependents.get(entry.object.metadata.uid!) ?? [])]
      .map(key => this.#entry(key))
      .filter(dependent => dependent !== undefined);
    for (const dependent of dependents)
      if (!dependent.object.metadata.deletionTimestamp) this.#work.add(keyOf(dependent));
    const blocking = dependents.some(({ object }) =>
      object.metadata.ownerReferences?.some(
        owner => owner.uid === entry.object.metadata.uid && owner.blockOwnerDeletion,
      ),
    );
    if (!blocking) releaseFinalizer(this.#kernel.store, entry, 'foregroundDeletion');
  }

  #asDependent(entry: Entry, owners: OwnerReference[]): void {
    if (entry.object.metadata.deletionTimestamp) return;
    const states = owners.map(owner => ({ owner, state: this.#stateOf(owner, entry) }));
    const solid = states.filter(({ state }) => state === 'there');
    if (solid.length === states.length) return;
    if (solid.length > 0) {
      const kept = new Set(solid.map(({ owner }) => owner.uid));
      this.#withOwners(entry, owner => kept.has(owner.uid));
      return;
    }
    const waiting = states.some(({ state }) => state === 'waiting');
    const hasDependents = (this.#dependents.get(entry.object.metadata.uid!)?.size ?? 0) > 0;
    const definition = this.#kernel.registry.byStorageKey(entry.resource);
    if (!definition) return;
    const propagationPolicy = waiting && hasDependents ? 'Foreground' : undefined;
    deleteEntry(this.#kernel, definition, entry, { propagationPolicy: propagationPolicy ?? 'Background' });
  }

  /** Owners live in the dependent's own namespace, or in none. */
  #stateOf(owner: OwnerReference, dependent: Entry): 'there' | 'waiting' | 'absent' {
    const place = this.#objects.get(owner.uid);
    const entry = place ? this.#entry(place) : undefined;
    if (!entry || entry.name !== owner.name) return 'absent';
    if (entry.namespace !== '' && entry.namespace !== dependent.namespace) return 'absent';
    const { deletionTimestamp, finalizers } = entry.object.metadata;
    return deletionTimestamp && finalizers?.includes('foregroundDeletion') ? 'waiting' : 'there';
  }

  #withOwners(entry: Entry, keep: (owner: OwnerReference) => boolean): void {
    const next = clone(entry.object);
    next.metadata.ownerReferences = (next.metadata.ownerReferences ?? []).filter(keep);
    if (next.metadata.ownerReferences.length === 0) delete next.metadata.ownerReferences;
    this.#kernel.store.put(entry.resource, next);
  }
}

function keyOf(entry: { resource: string; namespace: string; name: string }): string {
  return `${entry.resource}\0${entry.namespace}\0${entry.name}`;
}

function concerns({ metadata }: KubeObject): boolean {
  return Boolean(metadata.ownerReferences?.length || (metadata.deletionTimestamp && metadata.finalizers?.length));
}
