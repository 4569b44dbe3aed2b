import type { Kernel } from '../crud/kernel.ts';

const lifetime = 3_600_000;
const every = 60_000;

/** Events live for an hour after they were last written, as in Kubernetes. */
export class EventExpiry {
  readonly #timer: NodeJS.Timeout;

  constructor(kernel: Kernel) {
    this.#timer = setInterval(() => {
      const oldest = kernel.now().getTime() - lifetime;
      for (const entry of [...kernel.store.collection('/events').entries()]) {
        const { series, lastTimestamp, metadata } = entry.object;
        const last = series?.lastObservedTime ?? lastTimestamp ?? metadata.creationTimestamp;
        if (Date.parse(last) < oldest) kernel.store.remove(entry);
      }
    }, every);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
