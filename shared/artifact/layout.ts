import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { type Readable, Transform } from 'node:stream';
import type { Store } from '../ports/store.ts';
import { ArtifactError, ArtifactMissing } from './errors.ts';
import { type ExtractLimits, extractArchive } from './extract.ts';

export { ArtifactError, type ArtifactErrorCode, ArtifactMissing } from './errors.ts';

const digestPattern = /^sha256:([0-9a-f]{64})$/;

/** What an artifact is: the tree of a source, a Helm chart, or the index of a Helm repository. */
export type ArtifactFormat = 'tar.gz' | 'tgz' | 'yaml';

/** Where the store keeps an artifact: `artifacts/sha256/<hex>`. Throws ArtifactError for another algorithm. */
export function artifactKey(digest: string): string {
  return `artifacts/sha256/${hexOf(digest)}`;
}

/** status.artifact.path as Flux writes it: `<kind>/<namespace>/<name>/<file>`. */
export function artifactPath(kind: string, namespace: string, name: string, file: string): string {
  return `${kind.toLowerCase()}/${namespace}/${name}/${file.replace(/[^0-9A-Za-z._+-]/g, '-')}`;
}

/** The file of a tree's artifact in {@link artifactPath}: the checksum at the end of the revision. */
export function fileOfRevision(revision: string): string {
  return `${revision.slice(revision.lastIndexOf(':') + 1)}.tar.gz`;
}

/** Proves that a URL was made here: nobody else can compute it, and it says nothing about the secret. */
export function artifactToken(secret: string, key: string): string {
  return createHmac('sha256', secret).update(`artifact\0${key}`).digest('base64url');
}

/** status.artifact.url; `token` is the {@link artifactToken} of the digest. */
export function artifactUrl(artifactsUrl: string, token: string, digest: string, format: ArtifactFormat): string {
  return `${artifactsUrl}/artifacts/${token}/${hexOf(digest)}.${format}`;
}

/** What the path of an {@link artifactUrl} asks for; undefined for a path that was not made with this secret. */
export function artifactOfPath(
  pathname: string,
  secret: string,
): { digest: string; format: ArtifactFormat } | undefined {
  const path = /\/artifacts\/([A-Za-z0-9_-]{43})\/([0-9a-f]{64})\.(tar\.gz|tgz|yaml)$/.exec(pathname);
  const [, token = '', hex, format] = path ?? [];
  if (!hex) return undefined;
  const digest = `sha256:${hex}`;
  if (!timingSafeEqual(Buffer.from(token), Buffer.from(artifactToken(secret, digest)))) return undefined;
  return { digest, format: format as ArtifactFormat };
}

/** How to fetch an artifact. */
export interface FetchOptions {
  limits?: Partial<ExtractLimits>;
  /** Opens what the store does not hold: an artifact that others made and keep. */
  download?: ((artifact: { digest: string }) => Promise<Readable>) | undefined;
}

/**
 * Fetches an artifact from the store and unpacks it into `dir` (absent or empty). Nothing is visible there before all of it
 * was unpacked and its bytes were found to be those of the digest. Throws ArtifactMissing, or another ArtifactError.
 */
export async function fetchArtifact(
  store: Store,
  artifact: { digest: string },
  dir: string,
  { limits, download }: FetchOptions = {},
): Promise<void> {
  const body = (await store.get(artifactKey(artifact.digest)))?.body ?? (await download?.(artifact));
  if (!body) throw new ArtifactMissing(artifact.digest);
  const hash = createHash('sha256');
  const hashed = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  body.once('error', error => hashed.destroy(error));
  const aside = `${dir}.${randomBytes(6).toString('hex')}.part`;
  try {
    await extractArchive(body.pipe(hashed), aside, limits);
    const actual = `sha256:${hash.digest('hex')}`;
    if (actual !== artifact.digest)
      throw new ArtifactError('DigestMismatch', `what was fetched is ${actual}, in the place of ${artifact.digest}`);
    await rename(aside, dir);
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    throw error;
  } finally {
    body.destroy();
  }
}

function hexOf(digest: string): string {
  const hex = digestPattern.exec(digest)?.[1];
  if (!hex)
    throw new ArtifactError('InvalidArchive', `"${digest.slice(0, 100)}" is not the digest of an artifact (sha256:…)`);
  return hex;
}
