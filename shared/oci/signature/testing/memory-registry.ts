import { createHash } from 'node:crypto';
import type { Descriptor, Manifest } from '../../descriptor.ts';
import { manifestTypes } from '../../descriptor.ts';
import { OciError } from '../../errors.ts';
import type { FetchedManifest } from '../../registry.ts';
import type { SignatureRegistry } from '../verify.ts';

export function digestOf(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A repository in memory, by content as any other; what is put into it is found as a registry would. */
export class MemoryRegistry implements SignatureRegistry {
  readonly name: string;
  readonly #blobs = new Map<string, Buffer>();
  readonly #manifests = new Map<string, FetchedManifest>();

  constructor(name = 'registry.example.com/apps/podinfo') {
    this.name = name;
  }

  blob(bytes: Buffer, mediaType: string, annotations?: Record<string, string>): Descriptor {
    const digest = digestOf(bytes);
    this.#blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length, ...(annotations ? { annotations } : {}) };
  }

  put(manifest: Manifest, tag?: string): Descriptor {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: manifestTypes.image, ...manifest }));
    const descriptor: Descriptor = { mediaType: manifestTypes.image, digest: digestOf(bytes), size: bytes.length };
    const fetched = { descriptor, manifest, bytes };
    this.#manifests.set(descriptor.digest, fetched);
    if (tag !== undefined) this.#manifests.set(tag, fetched);
    return descriptor;
  }

  /** An artifact as `flux push artifact` leaves it; `text` makes it another one. */
  artifact(text: string, tag?: string): Descriptor {
    const layer = this.blob(Buffer.from(text), 'application/vnd.cncf.flux.content.v1.tar+gzip');
    const config = this.blob(Buffer.from('{}'), 'application/vnd.cncf.flux.config.v1+json');
    return this.put({ config, layers: [layer] }, tag);
  }

  async manifest(reference: string): Promise<FetchedManifest> {
    const found = this.#manifests.get(reference);
    if (!found) throw new OciError('NotFound', `${this.name}: no manifest ${reference}`);
    return found;
  }

  async readBlob({ digest }: Descriptor): Promise<Buffer> {
    const found = this.#blobs.get(digest);
    if (!found) throw new OciError('NotFound', `${this.name}: no blob ${digest}`);
    return found;
  }

  async referrers(digest: string, artifactType?: string): Promise<Descriptor[]> {
    const found = new Map<string, Descriptor>();
    for (const { descriptor, manifest } of this.#manifests.values()) {
      if (manifest.subject?.digest !== digest) continue;
      const type = manifest.artifactType ?? manifest.config?.mediaType;
      if (artifactType !== undefined && type !== artifactType) continue;
      found.set(descriptor.digest, { ...descriptor, ...(type === undefined ? {} : { artifactType: type }) });
    }
    return [...found.values()];
  }
}
