import type { HttpClient } from '../network/http.ts';
import type { Clock } from '../ports/clock.ts';
import type { CloudEnvironment } from '../ports/cloud.ts';
import type { Cluster } from '../ports/cluster.ts';

export type CloudProvider = 'aws' | 'azure' | 'gcp';

/** Who is to be signed in, where, and over which connection. */
export interface IdentityRequest {
  provider: CloudProvider;
  /** The cluster of the object that needs the credentials, and its namespace: whose ServiceAccount it may be. */
  cluster: Cluster;
  namespace: string;
  /** spec.serviceAccountName: that ServiceAccount's identity; the installation's own when absent. */
  serviceAccountName?: string | undefined;
  /** The object's client: its proxy, address rules and signal are used, its certificates are not. */
  http: HttpClient;
  clock: Clock;
  /** `work.ports.cloud ?? {}`. */
  environment: CloudEnvironment;
}

/** Keys for requests that are signed (AWS). */
export interface AwsCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
  /** Epoch ms; Infinity for keys that do not expire. */
  expiresAt: number;
}

/** A bearer token (Azure, Google). */
export interface AccessToken {
  token: string;
  /** Epoch ms. */
  expiresAt: number;
}

/** What a sign-in gives: by provider. */
export type CloudCredentials = ({ provider: 'aws' } & AwsCredentials) | ({ provider: 'azure' | 'gcp' } & AccessToken);

/** For a registry's token endpoint, or basic authentication. */
export interface RegistryLogin {
  username: string;
  password: string;
  /** Epoch ms. */
  expiresAt: number;
}

/** For a Git server over https. Good for this URL only. */
export type GitLogin =
  | { username: string; password: string; expiresAt: number }
  | { bearerToken: string; expiresAt: number };
