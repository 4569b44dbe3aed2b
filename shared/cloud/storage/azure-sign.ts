import { createHmac } from 'node:crypto';
import { isIP } from 'node:net';
import { StorageError } from './object-storage.ts';

/** How requests to a storage account of Azure prove who sends them. */
export type AzureCredentials =
  /** Shared key: the account's key, base64. */
  | { accountKey: string }
  /** Shared access signature: parameters that are part of every URL. */
  | { sas: URLSearchParams }
  /** Of Entra ID; asked for as often as it is needed. */
  | { token: () => Promise<string> };

/** The version of the protocol that is spoken. */
const version = '2021-12-02';

/** The headers of a GET for `url`. Throws StorageError InvalidAddress when no account can be read off the URL. */
export async function azureHeaders(
  credentials: AzureCredentials | undefined,
  url: URL,
  now: number,
): Promise<Record<string, string>> {
  const headers: Record<string, string> = { 'x-ms-date': new Date(now).toUTCString(), 'x-ms-version': version };
  if (!credentials || 'sas' in credentials) return headers;
  if ('token' in credentials) return { ...headers, authorization: `Bearer ${await credentials.token()}` };
  const account = accountOf(url);
  const text = `GET\n${'\n'.repeat(11)}${canonicalHeaders(headers)}${canonicalResource(account, url)}`;
  const proof = createHmac('sha256', Buffer.from(credentials.accountKey, 'base64')).update(text).digest('base64');
  return { ...headers, authorization: `SharedKey ${account}:${proof}` };
}

/**
 * The storage account of an endpoint: the first name of its host, or of the path where the host is an address, as it is with
 * Azure's emulator. Throws StorageError InvalidAddress.
 */
export function accountOf(endpoint: URL): string {
  const { hostname, pathname } = endpoint;
  const bare = isIP(hostname.replace(/^\[|\]$/g, '')) > 0 || hostname === 'localhost';
  const account = bare ? pathname.split('/')[1] : hostname.split('.').length > 2 ? hostname.split('.')[0] : undefined;
  if (account && /^[a-z0-9-]+$/i.test(account)) return account;
  throw new StorageError(
    'InvalidAddress',
    `failed to extract account name from endpoint: expected '${hostname}' to be a subdomain; set spec.endpoint to https://<account>.blob.core.windows.net`,
  );
}

function canonicalHeaders(headers: Record<string, string>): string {
  return Object.entries(headers)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${value}\n`)
    .join('');
}

function canonicalResource(account: string, url: URL): string {
  const names = [...new Set(url.searchParams.keys())].sort();
  const parameters = names.map(name => `\n${name.toLowerCase()}:${url.searchParams.getAll(name).sort().join(',')}`);
  return `/${account}${url.pathname}${parameters.join('')}`;
}
