import { createHash } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod';
import { parseDuration } from '../../../api/duration.ts';
import type { Artifact } from '../../../api/source/artifact.ts';
import type { Bucket } from '../../../api/source/bucket.ts';
import { StorageError } from '../../../cloud/storage/object-storage.ts';
import type { Controller, Step } from '../../../reconcile/controller.ts';
import { RetryError } from '../../../reconcile/errors.ts';
import type { Outcome } from '../../../reconcile/outcome.ts';
import { bucketUrl } from '../../../reconcile/repository-url.ts';
import { cachePrefix } from '../cache.ts';
import { askOnce, type Fetched, fetchOnce, type Question } from '../fetch-once.ts';
import {
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
import { storeFile, withDirectory } from '../stored-file.ts';
import { TimeLimit } from '../time-limit.ts';
import { type BucketAccess, bucketAccess } from './access.ts';
import { archiveObjects, downloadObjects, keepEtags, readEtags } from './download.ts';
import { type BucketIndex, indexBucket, revisionOf } from './etag-index.ts';
import { bucketFailure } from './failure.ts';

/** What a look at the bucket finds: its revision, and how many files its artifact has beside the ignore file. */
const Found = z.object({ revision: z.string(), files: z.number() });

/** What the steps of one reconcile find out. */
interface Work extends SourceWork<Bucket> {
  limit: TimeLimit;
  access?: BucketAccess;
  /** Unless another object has listed the bucket for all. */
  index?: BucketIndex;
  found?: z.infer<typeof Found>;
  fetched?: Fetched;
}

/**
 * Bucket: lists the objects, and makes of their keys and etags the revision. Only when that changed are objects fetched, and
 * of them only those that the last artifact has not.
 */
export const bucketController: Controller<Bucket> = {
  kind: 'Bucket',
  transientConditions: sourceTransients,
  reconcile(context) {
    const work: Work = { ...context, limit: new TimeLimit(context.signal) };
    return runSource(work, steps, () => {
      work.limit.stop();
      work.access?.close();
    });
  },
};

const steps: Step<Work>[] = [
  { name: 'list the bucket', run: list },
  { name: 'compare', run: compare },
  { name: 'fetch and store', run: fetchObjects },
  { name: 'record', run: record },
];

async function list(work: Work): Promise<Outcome | undefined> {
  try {
    work.access = await bucketAccess(work, work.limit.signal);
    work.found = await askOnce(work, question(work), Found, async () => {
      const { files } = await look(work);
      return { revision: revisionOf(files.values()), files: files.size };
    });
    return undefined;
  } catch (error) {
    return fetchFailed(work, bucketFailure(error));
  }
}

/** Lists the bucket, once in a reconcile. */
async function look(work: Work): Promise<BucketIndex> {
  if (work.index) return work.index;
  const { access, limit, object } = work;
  if (!access) throw new Error('the Secrets are not read');
  startPart(work, 'listing the bucket');
  try {
    work.index = await indexBucket(await access.open(), object.spec);
  } finally {
    limit.stop();
  }
  return work.index;
}

function startPart({ limit, object }: Work, what: string): void {
  const { timeout } = object.spec;
  limit.start(
    parseDuration(timeout),
    new StorageError('Timeout', `${what} took longer than spec.timeout (${timeout})`),
  );
}

/** Whatever the answer depends on. */
function question({ object, access }: Work): Question {
  const { provider, endpoint, bucketName, insecure = false, region, sts, prefix, ignore, timeout } = object.spec;
  return {
    kind: 'Bucket',
    url: bucketUrl(endpoint, bucketName),
    shape: { provider, endpoint, bucketName, insecure, region, sts: sts?.endpoint, prefix, ignore },
    credentials: access?.credentials ?? [],
    timeoutMs: parseDuration(timeout),
    failure: error => (error instanceof RetryError || error instanceof StorageError ? bucketFailure(error) : undefined),
  };
}

async function compare(work: Work): Promise<Outcome | undefined> {
  const { artifact, found } = work;
  if (!found) throw new Error('the bucket is not listed');
  if (artifact?.revision !== found.revision) {
    outdated(work, `new upstream revision '${found.revision}'`);
    return undefined;
  }
  if (looksForWord(work)) {
    const message = `artifact up-to-date with remote revision: '${artifact.revision}'`;
    work.event({ severity: 'info', reason: 'ArtifactUpToDate', message, to: 'cluster' });
  }
  return told(work, await keepArtifact(work), found.files);
}

/** Fetches what changed, and puts the archive into the store. */
async function fetchObjects(work: Work): Promise<Outcome | undefined> {
  const { found } = work;
  if (!found) throw new Error('the bucket is not listed');
  let storing = false;
  try {
    work.fetched = await fetchOnce(work, { ...question(work), revision: found.revision }, () =>
      withDirectory(dir => fetchInto(work, dir, () => (storing = true))),
    );
    return undefined;
  } catch (error) {
    return storing ? storageFailed(work, error) : fetchFailed(work, bucketFailure(error));
  }
}

async function fetchInto(work: Work, dir: string, nowStoring: () => void): Promise<Fetched> {
  const { access, limit, log, object } = work;
  const { store } = work.ports;
  if (!access) throw new Error('the Secrets are not read');
  const index = await look(work);
  const { bucketName } = object.spec;
  const last = await lastOf(work);
  startPart(work, 'fetching the objects');
  const request = { storage: await access.open(), index, bucketName, dir, signal: limit.signal, log, last };
  const downloaded = await downloadObjects(request).finally(() => limit.stop());
  const { objects, fetched } = downloaded;
  log.info('fetched objects of a bucket', { objects: objects.length, fetched });
  nowStoring();
  const file = join(dir, 'artifact.tar.gz');
  await archiveObjects(downloaded, index.ignoreFile, file);
  const archive = await storeFile(file, store, work.clock.now());
  await keepEtags(store, etagsKey(object, archive.digest), objects);
  return { ...archive, revision: revisionOf(objects), detail: { files: String(objects.length) } };
}

/** The last artifact, when it is known to be of this very bucket, and of which objects. */
async function lastOf({ artifact, object, ports }: Work) {
  if (!artifact) return undefined;
  const { store } = ports;
  const etags = await readEtags(store, etagsKey(object, artifact.digest), artifact.revision);
  return etags && { etags, artifact, store };
}

/** Etags mean something within their bucket only, so that and the artifact are what they are kept by. */
function etagsKey({ spec }: Bucket, digest: string): string {
  const place = JSON.stringify([spec.provider, spec.endpoint, spec.bucketName, digest]);
  return `${cachePrefix}buckets/${createHash('sha256').update(place).digest('hex')}.json`;
}

async function record(work: Work): Promise<Outcome> {
  const { fetched, artifact } = work;
  if (!fetched) throw new Error('nothing was fetched');
  // A storage whose lists have other etags than its objects is fetched every time; consumers need not hear of it.
  const same = artifact?.revision === fetched.revision && artifact.digest === fetched.digest;
  const now = same ? await keepArtifact(work) : await recordArtifact(work, fetched);
  return told(work, now, Number(fetched.detail?.files ?? 0));
}

function told(work: Work, artifact: Artifact, files: number): Outcome {
  const { bucketName, ignore } = work.object.spec;
  work.status.observedIgnore = ignore;
  work.status.url = artifact.url;
  return stored(work, artifact, {
    message: `stored artifact: revision '${artifact.revision}'`,
    eventMessage: `stored artifact with ${files} fetched files from '${bucketName}' bucket`,
  });
}
