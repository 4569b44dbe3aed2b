import type { HttpClient } from '../network/http.ts';
import type { Descriptor, Manifest } from './descriptor.ts';

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
