import * as z from 'zod';
import { foreignText } from '../../network/errors.ts';
import { type HttpClient, shown } from '../../network/http.ts';
import { type ListedObject, type ObjectStorage, type OpenedObject, StorageError } from './object-storage.ts';
import { type Refusal, StorageHttp } from './storage-http.ts';

export interface GcsOptions {
  /** spec.endpoint: host[:port]. */
  endpoint: string;
  bucketName: string;
  insecure: boolean;
  /** Gives the bearer token, as often as it is asked for. */
  token: () => Promise<string>;
  http: HttpClient;
  signal: AbortSignal;
}

const ObjectFacts = z.object({
  name: z.string(),
  etag: z.string(),
  generation: z.string(),
  size: z.string().optional(),
});
const Page = z.object({ items: z.array(ObjectFacts).optional(), nextPageToken: z.string().optional() });
const fields = 'name,etag,generation,size';
const pageSize = '1000';

/** A page of 1,000 objects with the longest names, escaped, and a margin. */
const maxPage = 16 * 2 ** 20;

/** A bucket of Google Cloud Storage, by its JSON API. Throws StorageError InvalidAddress for an address that cannot be one. */
export function gcsStorage(options: GcsOptions): ObjectStorage {
  return new GcsStorage(options);
}

class GcsStorage implements ObjectStorage {
  readonly #options: GcsOptions;
  readonly #http: StorageHttp;
  readonly #base: string;

  constructor(options: GcsOptions) {
    this.#options = options;
    this.#http = new StorageHttp(options.http, options.signal);
    this.#base = baseOf(options);
  }

  async exists(): Promise<boolean> {
    const got = await this.#http.read(
      () => this.#request('', { fields: 'name' }),
      refusal => refusal,
      maxPage,
    );
    if (!('status' in got)) return true;
    if (got.status === 404) return false;
    throw refusedAs(got);
  }

  async *list(prefix: string): AsyncGenerator<ListedObject> {
    const seen = new Set<string>();
    const query = { fields: `nextPageToken,items(${fields})`, maxResults: pageSize, ...(prefix ? { prefix } : {}) };
    for (let pageToken: string | undefined; ; ) {
      const page = await this.#json('/o', { ...query, ...(pageToken ? { pageToken } : {}) }, Page);
      for (const { name, etag, generation, size } of page?.items ?? [])
        yield { key: name, etag, size: Number(size ?? 0), version: generation };
      pageToken = page?.nextPageToken;
      if (!pageToken) return;
      if (seen.has(pageToken))
        throw new StorageError('InvalidAnswer', `${this.#base} does not come to the end of its list`);
      seen.add(pageToken);
    }
  }

  /** The generation that was listed, or, when that is gone, the one there is now: never the one's etag with the other's contents. */
  async read({ key, version }: { key: string; version?: string | undefined }): Promise<OpenedObject | undefined> {
    const path = `/o/${encodeURIComponent(key)}`;
    for (let generation = version, attempt = 1; ; attempt++) {
      const facts = generation === undefined ? await this.#json(path, { fields }, ObjectFacts) : undefined;
      if (generation === undefined && !facts) return undefined;
      generation ??= facts?.generation;
      const query = { alt: 'media', generation: generation ?? '' };
      const answer = await this.#http.send(
        () => this.#request(path, query),
        refusal => {
          if (refusal.status === 404) return undefined;
          throw refusedAs(refusal);
        },
      );
      if (answer) {
        // What is stored packed is sent unpacked, and then nothing says how long it is.
        const packed = answer.headers['x-goog-stored-content-encoding'];
        const length = answer.headers['content-length'];
        const sized = length !== undefined && (packed === undefined || packed === 'identity');
        return { etag: facts?.etag, size: sized ? Number(length) : undefined, body: answer.body };
      }
      if (attempt > 3) throw new StorageError('Unavailable', `${this.#base}${path} changes faster than it can be read`);
      generation = undefined;
    }
  }

  /** Undefined when there is no such thing. */
  async #json<T>(path: string, query: Record<string, string>, schema: z.ZodType<T>): Promise<T | undefined> {
    const got = await this.#http.read(
      () => this.#request(path, query),
      refusal => {
        if (refusal.status === 404) return undefined;
        throw refusedAs(refusal);
      },
      maxPage,
    );
    if (!got) return undefined;
    const parsed = schema.safeParse(parseJson(got.text));
    if (parsed.success) return parsed.data;
    throw new StorageError(
      'InvalidAnswer',
      `${shown(got.answer.url)} answers with something other than what Google Cloud Storage does; is spec.endpoint right?`,
    );
  }

  async #request(path: string, query: Record<string, string>) {
    const url = new URL(`${this.#base}${path}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return { url, headers: { authorization: `Bearer ${await this.#options.token()}` } };
  }
}

function baseOf({ endpoint, bucketName, insecure }: GcsOptions): string {
  const host = endpoint.replace(/^https:\/\//, '').replace(/\/$/, '');
  const url = URL.parse(`${insecure ? 'http' : 'https'}://${host}`);
  if (url?.pathname !== '/' || url.search || url.hash || url.username || !/^[^/\\@?#\s]+$/.test(host))
    throw new StorageError(
      'InvalidAddress',
      `spec.endpoint "${foreignText(endpoint, 100)}" is not host[:port]; set it to storage.googleapis.com`,
    );
  if (!/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(bucketName))
    throw new StorageError(
      'InvalidAddress',
      `spec.bucketName "${foreignText(bucketName, 100)}" is no name of a bucket: lower-case letters, digits, dots, hyphens and underscores`,
    );
  return `${url.origin}/storage/v1/b/${bucketName}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const Problem = z.object({ error: z.object({ message: z.string() }) });

function refusedAs({ status, url, text }: Refusal): StorageError {
  const parsed = Problem.safeParse(parseJson(text));
  const words = parsed.success ? foreignText(parsed.data.error.message) : '';
  const code = status === 401 || status === 403 ? 'AccessDenied' : 'RequestFailed';
  return new StorageError(code, `${shown(url)} answers ${status}${words ? `: ${words}` : ''}`);
}
