/** Opens the bucket of a spec, signed in as the spec says. Loads what the providers need when they are needed. */

import type { Bucket } from '../../../api/source/bucket.ts';
import { cached } from '../../../cloud/credential-cache.ts';
import {
  accessToken,
  awsCredentials,
  CloudError,
  googleKeyToken,
  type IdentityRequest,
} from '../../../cloud/identity.ts';
import type { AzureClient } from '../../../cloud/storage/azure-client.ts';
import type { AzureCredentials } from '../../../cloud/storage/azure-sign.ts';
import { type ObjectStorage, StorageError } from '../../../cloud/storage/object-storage.ts';
import type { S3Credentials } from '../../../cloud/storage/s3-sign.ts';
import type { HttpClient, TlsMaterial } from '../../../network/http.ts';
import type { CloudEnvironment } from '../../../ports/cloud.ts';
import { StalledError } from '../../../reconcile/errors.ts';
import type { SourceSecret } from '../secret.ts';
import type { SourceWork } from '../source.ts';
import { type BucketSecrets, fingerprintOf } from './secrets.ts';

/** What is needed to open a bucket. */
export interface OpenRequest {
  work: SourceWork<Bucket>;
  secrets: BucketSecrets;
  http: HttpClient;
  /** Makes another client of the same proxy, rules and signal; closed with the access. */
  client(tls: TlsMaterial): HttpClient;
  signal: AbortSignal;
}

/** Of installations that are nobody at any cloud; one object, since caches go by it. */
const nobody: CloudEnvironment = {};

/** Throws StorageError, CloudError, and what else the sign-in throws. */
export async function openBucket(request: OpenRequest): Promise<ObjectStorage> {
  switch (request.work.object.spec.provider) {
    case 'azure':
      return openAzure(request);
    case 'gcp':
      return openGoogle(request);
    default:
      return openS3(request);
  }
}

async function openS3(request: OpenRequest): Promise<ObjectStorage> {
  const { work, http, signal } = request;
  const { endpoint, bucketName, insecure = false, region } = work.object.spec;
  const { s3Storage } = await import('../../../cloud/storage/s3.ts');
  const now = () => work.clock.now();
  const place = { endpoint, bucketName, insecure, region: region || undefined };
  // The address is checked before anybody signs in.
  s3Storage({ ...place, http, signal, now });
  return s3Storage({ ...place, credentials: await s3Credentials(request), http, signal, now });
}

/** Undefined: the bucket is asked anonymously. */
async function s3Credentials(request: OpenRequest): Promise<S3Credentials | undefined> {
  const { work, secrets } = request;
  const { provider, region, sts } = work.object.spec;
  if (secrets.own) {
    const accessKeyId = secrets.own.text('accesskey')?.trim();
    const secretAccessKey = secrets.own.text('secretkey')?.trim();
    return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined;
  }
  if (provider === 'aws') {
    const stsEndpoint = sts?.endpoint;
    return awsCredentials({ ...identityOf(request), region: region || undefined, stsEndpoint });
  }
  if (sts?.provider !== 'ldap') return undefined;
  const { ldapCredentials } = await import('../../../cloud/storage/ldap-sts.ts');
  const endpoint = stsEndpointOf(sts.endpoint);
  return ldapCredentials(request.client(secrets.stsTls), endpoint, secrets.sts ?? { username: '', password: '' });
}

async function openGoogle(request: OpenRequest): Promise<ObjectStorage> {
  const { work, secrets, http, signal } = request;
  const { endpoint, bucketName, insecure = false } = work.object.spec;
  const { gcsStorage } = await import('../../../cloud/storage/gcs.ts');
  const place = { endpoint, bucketName, insecure, http, signal };
  if (!secrets.own) {
    const identity = identityOf(request);
    if (insecure || !/^(?:https:\/\/)?(?:[a-z0-9-]+\.)*googleapis\.com(?::443)?\/?$/.test(endpoint))
      throw new CloudError(
        'AuthenticationFailed',
        'an identity of Google is shown to Google alone: set spec.endpoint to storage.googleapis.com without spec.insecure, or give credentials by spec.secretRef',
      );
    const scope = 'https://www.googleapis.com/auth/devstorage.read_only';
    return gcsStorage({ ...place, token: async () => (await accessToken({ ...identity, scope })).token });
  }
  const text = secrets.own.text('serviceaccount') ?? '';
  const where = `the key 'serviceaccount' of the secret '${secrets.own.where}'`;
  const token = () => googleKeyToken({ http, clock: work.clock }, text, where);
  return gcsStorage({ ...place, token: async () => (await kept(request, secrets.own!, token)).token });
}

async function openAzure(request: OpenRequest): Promise<ObjectStorage> {
  const { work, http, signal } = request;
  const { endpoint, bucketName } = work.object.spec;
  const { azureStorage } = await import('../../../cloud/storage/azure.ts');
  const place = { endpoint, bucketName, http, signal, now: () => work.clock.now() };
  const credentials = await azureCredentials(request);
  return azureStorage({ ...place, ...(credentials ? { credentials } : {}) });
}

/** In the order of Flux: an application or managed identity, the account's key, a signature, the installation. */
async function azureCredentials(request: OpenRequest): Promise<AzureCredentials | undefined> {
  const { own } = request.secrets;
  if (!own || own.keys.length === 0) return ownAzureToken(request);
  const [tenantId, clientId] = [own.text('tenantId')?.trim(), own.text('clientId')?.trim()];
  if (tenantId && clientId) {
    const { clientSecret, clientCertificate } = {
      clientSecret: own.text('clientSecret'),
      clientCertificate: own.text('clientCertificate'),
    };
    if (clientSecret !== undefined || clientCertificate !== undefined)
      return clientToken(request, own, { tenantId, clientId, clientSecret, clientCertificate });
  }
  if (clientId) return ownAzureToken(request, clientId);
  const accountKey = own.text('accountKey')?.trim();
  if (accountKey) return { accountKey };
  const sas = own.text('sasKey')?.trim();
  if (sas) return { sas: new URLSearchParams(sas.replace(/^\?/, '')) };
  // An authority alone: the installation signs in where it always does, and shows its secret to nobody that a user names.
  return ownAzureToken(request);
}

function clientToken(
  request: OpenRequest,
  own: SourceSecret,
  { tenantId, clientId, clientSecret, clientCertificate }: AzureClient,
): AzureCredentials {
  const { work, http } = request;
  const client: AzureClient = {
    tenantId,
    clientId,
    clientSecret,
    clientCertificate,
    clientCertificatePassword: own.text('clientCertificatePassword'),
    sendChain: /^(?:1|true)$/i.test(own.text('clientCertificateSendChain') ?? ''),
    authorityHost: own.text('authorityHost')?.trim(),
  };
  const make = async () => {
    const { azureClientToken } = await import('../../../cloud/storage/azure-client.ts');
    return azureClientToken(http, client, work.clock.now(), work.object.spec.insecure === true);
  };
  return { token: async () => (await kept(request, own, make)).token };
}

const azureHosts =
  /^[a-z0-9-]+\.(?:[a-z0-9-]+\.)*blob\.(?:core\.(?:windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)|storage\.azure\.net)$/;

/**
 * The installation's identity, or that of the ServiceAccount; `client` names one of the machine's. An installation that is
 * nobody at Azure asks anonymously: the container may be public.
 */
async function ownAzureToken(request: OpenRequest, client?: string): Promise<AzureCredentials | undefined> {
  const { serviceAccountName, endpoint } = request.work.object.spec;
  const { AZURE_TENANT_ID: _, ...others } = request.work.ports.cloud ?? nobody;
  const identity = identityOf(request);
  const environment = client === undefined ? identity.environment : { ...others, AZURE_CLIENT_ID: client };
  const scope = 'https://storage.azure.com/.default';
  const token = async () => (await accessToken({ ...identity, environment, scope })).token;
  const host = URL.parse(endpoint);
  if (host?.protocol === 'https:' && azureHosts.test(host.hostname)) {
    if (serviceAccountName || client !== undefined) return { token };
    return token().then(
      () => ({ token }),
      error => {
        if (error instanceof CloudError) return undefined;
        throw error;
      },
    );
  }
  if (!serviceAccountName && client === undefined) return undefined;
  throw new CloudError(
    'AuthenticationFailed',
    'an identity of Azure is shown to Azure alone: set spec.endpoint to https://<account>.blob.core.windows.net, or give other credentials by spec.secretRef',
  );
}

function identityOf({ work, http }: OpenRequest): IdentityRequest {
  const { provider, serviceAccountName } = work.object.spec;
  if (provider === 'generic') throw new StorageError('InvalidCredentials', 'the provider generic has no identities');
  return {
    provider,
    cluster: work.cluster,
    namespace: work.key.namespace,
    serviceAccountName: serviceAccountName || undefined,
    http,
    clock: work.clock,
    environment: work.ports.cloud ?? nobody,
  };
}

/** A token got by a Secret, for as long as it is good and the Secret is the same. */
function kept<T extends { expiresAt: number }>(
  { work }: OpenRequest,
  own: SourceSecret,
  make: () => Promise<T>,
): Promise<T> {
  const parts = ['bucket', work.object.spec.provider, work.key.cluster, own.where, fingerprintOf(own)];
  return cached({ environment: work.ports.cloud ?? nobody, clock: work.clock }, parts, make);
}

/** The address of spec.sts. Throws a StalledError for what is none. */
function stsEndpointOf(endpoint: string): string {
  if (URL.canParse(endpoint)) return endpoint;
  throw new StalledError('URLInvalid', `failed to parse STS endpoint '${endpoint}'; correct spec.sts.endpoint`);
}
