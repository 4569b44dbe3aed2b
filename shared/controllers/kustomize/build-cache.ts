import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { KubeObject } from '../../api/object.ts';
import type { Store } from '../../ports/store.ts';

/** Bytes of JSON that one process keeps. */
const maxBytes = 32 * 2 ** 20;

/**
 * What kustomize made of an artifact, by the hash of all that goes in: in this process, and in the store for the others.
 * Holds manifests as they came from the source, before variables from the cluster's Secrets are put in.
 */
export class BuildCache {
  readonly #kept = new Map<string, string>();
  readonly #underWay = new Map<string, Promise<string>>();
  #bytes = 0;

  /**
   * The objects of `key`: kept, stored, or built. Whoever asks while another of this process looks or builds gets the same,
   * for a push wakes many Kustomizations of one build at once. Each caller gets objects of its own.
   */
  async with(store: Store, key: string, build: () => Promise<KubeObject[]>): Promise<KubeObject[]> {
    const cached = this.#kept.get(key);
    if (cached !== undefined) {
      this.#keep(key, cached);
      return JSON.parse(cached) as KubeObject[];
    }
    const flight = this.#underWay.get(key) ?? this.#make(store, key, build);
    return JSON.parse(await flight) as KubeObject[];
  }

  #make(store: Store, key: string, build: () => Promise<KubeObject[]>): Promise<string> {
    const made = this.#find(store, key).then(async found => {
      if (found !== undefined) return found;
      const text = JSON.stringify(await build());
      this.#keep(key, text);
      await store.put(storeKey(key), gzipSync(text), { contentType: 'application/gzip' });
      return text;
    });
    // A failure is not kept: the next one may succeed.
    const flight = made.finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, flight);
    return flight;
  }

  async #find(store: Store, key: string): Promise<string | undefined> {
    const stored = await store.get(storeKey(key));
    if (!stored) return undefined;
    const text = gunzipSync(await buffer(stored.body)).toString('utf8');
    this.#keep(key, text);
    return text;
  }

  #keep(key: string, text: string): void {
    const before = this.#kept.get(key);
    if (before !== undefined) this.#bytes -= before.length;
    this.#kept.delete(key);
    this.#kept.set(key, text);
    this.#bytes += text.length;
    for (const [oldest, value] of this.#kept) {
      if (this.#bytes <= maxBytes) return;
      this.#kept.delete(oldest);
      this.#bytes -= value.length;
    }
  }
}

/** Prefix of the store under which builds lie. */
export const buildsPrefix = 'builds/';

function storeKey(key: string): string {
  return `${buildsPrefix}${key.replaceAll(/[^A-Za-z0-9.-]/g, '-')}.json.gz`;
}
