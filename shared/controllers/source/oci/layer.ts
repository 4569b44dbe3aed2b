import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { OCIRepository } from '../../../api/source/oci-repository.ts';
import { defaultExtractLimits, extractArchive } from '../../../artifact/extract.ts';
import { foreignText } from '../../../network/errors.ts';
import { type Descriptor, isIndexType } from '../../../oci/descriptor.ts';
import { OciError } from '../../../oci/errors.ts';
import type { FetchedManifest, Registry } from '../../../oci/registry.ts';
import type { Store } from '../../../ports/store.ts';
import { ReconcileError, RetryError } from '../../../reconcile/errors.ts';
import type { Fetched } from '../fetch-once.ts';
import { treeOf } from '../generator/tree.ts';
import { storeFile, storeTree, withDirectory } from '../stored-file.ts';

/** What was fetched could not be put into the store. */
export class OciStoreFailed extends ReconcileError {
  constructor(cause: unknown) {
    super('ArchiveOperationFailed', 'unable to archive artifact to storage', { cause });
    this.name = 'OciStoreFailed';
  }
}

/** What is pulled, and where to. */
export interface Pull {
  registry: Registry;
  url: string;
  digest: string;
  revision: string;
  layerSelector: OCIRepository['spec']['layerSelector'];
  ignore: string | undefined;
  store: Store;
  /** Epoch ms. */
  now: number;
}

/**
 * Pulls the selected layer of an artifact, and puts it into the store: its files without what the ignore rules leave out,
 * or the layer as it is. Throws RetryError OCIArtifactPullFailed or OCIArtifactLayerOperationFailed, or OciStoreFailed.
 */
export async function pullLayer(pull: Pull): Promise<Fetched> {
  const { registry, url, digest, revision, layerSelector, store, now } = pull;
  const found = await step('OCIArtifactPullFailed', `failed to pull artifact from '${url}'`, () =>
    imageOf(registry, digest),
  );
  const metadata = metadataOf(found);
  const layer = selectLayer(found, layerSelector?.mediaType);
  const copies = layerSelector?.operation === 'copy';
  const failure = copies ? 'failed to copy layer from artifact' : 'failed to extract layer contents from artifact';
  return withDirectory(async dir => {
    const file = join(dir, 'layer');
    const tree = join(dir, 'tree');
    await step(layerFailed, failure, async () => {
      await pipeline(await registry.blob(layer), createWriteStream(file, { flags: 'wx' }));
      if (!copies) await extractArchive(createReadStream(file), tree);
    });
    try {
      const stored = copies
        ? await storeFile(file, store, now)
        : await storeTree(await treeOf(tree), { specIgnore: pull.ignore }, store, now);
      return { digest: stored.digest, size: stored.size, revision, metadata };
    } catch (error) {
      throw new OciStoreFailed(error);
    }
  });
}

const layerFailed = 'OCIArtifactLayerOperationFailed';

/** What fails for the artifact's own sake gets the reason; the time being over, or the like, speaks for itself. */
async function step<T>(reason: string, what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    const afterMs = cause instanceof OciError ? cause.afterMs : undefined;
    throw new RetryError(reason, what, { cause, ...(afterMs === undefined ? {} : { afterMs }) });
  }
}

/** What Flux pulls out of an index of several platforms. An entry that names none is taken for it. */
const platform = { os: 'linux', architecture: 'amd64' };
const deepestIndex = 3;

/** The manifest of layers that a digest stands for; of an index, that of linux/amd64. */
async function imageOf(registry: Registry, digest: string, depth = 0): Promise<FetchedManifest> {
  const found = await registry.manifest(digest);
  if (!isIndexType(found.descriptor.mediaType)) return found;
  const child = (found.manifest.manifests ?? []).find(entry => {
    const { os, architecture } = entry.platform ?? platform;
    return os === platform.os && architecture === platform.architecture;
  });
  if (!child || depth === deepestIndex)
    throw new OciError(
      'InvalidManifest',
      `no child with platform ${platform.os}/${platform.architecture} in index ${registry.name}@${digest}`,
    );
  return imageOf(registry, child.digest, depth + 1);
}

function selectLayer({ manifest }: FetchedManifest, mediaType: string | undefined): Descriptor {
  const layers = manifest.layers ?? [];
  if (layers.length === 0) throw new RetryError(layerFailed, 'no layers found in artifact');
  const layer = mediaType ? layers.find(candidate => candidate.mediaType === mediaType) : layers[0];
  if (!layer) {
    const has = foreignText(layers.map(candidate => candidate.mediaType).join(', '), 200);
    throw new RetryError(
      layerFailed,
      `failed to find layer with media type '${mediaType}' in artifact; its layers are of: ${has}`,
    );
  }
  if (layer.size > defaultExtractLimits.bytes)
    throw new RetryError(
      layerFailed,
      `the layer has ${layer.size} bytes; more than ${defaultExtractLimits.bytes} are not fetched`,
    );
  return layer;
}

/** As much as fits into a status beside everything else. */
const mostMetadata = 256 * 1024;

function metadataOf({ manifest }: FetchedManifest): Record<string, string> {
  const metadata = manifest.annotations ?? {};
  const size = Buffer.byteLength(JSON.stringify(metadata));
  if (size <= mostMetadata) return metadata;
  throw new RetryError(
    layerFailed,
    `the annotations of the manifest have ${size} bytes; more than ${mostMetadata} do not fit into a status`,
  );
}
