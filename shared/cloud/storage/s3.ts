import { foreignText } from '../../network/errors.ts';
import { type HttpAnswer, type HttpClient, type HttpRequest, shown } from '../../network/http.ts';
import { type ListedObject, type ObjectStorage, type OpenedObject, StorageError } from './object-storage.ts';
import { type S3Address, type S3Place, s3Address } from './s3-address.ts';
import { anonymous, encodePath, type Query, type S3Credentials, signed } from './s3-sign.ts';
import { type Refusal, StorageHttp } from './storage-http.ts';
import { parseXml, textOf, type XmlElement } from './xml.ts';

export interface S3Options extends S3Place {
  /** Anonymous without. */
  credentials?: S3Credentials | undefined;
  http: HttpClient;
  signal: AbortSignal;
  /** Epoch ms. */
  now: () => number;
}

/** A page of 1,000 objects with the longest keys, percent-encoded, and a margin. */
const maxPage = 16 * 2 ** 20;

/** A bucket of the S3 protocol. Throws StorageError InvalidAddress for an address that cannot be one. */
export function s3Storage(options: S3Options): ObjectStorage {
  return new S3Storage(options);
}

class S3Storage implements ObjectStorage {
  readonly #options: S3Options;
  readonly #http: StorageHttp;
  #address: S3Address;

  constructor(options: S3Options) {
    this.#options = options;
    this.#http = new StorageHttp(options.http, options.signal);
    this.#address = s3Address(options);
  }

  /**
   * Asks for the bucket itself. That answer has no text, so what is refused is asked again as a list, which says why. Where
   * no region was named, the storage may name it on the way.
   */
  async exists(): Promise<boolean> {
    for (let moved = false; ; moved = true) {
      const head = await this.#http.send(
        () => this.#request('HEAD', '', {}),
        refusal => refusal,
      );
      if (isAnswer(head)) {
        head.body.destroy();
        return true;
      }
      if (head.status === 404) return false;
      const list = await this.#get(this.#address.listV1 ? { 'max-keys': '1' } : { 'list-type': '2', 'max-keys': '1' });
      if (!('status' in list)) return true;
      const error = s3Error(list);
      if (error.reason === 'NoSuchBucket') return false;
      const region = regionIn(head) ?? regionIn(list) ?? (moved ? undefined : await this.#askRegion(list));
      if (moved || region === undefined || region === this.#address.region || this.#options.region !== undefined)
        throw refusedAs(list, error);
      this.#address = s3Address({ ...this.#options, region });
    }
  }

  async *list(prefix: string): AsyncGenerator<ListedObject> {
    const { listV1 } = this.#address;
    const seen = new Set<string>();
    // Keys can have characters that XML has not.
    const asked: Query = { 'encoding-type': 'url', prefix, ...(listV1 ? {} : { 'list-type': '2' }) };
    for (let from: Query = {}; ; ) {
      const page = await this.#get({ ...asked, ...from });
      if ('status' in page) throw refusedAs(page, s3Error(page));
      const objects = listedIn(page.root, page.where);
      yield* objects;
      if (textOf(page.root, 'IsTruncated') !== 'true') return;
      const next = listV1
        ? decodeKey(textOf(page.root, 'NextMarker'), page.root) || objects.at(-1)?.key
        : textOf(page.root, 'NextContinuationToken');
      if (!next || seen.has(next))
        throw new StorageError('InvalidAnswer', `${page.where} does not come to the end of its list`);
      seen.add(next);
      from = listV1 ? { marker: next } : { 'continuation-token': next };
    }
  }

  async read({ key }: { key: string }): Promise<OpenedObject | undefined> {
    const answer = await this.#http.send(
      () => this.#request('GET', key, {}),
      refusal => {
        const error = s3Error(refusal);
        if (error.reason === 'NoSuchKey' || (refusal.status === 404 && error.reason === '')) return undefined;
        throw refusedAs(refusal, error);
      },
    );
    if (!answer) return undefined;
    const length = answer.headers['content-length'];
    const size = length === undefined ? undefined : Number(length);
    const { etag } = answer.headers;
    return { etag: etag === undefined ? undefined : bare(etag), size, body: answer.body };
  }

  /** Where the signature of an unknown region is refused without naming the right one, buckets still say where they are. */
  async #askRegion({ status }: Refusal): Promise<string | undefined> {
    if (status !== 400 && status !== 301 && status !== 403) return undefined;
    const answer = await this.#get({ location: '' });
    if ('status' in answer) return regionIn(answer);
    return answer.root.text.trim() || undefined;
  }

  async #get(query: Query): Promise<{ root: XmlElement; where: string } | Refusal> {
    const got = await this.#http.read(
      () => this.#request('GET', '', query),
      refusal => refusal,
      maxPage,
    );
    if ('status' in got) return got;
    const where = shown(got.answer.url);
    return { root: parseXml(got.text, where), where };
  }

  #request(method: 'GET' | 'HEAD', key: string, query: Query): HttpRequest {
    const { origin, base, region } = this.#address;
    const request = { method, origin, path: `${base}${encodePath(key)}`, query };
    const { credentials, now } = this.#options;
    return credentials ? signed(request, credentials, region, now()) : anonymous(request);
  }
}

function isAnswer(answer: HttpAnswer | Refusal): answer is HttpAnswer {
  return 'body' in answer;
}

function listedIn(root: XmlElement, where: string): ListedObject[] {
  if (root.name !== 'ListBucketResult')
    throw new StorageError('InvalidAnswer', `${where} answers with no list of objects; is spec.endpoint right?`);
  return root.children
    .filter(({ name }) => name === 'Contents')
    .map(object => ({
      key: decodeKey(textOf(object, 'Key'), root),
      etag: bare(textOf(object, 'ETag')),
      size: Number(textOf(object, 'Size')) || 0,
    }));
}

function decodeKey(key: string, root: XmlElement): string {
  if (textOf(root, 'EncodingType') !== 'url') return key;
  try {
    return decodeURIComponent(key.replaceAll('+', '%20'));
  } catch (cause) {
    const shown = foreignText(key, 200);
    throw new StorageError('InvalidAnswer', `the list holds the key "${shown}", which is not UTF-8`, { cause });
  }
}

/** An etag without its quotes, as Flux writes it. */
function bare(etag: string): string {
  return etag.replace(/^(?:W\/)?"/, '').replace(/"$/, '');
}

/** The storage's own words for a refusal: its code and its message, where there are any. */
function s3Error({ text }: Refusal): { reason: string; message: string } {
  const word = (name: string) =>
    foreignText(new RegExp(`<${name}>([^<]{0,500})</${name}>`).exec(text)?.[1]?.replaceAll('&quot;', '"') ?? '');
  return { reason: word('Code'), message: word('Message') };
}

function regionIn({ headers, text }: Refusal): string | undefined {
  const header = headers['x-amz-bucket-region'];
  const region = typeof header === 'string' ? header : /<Region>([a-z0-9-]{1,60})<\/Region>/.exec(text)?.[1];
  return region !== undefined && /^[a-z0-9-]{1,60}$/.test(region) ? region : undefined;
}

function refusedAs(refusal: Refusal, { reason, message }: { reason: string; message: string }): StorageError {
  const { status, url } = refusal;
  const words = [reason, message].filter(Boolean).join(': ') || `status ${status}`;
  const region = regionIn(refusal);
  const hint =
    region !== undefined && /Redirect|Malformed/.test(`${reason}${status === 301 ? 'Redirect' : ''}`)
      ? `; the bucket is in the region ${region}: set spec.region`
      : '';
  const code = status === 401 || status === 403 ? 'AccessDenied' : 'RequestFailed';
  return new StorageError(code, `${shown(url)} answers ${words}${hint}`);
}
