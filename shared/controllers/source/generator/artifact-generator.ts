import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { apiVersionOf, kindOf } from '../../../api/kinds.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { Artifact } from '../../../api/source/artifact.ts';
import type { ArtifactGenerator } from '../../../api/source/artifact-generator.ts';
import { downloadOf } from '../../../artifact/download.ts';
import { ignoreMatcher } from '../../../artifact/ignore.ts';
import { artifactKey, fetchArtifact } from '../../../artifact/layout.ts';
import { jittered } from '../../../reconcile/backoff.ts';
import { type Context, type Controller, runSteps, type Step } from '../../../reconcile/controller.ts';
import { messageOfError, StalledError } from '../../../reconcile/errors.ts';
import { inParallel } from '../../../reconcile/in-parallel.ts';
import type { Outcome } from '../../../reconcile/outcome.ts';
import { isSuspended, never } from '../../../reconcile/record.ts';
import { describeArtifact } from '../source.ts';
import { storeEntries, withDirectory } from '../stored-file.ts';
import { assemble } from './copy.ts';
import { deleteExternalArtifacts, listOwn, requestsAtOnce, writeExternalArtifact } from './external-artifacts.ts';
import { type ArtifactRequest, artifactRequests } from './path-pattern.ts';
import { type Tree, treeOf } from './tree.ts';

export interface GeneratorSettings {
  /** Sources only in the generator's own namespace. */
  noCrossNamespaceRefs: boolean;
}

interface Work extends Context<ArtifactGenerator> {
  settings: GeneratorSettings;
  /** Artifacts of the sources, by alias. */
  sources?: Map<string, Artifact>;
  sourcesDigest?: string;
  /** The ExternalArtifacts there are, by name. */
  own?: Map<string, KubeObject>;
}

type Spec = NonNullable<ArtifactGenerator['spec']>;
type Reference = NonNullable<NonNullable<ArtifactGenerator['status']>['inventory']>[number];

/** As Flux's: what only drift could change is looked at once an hour. */
const intervalMs = 3_600_000;
/** A source without an artifact sends word when it has one; this is for words that are lost. */
const dependencyRetryMs = 30_000;
const originAnnotation = 'org.opencontainers.image.revision';

/**
 * ArtifactGenerator: makes ExternalArtifacts of the artifacts of sources. Those whose files did not change keep their
 * artifact, since it is named by its content, and nobody who uses them is woken.
 */
export function artifactGeneratorController(settings: GeneratorSettings): Controller<ArtifactGenerator> {
  return {
    kind: 'ArtifactGenerator',
    transientConditions: [],
    reconcile: context => runSteps(steps, { ...context, settings }),
    async finalize(context) {
      const names = (context.object.status?.inventory ?? []).map(({ name }) => name);
      await deleteExternalArtifacts(context, names);
      return { type: 'done', reason: 'Succeeded', message: 'deleted' };
    },
  };
}

const steps: Step<Work>[] = [
  { name: 'suspension', run: suspended },
  { name: 'validate', run: validate },
  { name: 'look at the sources', run: observeSources },
  { name: 'detect drift', run: detectDrift },
  { name: 'generate', run: generate },
];

async function suspended({ object }: Work): Promise<Outcome | undefined> {
  if (!isSuspended(object)) return undefined;
  if (readyOf(object)) return { type: 'requeue', afterMs: never };
  const message = 'Initialized with reconciliation suspended';
  return { type: 'done', reason: 'ReconciliationDisabled', message, afterMs: never };
}

/** What the schema cannot say. */
async function validate({ object, settings, key }: Work): Promise<undefined> {
  const { sources, artifacts } = specOf(object);
  const aliases = new Set<string>();
  for (const { alias, kind, name, namespace } of sources) {
    if (aliases.has(alias)) throw new StalledError('ValidationFailed', `duplicate source alias '${alias}' found`);
    aliases.add(alias);
    if (settings.noCrossNamespaceRefs && namespace && namespace !== key.namespace)
      throw new StalledError(
        'AccessDenied',
        `cross-namespace reference to source ${kind}/${namespace}/${name} is not allowed`,
      );
  }
  const names = new Set<string>();
  for (const { name, revision, originRevision } of artifacts) {
    if (names.has(name)) throw new StalledError('ValidationFailed', `duplicate artifact name '${name}' found`);
    names.add(name);
    const alias = revision?.slice(1);
    if (alias && !aliases.has(alias))
      throw new StalledError('ValidationFailed', `artifact ${name} revision source alias '${alias}' not found`);
    if (originRevision && !aliases.has(originRevision.slice(1)))
      throw new StalledError(
        'ValidationFailed',
        `artifact ${name} originRevision source alias '${originRevision.slice(1)}' not found`,
      );
  }
}

async function observeSources(work: Work): Promise<Outcome | undefined> {
  const found = await Promise.all(
    specOf(work.object).sources.map(async ({ alias, kind, name, namespace = work.key.namespace }) => {
      const definition = kindOf(kind);
      if (!definition) throw new StalledError('UnsupportedField', `sources of kind ${kind} are not supported yet`);
      const type = { apiVersion: apiVersionOf(definition), kind };
      const source = await work.cluster.get<KubeObject>(type, namespace, name);
      const artifact: Artifact | undefined = source?.status?.artifact;
      if (!source) return { alias, missing: `${definition.plural}.${definition.group} "${name}" not found` };
      if (!artifact?.digest) return { alias, missing: `source '${kind}/${namespace}/${name}' is not ready` };
      return { alias, artifact };
    }),
  );
  const missing = found.find(source => 'missing' in source)?.missing;
  if (missing !== undefined) return sourceFailed(`get sources failed: ${missing}`, undefined);
  work.sources = new Map(found.flatMap(({ alias, artifact }) => (artifact ? [[alias, artifact]] : [])));
  const parts = [...work.sources].map(
    ([alias, { digest, revision, url }]) => `${alias}=[digest=${digest},revision=${revision},url=${url}]`,
  );
  work.sourcesDigest = `sha256:${createHash('sha256').update(parts.sort().join('|')).digest('hex')}`;
  return undefined;
}

function sourceFailed(message: string, error: unknown): Outcome {
  return { type: 'failed', reason: 'SourceFetchFailed', message, error, afterMs: dependencyRetryMs };
}

/** Nothing to do when the sources, the spec, what is in the cluster and what is in the store are as they were left. */
async function detectDrift(work: Work): Promise<Outcome | undefined> {
  const { object, ports } = work;
  const inventory = object.status?.inventory ?? [];
  work.own = await listOwn(work);
  const ready = readyOf(object);
  const { pathPattern, artifacts } = specOf(object);
  const drifted =
    ready?.status !== 'True' ||
    ready.reason !== 'Succeeded' ||
    ready.observedGeneration !== object.metadata.generation ||
    object.status?.observedSourcesDigest !== work.sourcesDigest ||
    (!pathPattern && inventory.length !== artifacts.length) ||
    inventory.length !== work.own.size ||
    inventory.some(({ name, digest }) => work.own?.get(name)?.status?.artifact?.digest !== digest);
  if (drifted) return undefined;
  let lost = false;
  await inParallel(inventory, requestsAtOnce, async ({ digest }) => {
    if (!(await ports.store.head(artifactKey(digest)))) lost = true;
  });
  if (lost) return undefined;
  if (work.requested) {
    const message = `No drift detected, ${inventory.length} artifact(s) up to date`;
    work.event({ severity: 'info', reason: 'Ready', message, to: 'cluster' });
  }
  return succeeded(inventory.length);
}

async function generate(work: Work): Promise<Outcome> {
  work.stage('Reconciliation in progress');
  const { object } = work;
  return withDirectory(async dir => {
    let sources: Map<string, Tree>;
    try {
      sources = await fetchSources(work, dir);
    } catch (error) {
      return sourceFailed(`fetch sources failed: ${messageOfError(error)}`, error);
    }
    const requests = artifactRequests(specOf(object), sources);
    const made = new Map<string, Artifact>();
    for (const request of requests) {
      try {
        made.set(request.name, await build(work, request, sources, dir));
      } catch (error) {
        const message = `${request.name} build failed: ${messageOfError(error)}`;
        return { type: 'failed', reason: 'BuildFailed', message, error };
      }
    }
    return publish(work, requests, made);
  });
}

async function fetchSources(work: Work, dir: string): Promise<Map<string, Tree>> {
  const { ports, signal, object } = work;
  const trees = new Map<string, Tree>();
  const { artifactsUrl, refuseLoopback } = ports;
  for (const { alias, kind } of specOf(object).sources) {
    const artifact = work.sources?.get(alias);
    if (!artifact) throw new Error(`the source ${alias} was not looked at`);
    const root = join(dir, `source-${alias}`);
    const elsewhere = kindOf(kind)?.madeByOthers === true;
    const rules = { refuseLoopback };
    const download = elsewhere ? downloadOf(artifact, { artifactsUrl, rules, signal }) : undefined;
    await fetchArtifact(ports.store, artifact, root, { download });
    trees.set(alias, await treeOf(root));
  }
  return trees;
}

async function build(
  work: Work,
  request: ArtifactRequest,
  sources: ReadonlyMap<string, Tree>,
  scratch: string,
): Promise<Artifact> {
  work.signal.throwIfAborted();
  const { ports, key } = work;
  const tree = await assemble(request.copy, { sources, scratch });
  // As Flux does for these: what archives never hold stays out, and ignore files of the contents mean nothing.
  const ignored = ignoreMatcher({ sourceignore: [], defaults: true });
  const entries = async function* () {
    for await (const entry of tree.entries()) if (!ignored(entry.path, false)) yield entry;
  };
  const { digest, size } = await storeEntries(entries(), ports.store, ports.clock.now());
  const from = (reference: string | undefined) => (reference ? work.sources?.get(reference.slice(1)) : undefined);
  const origin = from(request.originRevision);
  return describeArtifact(
    ports,
    { kind: 'ExternalArtifact', namespace: key.namespace, name: request.name },
    {
      ...{ digest, size },
      revision: from(request.revision)?.revision ?? `latest@${digest}`,
      file: `${digest.slice('sha256:'.length)}.tar.gz`,
      ...(origin ? { metadata: { [originAnnotation]: origin.metadata?.[originAnnotation] ?? origin.revision } } : {}),
    },
  );
}

/** All was built: now the cluster learns of it, and what is no longer asked for goes. */
async function publish(work: Work, requests: ArtifactRequest[], made: Map<string, Artifact>): Promise<Outcome> {
  const { object, key } = work;
  const before = object.status?.inventory ?? [];
  const digests = new Map(before.map(({ name, digest }) => [name, digest]));
  const inventory: Reference[] = [];
  const changed: string[] = [];
  try {
    await inParallel(requests, requestsAtOnce, async ({ name, labels }) => {
      const wanted = made.get(name);
      if (!wanted) throw new Error(`${name} was not built`);
      const artifact = await writeExternalArtifact(work, { name, labels, artifact: wanted }, work.own?.get(name));
      const filename = artifact.path.slice(artifact.path.lastIndexOf('/') + 1);
      inventory.push({ name, namespace: key.namespace, digest: artifact.digest, filename });
      if (digests.get(name) !== artifact.digest) changed.push(`${key.namespace}/${name} (${artifact.digest})`);
    });
    const orphans = [...new Set([...before.map(({ name }) => name), ...(work.own?.keys() ?? [])])];
    await deleteExternalArtifacts(
      work,
      orphans.filter(name => !made.has(name)),
    );
  } catch (error) {
    const message = `reconcile of ExternalArtifacts failed: ${messageOfError(error)}`;
    return { type: 'failed', reason: 'ReconciliationFailed', message, error };
  }
  work.status.inventory = inventory.sort((a, b) => (a.name < b.name ? -1 : 1));
  work.status.observedSourcesDigest = work.sourcesDigest;
  if (changed.length > 0) {
    const message = `external artifacts reconciled: ${changed.sort().join('\n')}`;
    work.event({ severity: 'info', reason: 'Ready', message });
  }
  return succeeded(inventory.length);
}

function succeeded(count: number): Outcome {
  return {
    type: 'done',
    reason: 'Succeeded',
    message: `reconciliation succeeded, generated ${count} artifact(s)`,
    afterMs: jittered(intervalMs, Math.random),
  };
}

function specOf({ spec, kind }: ArtifactGenerator): Spec {
  if (!spec) throw new StalledError('ValidationFailed', `the ${kind} has no spec: give sources and artifacts`);
  return spec;
}

function readyOf({ status }: ArtifactGenerator) {
  return status?.conditions?.find(({ type }) => type === 'Ready');
}
