import type { Readable } from 'node:stream';
import type { AddressRules } from '../network/address.ts';
import { HttpClient, readAll } from '../network/http.ts';
import { ArtifactError } from './errors.ts';
import type { FetchOptions } from './layout.ts';

/**
 * How an ExternalArtifact that others keep is fetched: from the URL in its status. Undefined for an artifact of this
 * installation, which lies in the store or is gone. `signal` ends the download. What it throws is a NetworkError, or an
 * ArtifactError NotFound.
 */
export function downloadOf(
  artifact: { url?: string },
  { artifactsUrl, rules, signal }: { artifactsUrl: string; rules: AddressRules; signal?: AbortSignal },
): FetchOptions['download'] {
  const { url } = artifact;
  if (!url || (artifactsUrl && url.startsWith(`${artifactsUrl}/`))) return undefined;
  return async () => {
    const answer = await new HttpClient({ rules, ...(signal ? { signal } : {}) }).send({ url });
    if (answer.status === 200) return answer.body as Readable;
    await readAll(answer.body, 4096, url).catch(() => undefined);
    throw new ArtifactError(
      'NotFound',
      `${url} answers ${answer.status}; whoever makes the ExternalArtifact has to serve it at the URL in its status`,
    );
  };
}
