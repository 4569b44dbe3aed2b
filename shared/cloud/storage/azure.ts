import { foreignText } from '../../network/errors.ts';
import { type HttpClient, parseHttpUrl, shown } from '../../network/http.ts';
import { type AzureCredentials, accountOf, azureHeaders } from './azure-sign.ts';
import { type ListedObject, type ObjectStorage, type OpenedObject, StorageError } from './object-storage.ts';
import { encodePath } from './s3-sign.ts';
import { type Refusal, StorageHttp } from './storage-http.ts';
import { parseXml, textOf, type XmlElement } from './xml.ts';

export interface AzureOptions {
  /** spec.endpoint: the URL of the storage account; a query of it is part of every request. */
  endpoint: string;
  /** The container. */
  bucketName: string;
  /** Anonymous without. */
  credentials?: AzureCredentials | undefined;
  http: HttpClient;
  signal: AbortSignal;
  /** Epoch ms. */
  now: () => number;
}

/** A page of 5,000 blobs with their properties, and a margin. */
const maxPage = 64 * 2 ** 20;

/** A container of Azure Blob Storage. Throws StorageError InvalidAddress for an address that cannot be one. */
export function azureStorage(options: AzureOptions): ObjectStorage {
  return new AzureStorage(options);
}

class AzureStorage implements ObjectStorage {
  readonly #options: AzureOptions;
  readonly #http: StorageHttp;
  readonly #endpoint: URL;

  constructor(options: AzureOptions) {
    this.#options = options;
    this.#http = new StorageHttp(options.http, options.signal);
    this.#endpoint = endpointOf(options);
  }

  async exists(): Promise<boolean> {
    const page = await this.#page('', undefined, 1);
    if (!('status' in page)) return true;
    const { reason } = azureError(page);
    if (reason === 'ContainerNotFound' || reason === 'ResourceNotFound') return false;
    // What Azure says to a container's own signature when there is no such container.
    const hint =
      reason === 'AuthenticationFailed' || reason === 'AuthorizationFailure'
        ? 'the specified bucket name may be incorrect, nonexistent, or the caller might lack sufficient permissions to access it: '
        : '';
    throw refusedAs(page, hint);
  }

  async *list(prefix: string): AsyncGenerator<ListedObject> {
    const seen = new Set<string>();
    for (let marker: string | undefined; ; ) {
      const page = await this.#page(prefix, marker, 5000);
      if ('status' in page) throw refusedAs(page);
      yield* listedIn(page.root, page.where);
      marker = textOf(page.root, 'NextMarker');
      if (!marker) return;
      if (seen.has(marker))
        throw new StorageError('InvalidAnswer', `${page.where} does not come to the end of its list`);
      seen.add(marker);
    }
  }

  async read({ key }: { key: string }): Promise<OpenedObject | undefined> {
    const answer = await this.#http.send(
      () => this.#request(`/${encodePath(key)}`, {}),
      refusal => {
        if (azureError(refusal).reason === 'BlobNotFound') return undefined;
        throw refusedAs(refusal);
      },
    );
    if (!answer) return undefined;
    const length = answer.headers['content-length'];
    const size = length === undefined ? undefined : Number(length);
    const { etag } = answer.headers;
    return { etag: etag === undefined ? undefined : quoted(etag), size, body: answer.body };
  }

  async #page(
    prefix: string,
    marker: string | undefined,
    most: number,
  ): Promise<{ root: XmlElement; where: string } | Refusal> {
    const query = {
      restype: 'container',
      comp: 'list',
      maxresults: String(most),
      ...(prefix ? { prefix } : {}),
      ...(marker ? { marker } : {}),
    };
    const got = await this.#http.read(
      () => this.#request('', query),
      refusal => refusal,
      maxPage,
    );
    if ('status' in got) return got;
    const where = shown(got.answer.url);
    return { root: parseXml(got.text, where), where };
  }

  async #request(path: string, query: Record<string, string>) {
    const { bucketName, credentials, now } = this.#options;
    const url = new URL(this.#endpoint);
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/${bucketName}${path}`;
    if (credentials && 'sas' in credentials)
      for (const [name, value] of credentials.sas) url.searchParams.set(name, value);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return { url, headers: await azureHeaders(credentials, url, now()) };
  }
}

function endpointOf({ endpoint, bucketName, credentials }: AzureOptions): URL {
  let url: URL;
  try {
    url = parseHttpUrl(endpoint);
  } catch (cause) {
    const shown = foreignText(endpoint.replace(/\?.*$/s, ''), 100);
    const form = 'https://<account>.blob.core.windows.net';
    throw new StorageError('InvalidAddress', `spec.endpoint "${shown}" is no URL; set it to ${form}`, { cause });
  }
  if (url.username || url.password || url.hash)
    throw new StorageError('InvalidAddress', 'spec.endpoint holds credentials or a fragment; leave them out');
  if (!/^\$?[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/.test(bucketName))
    throw new StorageError(
      'InvalidAddress',
      `spec.bucketName "${foreignText(bucketName, 100)}" is no name of a container: 3 to 63 letters, digits and hyphens`,
    );
  if (credentials && 'accountKey' in credentials) accountOf(url);
  if (credentials && 'token' in credentials && url.protocol !== 'https:')
    throw new StorageError('InvalidAddress', 'a token is not sent over plain http: spec.endpoint must be https');
  return url;
}

function listedIn(root: XmlElement, where: string): ListedObject[] {
  const blobs = root.children.find(({ name }) => name === 'Blobs');
  if (root.name !== 'EnumerationResults' || !blobs)
    throw new StorageError('InvalidAnswer', `${where} answers with no list of blobs; is spec.endpoint right?`);
  return blobs.children
    .filter(({ name }) => name === 'Blob')
    .map(blob => {
      const name = blob.children.find(child => child.name === 'Name');
      const properties = blob.children.find(child => child.name === 'Properties');
      const key = name?.text ?? '';
      return {
        key: name?.attributes.includes('Encoded="true"') ? decodeURIComponent(key) : key,
        etag: quoted(properties ? textOf(properties, 'Etag') : ''),
        size: Number(properties ? textOf(properties, 'Content-Length') : '') || 0,
      };
    });
}

/** An etag as the headers have it and the lists have not; Flux computes revisions of it so. */
function quoted(etag: string): string {
  return `"${etag.replaceAll('"', '')}"`;
}

/** Azure's own word for a refusal. */
function azureError({ headers, text }: Refusal): { reason: string; message: string } {
  const header = headers['x-ms-error-code'];
  const word = (name: string) =>
    foreignText(new RegExp(`<${name}>([^<]{0,1000})</${name}>`).exec(text)?.[1]?.split(/\n|RequestId:/)[0] ?? '');
  return { reason: typeof header === 'string' ? foreignText(header, 100) : word('Code'), message: word('Message') };
}

function refusedAs(refusal: Refusal, hint = ''): StorageError {
  const { reason, message } = azureError(refusal);
  const words = [reason, message].filter(Boolean).join(': ') || `status ${refusal.status}`;
  const code = refusal.status === 401 || refusal.status === 403 ? 'AccessDenied' : 'RequestFailed';
  return new StorageError(code, `${hint}${shown(refusal.url)} answers ${words}`);
}
