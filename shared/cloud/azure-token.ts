/** Tokens of Azure (Microsoft Entra ID): the installation's own, or those of the identity that a ServiceAccount stands for. */
import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import type { CloudEnvironment } from '../ports/cloud.ts';
import { clientAssertion } from './azure-certificate.ts';
import { askJson, atService, form } from './connection.ts';
import { notSignedIn } from './errors.ts';
import { askMetadata } from './metadata.ts';
import type { AccessToken, IdentityRequest } from './request.ts';
import { type Account, annotationOf, tokenOf } from './service-account.ts';

const audience = 'api://AzureADTokenExchange';
const what = 'Microsoft Entra ID';
/** A GUID, or the name of a verified domain. */
const tenantForm = /^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/;
const clientForm = /^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/;
const exampleId = '00000000-0000-0000-0000-000000000000';

/** The application or managed identity that a ServiceAccount stands for. Throws CloudError. */
export function azureIdentity(account: Account): { tenant: string; client: string } {
  return {
    tenant: annotationOf(account, 'azure.workload.identity/tenant-id', tenantForm, exampleId),
    client: annotationOf(account, 'azure.workload.identity/client-id', clientForm, exampleId),
  };
}

/** A token for the ServiceAccount's identity: the cluster's token, exchanged. Throws CloudError. */
export async function federatedAzureToken(
  request: IdentityRequest & { scope: string },
  account: Account,
): Promise<AccessToken> {
  const { tenant, client } = azureIdentity(account);
  const assertion = await tokenOf(request, account, audience);
  return grant(request, tenant, { client_id: client, ...asserted(assertion) });
}

/**
 * The installation's own token, by the variables that Azure's libraries know: a secret, a certificate, a federated token, or
 * else the managed identity of the machine. Throws CloudError.
 */
export async function ownAzureToken(request: IdentityRequest & { scope: string }): Promise<AccessToken> {
  const { environment } = request;
  const { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: client } = environment;
  if (tenant && client) {
    const proof = await proofOf(request, tenant, client);
    if (proof) return grant(request, tenant, { client_id: client, ...proof });
  }
  return managedIdentityToken(request);
}

async function proofOf(
  request: IdentityRequest,
  tenant: string,
  client: string,
): Promise<Record<string, string> | undefined> {
  const { environment, clock } = request;
  const {
    AZURE_CLIENT_SECRET: secret,
    AZURE_CLIENT_CERTIFICATE_PATH: certificate,
    AZURE_FEDERATED_TOKEN_FILE: file,
  } = environment;
  if (secret) return { client_secret: secret };
  if (certificate) {
    const pem = await readNamed('AZURE_CLIENT_CERTIFICATE_PATH', certificate);
    const password = environment.AZURE_CLIENT_CERTIFICATE_PASSWORD;
    const endpoint = tokenEndpoint(environment, tenant);
    return asserted(clientAssertion({ pem, password, client, endpoint, now: clock.now() }));
  }
  if (file) return asserted((await readNamed('AZURE_FEDERATED_TOKEN_FILE', file)).trim());
  return undefined;
}

async function readNamed(variable: string, file: string): Promise<string> {
  return readFile(file, 'utf8').catch(error => {
    throw notSignedIn(`the file that ${variable} names cannot be read`, { cause: error });
  });
}

function asserted(assertion: string): Record<string, string> {
  return {
    client_assertion: assertion,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  };
}

const Granted = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number().positive() });

async function grant(
  { http, environment, clock, scope }: IdentityRequest & { scope: string },
  tenant: string,
  fields: Record<string, string>,
): Promise<AccessToken> {
  const asked = form(tokenEndpoint(environment, tenant), { grant_type: 'client_credentials', scope, ...fields });
  const now = clock.now();
  const { access_token, expires_in } = await atService(http, what, client => askJson(client, what, asked, Granted));
  return { token: access_token, expiresAt: now + expires_in * 1000 };
}

function tokenEndpoint(environment: CloudEnvironment, tenant: string): string {
  const authority = environment.AZURE_AUTHORITY_HOST ?? 'https://login.microsoftonline.com';
  return `${authority.replace(/\/+$/, '')}/${encodeURIComponent(tenant)}/oauth2/v2.0/token`;
}

/** The machine's identity: App Service and Functions name an endpoint of theirs, virtual machines have one at a fixed address. */
async function managedIdentityToken({
  environment,
  clock,
  scope,
}: IdentityRequest & { scope: string }): Promise<AccessToken> {
  const { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: secret, AZURE_CLIENT_ID: client } = environment;
  if (environment.AWS_LAMBDA_FUNCTION_NAME && !endpoint) throw nobody();
  const host = environment.AZURE_POD_IDENTITY_AUTHORITY_HOST ?? 'http://169.254.169.254';
  const service = endpoint && secret;
  const url = new URL(service ? endpoint : `${host.replace(/\/+$/, '')}/metadata/identity/oauth2/token`);
  url.searchParams.set('api-version', service ? '2019-08-01' : '2018-02-01');
  url.searchParams.set('resource', scope.replace(/\/\.default$/, ''));
  if (client) url.searchParams.set('client_id', client);
  const headers: Record<string, string> = service ? { 'x-identity-header': secret } : { metadata: 'true' };
  const now = clock.now();
  const found = await askMetadata(url, headers, Managed).catch(error => {
    throw nobody(error);
  });
  const expiresAt = found.expires_on === undefined ? now + (found.expires_in ?? 0) * 1000 : found.expires_on * 1000;
  return { token: found.access_token, expiresAt };
}

const Managed = z.object({
  access_token: z.string().min(1),
  /** Seconds of the epoch. */
  expires_on: z.coerce.number().optional(),
  expires_in: z.coerce.number().optional(),
});

function nobody(cause?: unknown): Error {
  return notSignedIn(
    'this installation has no identity at Azure: set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET (or AZURE_CLIENT_CERTIFICATE_PATH, or AZURE_FEDERATED_TOKEN_FILE) where it runs, or name an annotated ServiceAccount in spec.serviceAccountName',
    { cause },
  );
}
