import type { OCIRepository } from '../../../api/source/oci-repository.ts';
import { compareVersions, inRange, parseRange, parseTagVersion, type Version } from '../../../api/version.ts';
import { isDigest } from '../../../oci/reference.ts';
import type { Descriptor, Registry } from '../../../oci/registry.ts';
import { RetryError, StalledError } from '../../../reconcile/errors.ts';

/** What a spec's reference stands for at this moment. */
export interface ResolvedOci {
  /** `<tag>@<digest>`, or the digest alone when it was asked for. */
  revision: string;
  digest: string;
  /** `host/repository:tag` or `host/repository@digest`, for messages. */
  reference: string;
  /** What the registry told of the manifest; it was not asked for a digest. */
  descriptor?: Descriptor | undefined;
}

/** The layer type of Helm charts, whose tags stand for versions with `_` in the place of `+`. */
const chartLayer = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';
const longestFilter = 4096;

/**
 * Of digest, semver and tag the first that is set; the tag `latest` without any. Throws OciError; RetryError or StalledError
 * with the reason ReadOperationFailed when no tag can be determined.
 */
export async function resolveOci(
  registry: Registry,
  { ref, layerSelector, url }: OCIRepository['spec'],
): Promise<ResolvedOci> {
  if (ref?.digest) {
    if (!isDigest(ref.digest))
      throw new StalledError(
        'OCIArtifactPullFailed',
        `spec.ref.digest is not a digest (sha256:<64 hexadecimal digits>)`,
      );
    return { revision: ref.digest, digest: ref.digest, reference: `${registry.name}@${ref.digest}` };
  }
  const tag = ref?.semver
    ? await tagInRange(registry, { ...ref, semver: ref.semver }, layerSelector?.mediaType === chartLayer, url)
    : ref?.tag || 'latest';
  const descriptor = await registry.resolve(tag);
  const { digest } = descriptor;
  return { revision: `${tag}@${digest}`, digest, reference: `${registry.name}:${tag}`, descriptor };
}

async function tagInRange(
  registry: Registry,
  { semver, semverFilter }: { semver: string; semverFilter?: string | undefined },
  isChart: boolean,
  url: string,
): Promise<string> {
  const where = `failed to determine the artifact tag for '${url}'`;
  const range = parsed(() => parseRange(semver), where);
  const filter = semverFilter ? await tagFilter(semverFilter, where) : () => true;
  let best: { version: Version; tag: string } | undefined;
  for (const tag of await tagsOf(registry, where)) {
    if (!filter(tag)) continue;
    const version = parseTagVersion(isChart ? tag.replaceAll('_', '+') : tag);
    if (!version || !inRange(version, range)) continue;
    const order = best ? compareVersions(version, best.version) : 1;
    // Of equal precedence (build metadata does not count), whatever the registry's order.
    if (!best || order > 0 || (order === 0 && tag > best.tag)) best = { version, tag };
  }
  if (!best) throw new RetryError('ReadOperationFailed', `${where}: no match found for semver: ${semver}`);
  return best.tag;
}

async function tagsOf(registry: Registry, where: string): Promise<string[]> {
  try {
    return await registry.tags();
  } catch (cause) {
    throw new RetryError('ReadOperationFailed', where, { cause });
  }
}

/** RE2 itself, so that what Flux takes is taken and no expression costs more than linear time. */
async function tagFilter(expression: string, where: string): Promise<(tag: string) => boolean> {
  const { RE2JS } = await import('re2js');
  const compiled = parsed(() => {
    if (expression.length > longestFilter) throw new Error(`it is longer than ${longestFilter} characters`);
    return RE2JS.compile(expression);
  }, `${where}: spec.ref.semverFilter`);
  return tag => compiled.matcher(tag).find();
}

function parsed<T>(parse: () => T, where: string): T {
  try {
    return parse();
  } catch (cause) {
    throw new StalledError('ReadOperationFailed', `${where}: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}
