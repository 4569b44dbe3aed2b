import type { Readable } from 'node:stream';
import { readAll } from '../network/http.ts';
import { openBlob } from './blob.ts';
import { Connection } from './connection.ts';
import type { Descriptor } from './descriptor.ts';
import { OciError } from './errors.ts';
import { fetchManifest, resolveManifest } from './manifest.ts';
import { parseRepository } from './reference.ts';
import { listReferrers } from './referrers.ts';
import type { FetchedManifest, RegistryOptions } from './registry-types.ts';
import { listTags } from './tags.ts';

export type { Descriptor, Manifest } from './descriptor.ts';
export { OciError, type OciErrorCode } from './errors.ts';
export type { FetchedManifest, RegistryCredentials, RegistryOptions } from './registry-types.ts';

/**
 * One repository of a registry, read only. A `reference` is a tag or a digest. Digests and sizes are verified in any case.
 * Every method throws OciError, or what the client's signal was aborted with.
 */
export interface Registry {
  /** Host (and port) of the registry, as credentials name it: `index.docker.io` for Docker Hub. */
  readonly host: string;
  /** Path of the repository, without the host. */
  readonly repository: string;
  /** `host/repository`. */
  readonly name: string;
  /** All tags, in the registry's order. */
  tags(): Promise<string[]>;
  /** What a tag or digest stands for now. */
  resolve(reference: string): Promise<Descriptor>;
  /** The manifest, or index, itself: of an index nothing is chosen. */
  manifest(reference: string): Promise<FetchedManifest>;
  /** The bytes as they come; the stream fails at its end when they are not those of the descriptor. */
  blob(descriptor: Descriptor): Promise<Readable>;
  /** A small blob; `limit` in bytes. */
  readBlob(descriptor: Descriptor, limit: number): Promise<Buffer>;
  /** What refers to the manifest `digest` by its `subject`, such as signatures: by the API, or the tag that stands in for it. */
  referrers(digest: string, artifactType?: string): Promise<Descriptor[]>;
}

/** Opens a repository; the first request is made when something is asked. Throws OciError InvalidReference. */
export function openRegistry(options: RegistryOptions): Registry {
  const name = parseRepository(options.url);
  const connection = new Connection(name, options);
  return {
    host: name.host,
    repository: name.repository,
    name: `${name.host}/${name.repository}`,
    tags: () => listTags(connection),
    resolve: reference => resolveManifest(connection, reference),
    manifest: reference => fetchManifest(connection, reference),
    blob: descriptor => openBlob(connection, descriptor),
    referrers: (digest, artifactType) => listReferrers(connection, digest, artifactType),
    async readBlob(descriptor, limit) {
      const what = `${name.host}/${name.repository}: blob ${descriptor.digest}`;
      if (descriptor.size > limit)
        throw new OciError('TooLarge', `${what} has ${descriptor.size} bytes, of at most ${limit}`);
      return readAll(await openBlob(connection, descriptor), limit, what);
    },
  };
}
