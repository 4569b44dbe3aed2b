import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import type { Artifact } from '../../../api/source/artifact.ts';
import type { OCIRepository } from '../../../api/source/oci-repository.ts';
import { Descriptor } from '../../../oci/descriptor.ts';
import { OciError } from '../../../oci/errors.ts';
import type { Controller, Step } from '../../../reconcile/controller.ts';
import { findError } from '../../../reconcile/errors.ts';
import type { Outcome } from '../../../reconcile/outcome.ts';
import { askOnce, type Fetched, fetchOnce, type Question } from '../fetch-once.ts';
import {
  fetchFailed,
  forgetFailedVerification,
  keepArtifact,
  looksForWord,
  outdated,
  recordArtifact,
  runSource,
  sourceTransients,
  storageFailed,
  stored,
} from '../source.ts';
import { openOci } from './access.ts';
import { ociFailure } from './failure.ts';
import { OciStoreFailed, pullLayer } from './layer.ts';
import { resolveOci } from './reference.ts';
import { verifyArtifact } from './verify.ts';
import type { OciWork } from './work.ts';

/**
 * OCIRepository: asks which digest the reference stands for, which is one small request; pulls only when it, or what the
 * artifact is made by, changed.
 */
export const ociRepositoryController: Controller<OCIRepository> = {
  kind: 'OCIRepository',
  transientConditions: sourceTransients,
  reconcile: context => runSource<OciWork>({ ...context }, steps, work => work.access?.close()),
};

const steps: Step<OciWork>[] = [
  { name: 'forget what was not verified', run: forgetFailedVerification },
  { name: 'open the repository', run: open },
  { name: 'resolve the reference', run: resolve },
  { name: 'verify', run: verifyArtifact },
  { name: 'compare', run: compare },
  { name: 'pull', run: pull },
];

async function open(work: OciWork): Promise<Outcome | undefined> {
  const { spec } = work.object;
  try {
    work.access = await openOci(work, spec);
    return undefined;
  } catch (error) {
    const invalid = findError(error, OciError)?.code === 'InvalidReference';
    const told = invalid
      ? { reason: 'URLInvalid', what: `URL validation failed for '${spec.url}'` }
      : { reason: 'AuthenticationFailed', what: `failed to generate transport for '${spec.url}'` };
    return fetchFailed(work, ociFailure(error, told));
  }
}

const Resolved = z.object({
  revision: z.string(),
  digest: z.string(),
  reference: z.string(),
  descriptor: Descriptor.optional(),
});

/** Asked once for all objects that ask the same; a digest needs no asking. */
async function resolve(work: OciWork): Promise<Outcome | undefined> {
  const { access, object } = work;
  if (!access) throw new Error('the repository is not open');
  const { spec } = object;
  const failure = (error: unknown) =>
    ociFailure(error, {
      reason: 'OCIArtifactPullFailed',
      what: 'failed to determine artifact digest',
      hint: access.hint,
    });
  const ask = () => resolveOci(access.registry, spec);
  const shape = { ref: spec.ref, mediaType: spec.layerSelector?.mediaType };
  try {
    work.resolved = spec.ref?.digest
      ? await ask()
      : await askOnce(work, { ...questionOf(work, 'OCIRepository reference'), shape, failure }, Resolved, ask);
  } catch (error) {
    return fetchFailed(work, failure(error));
  }
  const { revision, reference } = work.resolved;
  if (work.artifact?.revision !== revision) outdated(work, `new revision '${revision}' for '${reference}'`);
  return undefined;
}

function questionOf({ object, access }: OciWork, kind: string): Question {
  return { kind, url: object.spec.url, credentials: access?.credentials ?? [] };
}

/** Nothing to pull when neither the digest nor what shapes the artifact changed. */
async function compare(work: OciWork): Promise<Outcome | undefined> {
  const { artifact, resolved } = work;
  if (!resolved) throw new Error('the reference is not resolved');
  if (artifact?.revision !== resolved.revision || shapeChanged(work.object)) return undefined;
  if (looksForWord(work)) {
    const message = `artifact up-to-date with remote revision: '${artifact.revision}'`;
    work.event({ severity: 'info', reason: 'ArtifactUpToDate', message, to: 'cluster' });
  }
  return told(work, await keepArtifact(work));
}

/** Whether the artifact was made by other rules than those of the spec now. */
function shapeChanged({ spec, status }: OCIRepository): boolean {
  return spec.ignore !== status.observedIgnore || !isDeepStrictEqual(spec.layerSelector, status.observedLayerSelector);
}

async function pull(work: OciWork): Promise<Outcome> {
  const { access, resolved, object, ports, clock } = work;
  if (!access || !resolved) throw new Error('the reference is not resolved');
  const { spec } = object;
  const { url, ignore, layerSelector } = spec;
  const { registry } = access;
  const { digest, revision } = resolved;
  const failure = (error: unknown) =>
    ociFailure(error, {
      reason: 'OCIArtifactPullFailed',
      what: `failed to pull artifact from '${url}'`,
      hint: access.hint,
    });
  const shape = layerSelector?.operation === 'copy' ? { layerSelector } : { layerSelector, ignore };
  const question = { ...questionOf(work, 'OCIRepository'), revision: digest, shape, failure };
  let fetched: Fetched;
  try {
    fetched = await fetchOnce(work, question, () =>
      pullLayer({ registry, url, digest, revision, layerSelector, ignore, store: ports.store, now: clock.now() }),
    );
  } catch (error) {
    const store = findError(error, OciStoreFailed);
    return store ? storageFailed(work, store.cause) : fetchFailed(work, failure(error));
  }
  // Who pulled it for all may have found it by another tag.
  const artifact = await recordArtifact(work, { ...fetched, revision });
  work.status.observedIgnore = ignore;
  work.status.observedLayerSelector = layerSelector;
  return told(work, artifact);
}

function told(work: OciWork, artifact: Artifact): Outcome {
  const { metadata = {}, revision } = artifact;
  const source = metadata['org.opencontainers.image.source'];
  const origin = metadata['org.opencontainers.image.revision'];
  const from = source && origin ? `, origin source '${source}', origin revision '${origin}'` : '';
  return stored(work, artifact, {
    message: `stored artifact for digest '${revision}'`,
    eventMessage: `stored artifact with revision '${revision}' from '${work.object.spec.url}'${from}`,
  });
}
