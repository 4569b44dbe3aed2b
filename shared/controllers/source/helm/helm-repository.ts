import { join } from 'node:path';
import { type HelmRepository, isRegistry } from '../../../api/source/helm-repository.ts';
import { ChartError } from '../../../charts/errors.ts';
import { NetworkError } from '../../../network/errors.ts';
import type { Controller, Step } from '../../../reconcile/controller.ts';
import { findError, messageOfError, ReconcileError, RetryError } from '../../../reconcile/errors.ts';
import type { Outcome } from '../../../reconcile/outcome.ts';
import { askOnce, Fetched, type Question } from '../fetch-once.ts';
import {
  type Failure,
  fetchFailed,
  keepArtifact,
  looksForWord,
  outdated,
  recordArtifact,
  runSource,
  type SourceWork,
  sourceTransients,
  storageFailed,
  stored,
} from '../source.ts';
import { NotStored, storeFile, withDirectory } from '../stored-file.ts';
import { type HelmAccess, openHelmAccess } from './access.ts';
import { indexPrefix } from './repository-index.ts';

/** What the steps of one reconcile find out. */
interface Work extends SourceWork<HelmRepository> {
  access?: HelmAccess;
  fetched?: Fetched;
}

/** Flux's interval for an object that names none. */
const defaultIntervalMs = 60_000;

/**
 * HelmRepository: downloads the index, which becomes the artifact as it is, and keeps beside it what HelmCharts look up.
 * One of the type oci is the address of a registry and nothing else: it has no status.
 */
export const helmRepositoryController: Controller<HelmRepository> = {
  kind: 'HelmRepository',
  transientConditions: sourceTransients,
  holdsData: isRegistry,
  async reconcile(context) {
    const outcome = await runSource<Work>({ ...context }, steps, work => work.access?.close());
    const isDone = outcome.type === 'done' && context.object.spec.interval === undefined;
    return isDone ? { ...outcome, afterMs: defaultIntervalMs } : outcome;
  },
};

const steps: Step<Work>[] = [
  { name: 'read the credentials', run: openAccess },
  { name: 'fetch the index', run: fetchIndex },
  { name: 'record', run: record },
];

async function openAccess(work: Work): Promise<Outcome | undefined> {
  const { spec } = work.object;
  if (spec.url.startsWith('oci:'))
    return fetchFailed(work, invalidUrl("'oci' URL scheme cannot be used with 'default' HelmRepository type"));
  if (!URL.canParse(spec.url)) return fetchFailed(work, invalidUrl('it cannot be parsed'));
  try {
    work.access = await openHelmAccess(work, spec);
    return undefined;
  } catch (error) {
    const unusable = findError(error, NetworkError)?.code === 'InvalidCredentials';
    const reason = unusable ? 'AuthenticationFailed' : (findError(error, ReconcileError)?.code ?? 'Failed');
    return fetchFailed(work, { reason, message: messageOfError(error), stalled: false, error });
  }
}

function invalidUrl(why: string): Failure {
  return { reason: 'URLInvalid', message: `invalid Helm repository URL: ${why}`, stalled: true };
}

/** Asked and digested once for all objects with the same repository and credentials. */
async function fetchIndex(work: Work): Promise<Outcome | undefined> {
  const { access, object } = work;
  if (!access) throw new Error('the repository is not open');
  const question: Question = {
    kind: 'HelmRepository index',
    url: object.spec.url,
    credentials: access.fingerprint,
    timeoutMs: access.timeoutMs,
    failure: error => (findError(error, NotStored) ? undefined : indexFailure(error)),
  };
  try {
    work.fetched = await askOnce(work, question, Fetched, () => fetchAndStore(work, access));
    return undefined;
  } catch (error) {
    const notStored = findError(error, NotStored);
    return notStored ? storageFailed(work, notStored.cause) : fetchFailed(work, indexFailure(error));
  }
}

async function fetchAndStore(work: Work, access: HelmAccess): Promise<Fetched> {
  const { store } = work.ports;
  const { downloadIndex } = await import('../../../charts/http-repository.ts');
  const { lookupHead, storeLookup } = await import('../../../charts/index-lookup.ts');
  return withDirectory(async dir => {
    const file = join(dir, 'index.yaml');
    const { digest, size } = await downloadIndex(access, file);
    const fetched = { digest, size, revision: digest };
    const isNew = work.artifact?.digest !== digest;
    // An index is read once; that it is one is known of every index that was.
    const known = await lookupHead(store, indexPrefix, digest).catch(notStored);
    if (!known) await storeLookup(store, indexPrefix, digest, file).catch(unreadable);
    if (isNew) await storeFile(file, store, work.clock.now(), 'yaml').catch(notStored);
    return fetched;
  });
}

function unreadable(cause: unknown): never {
  if (!findError(cause, ChartError)) throw new NotStored('the index was read, not stored', { cause });
  throw new RetryError('IndexationFailed', 'failed to load Helm repository from index YAML: failed to load index', {
    cause,
  });
}

function notStored(cause: unknown): never {
  throw new NotStored('the index was fetched, not stored', { cause });
}

/** Why there is no index: what has no reason of its own is told as Flux does, as a failure of no certain kind. */
function indexFailure(error: unknown): Failure {
  const known = findError(error, ReconcileError);
  if (known) return { reason: known.code, message: messageOfError(error), stalled: false, error };
  const afterMs = findError(error, ChartError)?.afterMs;
  return {
    reason: 'Failed',
    message: `failed to fetch Helm repository index: ${messageOfError(error)}`,
    stalled: false,
    error,
    ...(afterMs === undefined ? {} : { afterMs }),
  };
}

async function record(work: Work): Promise<Outcome> {
  const { fetched, artifact, object } = work;
  if (!fetched) throw new Error('nothing was fetched');
  const { revision, digest } = fetched;
  const isKept = artifact?.revision === revision && artifact.digest === digest;
  if (isKept && looksForWord(work)) {
    const message = `artifact up-to-date with remote revision: '${revision}'`;
    work.event({ severity: 'info', reason: 'ArtifactUpToDate', message, to: 'cluster' });
  }
  if (!isKept) outdated(work, `new index revision '${revision}'`);
  const file = `index-${digest.replace(/^sha256:/, '')}.yaml`;
  const now = isKept
    ? await keepArtifact(work, 'yaml')
    : await recordArtifact(work, { ...fetched, format: 'yaml', file });
  work.status.url = now.url;
  const size = now.size === undefined ? 'unknown size' : `size ${humanSize(now.size)}`;
  const url = object.spec.url.replace(/\/\/[^/@]*@/, '//');
  return stored(work, now, {
    message: `stored artifact: revision '${revision}'`,
    eventMessage: `stored fetched index of ${size} from '${url}'`,
  });
}

/** As Docker's tools write sizes: four digits, and units of a thousand. */
export function humanSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${Number(size.toPrecision(4))}${units[unit]}`;
}
