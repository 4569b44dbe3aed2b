import { foreignText } from '../network/errors.ts';
import { readAll, shown } from '../network/http.ts';
import { jsonOf } from './answers.ts';
import type { Connection } from './connection.ts';
import { type Descriptor, digestPattern, isIndexType, Manifest, manifestTypes } from './descriptor.ts';
import { DigestCheck, sha256 } from './digest.ts';
import { OciError, ociError } from './errors.ts';
import { checkReference, isDigest } from './reference.ts';
import type { FetchedManifest } from './registry-types.ts';

/** What registries are asked to hold at most (OCI distribution specification, "Pushing Manifests"). */
export const maxManifest = 4 * 2 ** 20;

const accept = { accept: [...Object.values(manifestTypes), '*/*;q=0.1'].join(', ') };

/** The manifest of a tag or digest, its digest verified. Throws OciError. */
export async function fetchManifest(connection: Connection, reference: string): Promise<FetchedManifest> {
  checkReference(reference);
  const what = nameOf(connection, reference);
  const answer = await connection.send({ path: `manifests/${reference}`, headers: accept, what });
  const bytes = await readAll(answer.body, maxManifest, shown(answer.url)).catch(error => {
    throw ociError(error);
  });
  const told = digestHeader(answer.headers['docker-content-digest']);
  const expected = isDigest(reference) ? reference : told;
  if (expected !== undefined) {
    const check = new DigestCheck(expected);
    check.update(bytes);
    check.verify(what);
  }
  const manifest = parseManifest(bytes, what);
  const mediaType = mediaTypeOf(answer.headers['content-type'], manifest);
  const digest = expected ?? sha256(bytes);
  return { descriptor: { mediaType, digest, size: bytes.length, ...kindOf(manifest) }, manifest, bytes };
}

/** What a tag or digest stands for, by HEAD; registries that do not tell all are asked for the manifest itself. */
export async function resolveManifest(connection: Connection, reference: string): Promise<Descriptor> {
  checkReference(reference);
  const what = nameOf(connection, reference);
  const head = { method: 'HEAD', path: `manifests/${reference}`, headers: accept, what } as const;
  // Some registries know no HEAD, or answer it with less than they answer GET: what they say then is what counts.
  const answer = await connection.send({ ...head, accepted: [400, 403, 404, 405] });
  answer.body.resume();
  const told = digestHeader(answer.headers['docker-content-digest']);
  const size = Number(answer.headers['content-length'] ?? Number.NaN);
  const mediaType = (answer.headers['content-type'] ?? '').split(';')[0]!.trim();
  const digest = isDigest(reference) ? reference : told;
  if (answer.status === 200 && digest && mediaType && Number.isSafeInteger(size)) {
    if (told === undefined || told === digest || told.split(':')[0] !== digest.split(':')[0])
      return { mediaType, digest, size };
  }
  return (await fetchManifest(connection, reference)).descriptor;
}

/** Throws OciError InvalidManifest. */
export function parseManifest(bytes: Buffer, what: string): Manifest {
  const parsed = Manifest.safeParse(jsonOf(bytes));
  if (parsed.success && (parsed.data.schemaVersion ?? 2) === 2) return parsed.data;
  if (parsed.success || isFirstSchema(bytes))
    throw new OciError(
      'InvalidManifest',
      `${what}: a manifest of schema 1 is not supported; push it again with a client of today`,
    );
  const [issue] = parsed.error.issues;
  const where = issue && issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
  throw new OciError(
    'InvalidManifest',
    `${what}: the manifest cannot be understood: ${foreignText(`${where}${issue?.message ?? ''}`, 200)}`,
  );
}

function isFirstSchema(bytes: Buffer): boolean {
  const json = jsonOf(bytes);
  return typeof json === 'object' && json !== null && 'schemaVersion' in json && json.schemaVersion === 1;
}

/** The manifest's own word counts: two readings of the same bytes would be two manifests. */
function mediaTypeOf(header: string | undefined, manifest: Manifest): string {
  if (manifest.mediaType) return manifest.mediaType;
  const told = (header ?? '').split(';')[0]!.trim();
  if (manifest.manifests) return isIndexType(told) ? told : manifestTypes.index;
  const known: readonly string[] = Object.values(manifestTypes);
  return known.includes(told) && !isIndexType(told) ? told : manifestTypes.image;
}

function kindOf({ artifactType, config, annotations }: Manifest): Partial<Descriptor> {
  const type = artifactType ?? config?.mediaType;
  return { ...(type === undefined ? {} : { artifactType: type }), ...(annotations ? { annotations } : {}) };
}

function digestHeader(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && digestPattern.test(header) ? header : undefined;
}

function nameOf({ name }: Connection, reference: string): string {
  return `${name.host}/${name.repository}${isDigest(reference) ? '@' : ':'}${reference}`;
}
