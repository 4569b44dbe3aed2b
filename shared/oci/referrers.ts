import { readAll, shown } from '../network/http.ts';
import type { Connection } from './connection.ts';
import type { Descriptor } from './descriptor.ts';
import { isIndexType, manifestTypes } from './descriptor.ts';
import { OciError, ociError } from './errors.ts';
import { fetchManifest, maxManifest, parseManifest } from './manifest.ts';
import { nextPage } from './tags.ts';

/** More is none that anybody signs a thing with. */
const maxPages = 100;

/**
 * What refers to a manifest: by the referrers API, and where the registry has none, by the index under the tag that stands
 * for it (OCI distribution specification 1.1, "Listing Referrers" and "Unavailable Referrers API"). Throws OciError.
 */
export async function listReferrers(
  connection: Connection,
  digest: string,
  artifactType: string | undefined,
): Promise<Descriptor[]> {
  const found = (await byApi(connection, digest, artifactType)) ?? (await byTag(connection, digest));
  return artifactType === undefined ? found : found.filter(entry => entry.artifactType === artifactType);
}

/** Undefined when the registry does not know the API. */
async function byApi(
  connection: Connection,
  digest: string,
  artifactType: string | undefined,
): Promise<Descriptor[] | undefined> {
  const what = `referrers of ${connection.name.host}/${connection.name.repository}@${digest}`;
  const query = artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`;
  const headers = { accept: manifestTypes.index };
  const found: Descriptor[] = [];
  let page = await connection.url(`referrers/${digest}${query}`);
  for (let count = 0; count < maxPages; count++) {
    const answer = await connection.send({ path: page, headers, what, accepted: [400, 404, 405, 501] });
    const isIndex = (answer.headers['content-type'] ?? '').split(';')[0]!.trim() === manifestTypes.index;
    if (answer.status !== 200 || !isIndex) {
      answer.body.destroy();
      return undefined;
    }
    const body = await readAll(answer.body, maxManifest, shown(page)).catch(error => {
      throw ociError(error);
    });
    found.push(...(parseManifest(body, what).manifests ?? []));
    const next = nextPage(answer.headers.link, page, what);
    if (!next) return found;
    page = next;
  }
  throw new OciError('TooLarge', `${what}: more than ${maxPages} pages`);
}

async function byTag(connection: Connection, digest: string): Promise<Descriptor[]> {
  try {
    const { descriptor, manifest } = await fetchManifest(connection, digest.replace(':', '-'));
    return isIndexType(descriptor.mediaType) ? (manifest.manifests ?? []) : [];
  } catch (error) {
    if (error instanceof OciError && error.code === 'NotFound') return [];
    throw error;
  }
}
