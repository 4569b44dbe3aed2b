import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { foreignText, NetworkError } from '../network/errors.ts';
import { type HttpClient, shown } from '../network/http.ts';
import { ChartError } from './errors.ts';
import type { IndexedVersion } from './index-version.ts';
import { maxChartSize, maxIndexSize } from './limits.ts';
import { chartUrl, indexUrl } from './repository-url.ts';

/** How a repository by http is reached. */
export interface RepositoryAccess {
  /** Address of the repository. */
  url: string;
  http: HttpClient;
  credentials?: { username: string; password: string } | undefined;
  /** spec.passCredentials. */
  passCredentials?: boolean | undefined;
}

/**
 * Downloads the index into `file` as it is, at most 50 MiB, and digests it on the way. Throws ChartError or NetworkError.
 */
export async function downloadIndex(access: RepositoryAccess, file: string): Promise<{ digest: string; size: number }> {
  const url = indexUrl(access.url);
  const answer = await access.http.send({ url: bare(url), headers: headersFor(access, url) });
  if (answer.status !== 200) {
    answer.body.destroy();
    throw refused(url, answer.status, answer.headers['retry-after']);
  }
  const hash = createHash('sha256');
  let size = 0;
  const handle = await open(file, 'w', 0o600);
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxIndexSize)
        throw new ChartError('TooLarge', `index exceeds the maximum index file size of ${maxIndexSize} bytes`);
      hash.update(chunk);
      await handle.writeFile(chunk);
    }
  } finally {
    answer.body.destroy();
    await handle.close();
  }
  return { digest: `sha256:${hash.digest('hex')}`, size };
}

/**
 * Downloads a version of a chart: from the first address that the index names, as Flux does. What the index says of its
 * digest must hold. Throws ChartError or NetworkError.
 */
export async function downloadChart(access: RepositoryAccess, version: IndexedVersion): Promise<Buffer> {
  const [reference] = version.urls;
  if (reference === undefined)
    throw new ChartError('NotFound', `chart '${version.name}' has no downloadable URLs in the index`);
  const url = chartUrl(access.url, reference);
  const { status, headers, body } = await access.http
    .read({ url: bare(url), headers: headersFor(access, url) }, maxChartSize)
    .catch((error: unknown) => {
      if (error instanceof NetworkError && error.code === 'TooLarge')
        throw new ChartError('TooLarge', `size of the chart exceeds '${maxChartSize}' bytes limit`, { cause: error });
      throw error;
    });
  if (status !== 200) throw refused(url, status, headers['retry-after']);
  checkDigest(body, version.digest, url);
  return body;
}

function checkDigest(body: Buffer, named: string | undefined, url: URL): void {
  const wanted = /^(?:sha256:)?([0-9a-f]{64})$/i.exec(named ?? '')?.[1]?.toLowerCase();
  if (wanted === undefined) return;
  const actual = createHash('sha256').update(body).digest('hex');
  if (actual !== wanted)
    throw new ChartError(
      'DigestMismatch',
      `${shown(url)} is not the chart that the index names: its digest is sha256:${actual}, the index says sha256:${wanted}`,
    );
}

/** Credentials go to the repository's own scheme, host and port; to others only with passCredentials. */
function headersFor({ url, credentials, passCredentials }: RepositoryAccess, to: URL): Record<string, string> {
  const base = new URL(url);
  const isOwn = base.origin === to.origin;
  const known = credentials ?? inUrl(base);
  if (!known || !(isOwn || passCredentials)) return {};
  return { authorization: `Basic ${Buffer.from(`${known.username}:${known.password}`).toString('base64')}` };
}

function inUrl({ username, password }: URL): { username: string; password: string } | undefined {
  if (username === '' && password === '') return undefined;
  return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
}

/** Without credentials, which go by {@link headersFor}. */
function bare(url: URL): URL {
  const copy = new URL(url);
  copy.username = '';
  copy.password = '';
  return copy;
}

function refused(url: URL, status: number, retryAfter: string | undefined): ChartError {
  const seconds = /^\d{1,5}$/.test(retryAfter ?? '') ? Number(retryAfter) : undefined;
  const message = `failed to fetch ${foreignText(shown(url))} : ${status}${meanings[status] ? ` ${meanings[status]}` : ''}`;
  const code = status === 401 ? 'AuthenticationFailed' : 'PullFailed';
  return new ChartError(code, message, seconds === undefined ? {} : { afterMs: seconds * 1000 });
}

const meanings: Record<number, string> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};
