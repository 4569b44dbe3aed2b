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
  #bytes = 0;

  async get(store: Store, key: string): Promise<KubeObject[] | undefined> {
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      this.#keep(key, kept);
      return JSON.parse(kept) as KubeObject[];
    }
    const stored = await store.get(storeKey(key));
    if (!stored) return undefined;
    const chunks: Buffer[] = [];
    for await (const chunk of stored.body) chunks.push(chunk as Buffer);
    const text = gunzipSync(Buffer.concat(chunks)).toString('utf8');
    this.#keep(key, text);
    return JSON.parse(text) as KubeObject[];
  }

  async put(store: Store, key: string, objects: readonly KubeObject[]): Promise<void> {
    const text = JSON.stringify(objects);
    this.#keep(key, text);
    await store.put(storeKey(key), gzipSync(text), { contentType: 'application/gzip' });
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
