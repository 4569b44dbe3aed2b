import type { Bucket } from '../../../api/source/bucket.ts';
import type { ObjectStorage } from '../../../cloud/storage/object-storage.ts';
import { HttpClient, type TlsMaterial } from '../../../network/http.ts';
import type { SourceWork } from '../source.ts';
import type { OpenRequest } from './open.ts';
import { secretsOf, textsOf } from './secrets.ts';

/** The way to the bucket of a spec. */
export interface BucketAccess {
  /** All by which it is reached, and who asks: see Question in fetch-once.ts. */
  credentials: string[];
  /** Signs in where that is needed, once. */
  open(): Promise<ObjectStorage>;
  /** Ends its connections. */
  close(): void;
}

/**
 * Reads the Secrets of the spec; nothing is asked of the storage yet. `signal` ends what is asked of it later. Throws
 * RetryErrors AuthenticationFailed, and NetworkError for TLS or a proxy that cannot be used.
 */
export async function bucketAccess(work: SourceWork<Bucket>, signal: AbortSignal): Promise<BucketAccess> {
  const secrets = await secretsOf(work);
  const { proxy, tls } = secrets;
  const rules = { refuseLoopback: work.ports.refuseLoopback };
  const clients: HttpClient[] = [];
  const client = (material: TlsMaterial) => {
    const made = new HttpClient({ tls: material, proxy, rules, signal });
    clients.push(made);
    return made;
  };
  const http = client(tls);
  let opened: Promise<ObjectStorage> | undefined;
  return {
    credentials: [...ownerOf(work), ...textsOf(secrets)],
    open: () => (opened ??= openStorage({ work, secrets, http, client, signal })),
    close: () => {
      for (const made of clients) made.close();
    },
  };
}

/** Loaded where it is needed first: not all installations have buckets. */
async function openStorage(request: OpenRequest): Promise<ObjectStorage> {
  const { openBucket } = await import('./open.ts');
  return openBucket(request);
}

/** Who signs in where no Secret does: the installation, or a ServiceAccount of one namespace of one cluster. */
function ownerOf({ object, key }: SourceWork<Bucket>): string[] {
  const { provider, serviceAccountName, secretRef } = object.spec;
  if (secretRef || provider === 'generic') return [provider];
  if (!serviceAccountName) return [provider, 'installation'];
  return [provider, 'service account', key.cluster, key.namespace, serviceAccountName];
}
