import { createHash } from 'node:crypto';
import { formatDuration } from '../../api/duration.ts';
import type { KubeObject } from '../../api/object.ts';
import { downloadOf } from '../../artifact/download.ts';
import { ArtifactMissing } from '../../artifact/errors.ts';
import type { FetchOptions } from '../../artifact/layout.ts';
import { refOf, subjectOf } from '../../kube/object-id.ts';
import { buildKey, buildManifests } from '../../manifests/build.ts';
import { withCommonMetadata } from '../../manifests/metadata.ts';
import { substitute } from '../../manifests/substitute.ts';
import { codeOf, findError, RetryError } from '../../reconcile/errors.ts';
import type { Outcome } from '../../reconcile/outcome.ts';
import { ArtifactCache } from './artifact-cache.ts';
import { BuildCache } from './build-cache.ts';
import { artifactMissing, dependencyRetryMs } from './source.ts';
import { type Artifact, timeoutOf, type Work } from './subject.ts';
import { variablesOf } from './variables.ts';

const artifacts = new ArtifactCache({ entries: 4, bytes: 32 * 2 ** 20 });
const builds = new BuildCache();

/** Makes of the artifact the objects that are to be in the cluster: built, substituted, with the common metadata. */
export async function makeManifests(work: Work): Promise<Outcome | undefined> {
  const { artifact, object } = work;
  if (!artifact) throw new Error('there is no artifact');
  const told = `for revision ${artifact.revision} with a timeout of ${formatDuration(timeoutOf(object))}`;
  work.stage(`Fetching manifests ${told}`);
  let built: KubeObject[];
  try {
    built = await build(work, artifact);
  } catch (error) {
    if (findError(error, ArtifactMissing))
      return artifactMissing('Source is not ready, artifact not found, retrying in 30s', dependencyRetryMs);
    if (codeOf(error) === 'ArtifactFailed') throw error;
    attempted(work, artifact, told);
    throw error;
  }
  attempted(work, artifact, told);
  const variables = await variablesOf(work.cluster, object);
  const always = object.spec.postBuild?.substituteStrategy === 'Always';
  const substituted = variables ? substitute(built, variables, { always, strict: true }) : built;
  const objects = withCommonMetadata(substituted, object.spec.commonMetadata);
  const encrypted = objects.find(isEncrypted);
  if (encrypted)
    throw new RetryError(
      'ReconciliationFailed',
      `${subjectOf(refOf(encrypted))} is SOPS encrypted, configuring decryption is required for this secret to be reconciled`,
    );
  work.objects = objects;
  work.digest = `sha256:${createHash('sha256').update(JSON.stringify(objects)).digest('hex')}`;
  return undefined;
}

/** What is wrong from here on is wrong with the manifests of this revision. */
function attempted(work: Work, artifact: Artifact, told: string): void {
  work.stage(`Building manifests ${told}`);
  work.status.lastAttemptedRevision = artifact.revision;
}

async function build(work: Work, artifact: Artifact): Promise<KubeObject[]> {
  const { object, ports, settings } = work;
  const { name, namespace = '' } = object.metadata;
  const tool = settings.kubectl ? { kubectl: settings.kubectl } : {};
  const key = buildKey(artifact.digest, object.spec.path ?? '', object.spec);
  return builds.with(ports.store, key, async () => {
    const built = await artifacts.with(
      ports.store,
      artifact,
      root =>
        buildManifests({ root, path: object.spec.path ?? '', spec: object.spec, owner: { name, namespace }, ...tool }),
      { download: downloadFor(work, artifact) },
    );
    // The host shows the way of a push by this line.
    work.log.info('built', { objects: built.length });
    return built;
  });
}

/** Only ExternalArtifacts may lie elsewhere; what the others name and we do not have is gone. */
function downloadFor({ object, ports, signal }: Work, artifact: Artifact): FetchOptions['download'] {
  if (object.spec.sourceRef.kind !== 'ExternalArtifact') return undefined;
  const { artifactsUrl, refuseLoopback } = ports;
  const download = downloadOf(artifact, { artifactsUrl, rules: { refuseLoopback }, signal });
  return (
    download &&
    (asked =>
      download(asked).catch((cause: unknown) => {
        throw new RetryError('ArtifactFailed', 'failed to download the artifact of the ExternalArtifact', { cause });
      }))
  );
}

/** As SOPS leaves its mark. */
function isEncrypted(object: KubeObject): boolean {
  return (
    object.kind === 'Secret' && object.apiVersion === 'v1' && typeof object.sops === 'object' && object.sops !== null
  );
}
