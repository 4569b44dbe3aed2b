import type { Readable } from 'node:stream';
import type { HttpClient } from '../network/http.ts';
import type { Descriptor, Manifest } from './descriptor.ts';

export type { Descriptor, Manifest } from './descriptor.ts';
export { OciError, type OciErrorCode } from './errors.ts';

/** Who we are to a registry. */
export type RegistryCredentials =
  | { username: string; password: string }
  /** A refresh token, exchanged for tokens of the repository. */
  | { identityToken: string }
  /** Sent as it is. */
  | { bearerToken: string };

export interface RegistryOptions {
  /** `oci://host/repository` or `host/repository`; as with Docker, one without a host is of Docker Hub. */
  url: string;
  /** Anonymous when absent. */
  credentials?: RegistryCredentials | undefined;
  http: HttpClient;
  /** Plain http will do, if the registry has no https. */
  insecure?: boolean | undefined;
  /** Ends waits between tries; that of `http`. */
  signal?: AbortSignal | undefined;
}

/** A manifest as the registry keeps it. */
export interface FetchedManifest {
  descriptor: Descriptor;
  manifest: Manifest;
  /** What the digest is of. */
  bytes: Buffer;
}

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
  throw new Error(`not yet: ${options.url}`);
}
