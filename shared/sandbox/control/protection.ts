import type { Kernel } from '../crud/kernel.ts';
import { claimProtection, volumeProtection } from '../crud/strategy.ts';
import type { Change, Entry } from '../store/collection.ts';
import { releaseFinalizer } from './finalizer.ts';
import { Worklist } from './worklist.ts';

const claims = '/persistentvolumeclaims';
const volumes = '/persistentvolumes';

/** Keeps claims that pods use, and volumes that are bound, until they are not; then lets go those that were deleted. */
export class StorageProtection {
  readonly #kernel: Kernel;
  readonly #work: Worklist;
  readonly #listener: (change: Change) => void;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#work = new Worklist(
      key => this.#look(key),
      (key, error) => kernel.log('storage protection failed', { key, error: String(error) }),
    );
    for (const resource of [claims, volumes])
      for (const entry of kernel.store.collection(resource).entries()) this.#changed(entry);
    this.#listener = ({ type, entry }) => {
      if (entry.resource === '/pods') this.#podChanged(entry, type === 'DELETED');
      else if (type !== 'DELETED') this.#changed(entry);
    };
    kernel.store.listeners.add(this.#listener);
  }

  stop(): void {
    this.#kernel.store.listeners.delete(this.#listener);
    this.#work.stop();
  }

  #changed({ resource, namespace, name, object }: Entry): void {
    if ((resource === claims || resource === volumes) && object.metadata.deletionTimestamp)
      this.#work.add(`${resource} ${namespace} ${name}`);
  }

  #podChanged(pod: Entry, gone: boolean): void {
    if (!gone && !isOver(pod)) return;
    for (const name of claimsOf(pod)) {
      const claim = this.#kernel.store.get(claims, pod.namespace, name);
      if (claim) this.#changed(claim);
    }
  }

  #look(key: string): void {
    const { store } = this.#kernel;
    const [resource = '', namespace = '', name = ''] = key.split(' ');
    const entry = store.get(resource, namespace, name);
    const protection = resource === claims ? claimProtection : volumeProtection;
    if (!entry?.object.metadata.deletionTimestamp || !entry.object.metadata.finalizers?.includes(protection)) return;
    if (resource === claims ? this.#isUsed(entry) : entry.object.status?.phase === 'Bound') return;
    releaseFinalizer(store, entry, protection);
  }

  #isUsed(claim: Entry): boolean {
    for (const pod of this.#kernel.store.collection('/pods').entries(claim.namespace))
      if (!isOver(pod) && claimsOf(pod).includes(claim.name)) return true;
    return false;
  }
}

function isOver({ object }: Entry): boolean {
  return object.status?.phase === 'Succeeded' || object.status?.phase === 'Failed';
}

function claimsOf({ object }: Entry): string[] {
  const mounted = (object.spec?.volumes ?? []) as { persistentVolumeClaim?: { claimName: string } }[];
  return mounted.flatMap(volume => volume.persistentVolumeClaim?.claimName ?? []);
}
