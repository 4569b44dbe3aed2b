import * as z from 'zod';
import type { HttpClient } from '../../network/http.ts';
import { clientAssertion } from '../azure-certificate.ts';
import { askJson, atService, form } from '../connection.ts';
import { CloudError } from '../errors.ts';
import type { AccessToken } from '../request.ts';
import { StorageError } from './object-storage.ts';

/** An application of Entra ID that signs in by what a Secret holds. */
export interface AzureClient {
  tenantId: string;
  clientId: string;
  /** One of the two. */
  clientSecret?: string | undefined;
  /** Certificate and key, PEM. */
  clientCertificate?: string | undefined;
  clientCertificatePassword?: string | undefined;
  /** Whether the certificates are sent along. */
  sendChain?: boolean | undefined;
  /** Where one signs in; Azure's public cloud when absent. */
  authorityHost?: string | undefined;
}

/** What tokens for Azure's storage are asked for. */
export const azureStorageScope = 'https://storage.azure.com/.default';

const what = 'Microsoft Entra ID';
const Granted = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number().positive() });

/** A token of that application. `plain` allows an authority by http. Throws CloudError, or StorageError InvalidCredentials. */
export async function azureClientToken(
  http: HttpClient,
  client: AzureClient,
  now: number,
  plain: boolean,
): Promise<AccessToken> {
  const endpoint = tokenEndpoint(client, plain);
  const asked = form(endpoint, {
    grant_type: 'client_credentials',
    scope: azureStorageScope,
    client_id: client.clientId,
    ...proofOf(client, endpoint, now),
  });
  const found = await atService(http, what, service => askJson(service, what, asked, Granted));
  return { token: found.access_token, expiresAt: now + found.expires_in * 1000 };
}

function proofOf(client: AzureClient, endpoint: string, now: number): Record<string, string> {
  const {
    clientId,
    clientSecret,
    clientCertificate: pem = '',
    clientCertificatePassword: password,
    sendChain = false,
  } = client;
  if (clientSecret !== undefined) return { client_secret: clientSecret };
  try {
    return {
      client_assertion: clientAssertion({ pem, password, client: clientId, endpoint, now, sendChain }),
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    };
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    throw new StorageError(
      'InvalidCredentials',
      "failed to parse client certificates: the key 'clientCertificate' must hold a certificate and its private key in PEM ('clientCertificatePassword' is for encrypted keys)",
    );
  }
}

function tokenEndpoint({ authorityHost, tenantId }: AzureClient, plain: boolean): string {
  const url = URL.parse(authorityHost ?? 'https://login.microsoftonline.com');
  if (!url || (url.protocol !== 'https:' && !(plain && url.protocol === 'http:')) || url.search || url.username)
    throw new StorageError('InvalidCredentials', "the key 'authorityHost' is no address of https");
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/.test(tenantId))
    throw new StorageError('InvalidCredentials', "the key 'tenantId' is neither a GUID nor a domain");
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}/${tenantId}/oauth2/v2.0/token`;
}
