import { createHmac } from 'node:crypto';
import * as z from 'zod';
import { keyString } from '../../api/object.ts';
import { artifactKey } from '../../artifact/layout.ts';
import { normalizeUrl } from '../../reconcile/repository-url.ts';
import { artifactSecret } from './artifact-secret.ts';
import { graceMs } from './artifact-sweep.ts';
import { cachePrefix } from './cache.ts';
import { type NewsRecord, RecordPlace, SharedFailure, type ToldFailure } from './fetch-once-record.ts';
import { type Asker, oneAtATime } from './fetch-once-turn.ts';

/** What is asked of somebody's server. Objects of any namespace and cluster that ask the same share the answer. */
export interface Question {
  /** What sort of thing is asked; of each sort the other fields must say all that the answer depends on. */
  kind: string;
  /** As the spec has it. */
  url: string;
  /** What is to be fetched, as exactly as it is known: a commit, a digest. */
  revision?: string;
  /** What else the answer depends on: the reference, ignore rules, the layer. JSON. */
  shape?: Record<string, unknown>;
  /**
   * Everything by which the server is reached and told who asks: user and password, keys, certificate authorities, known
   * hosts, proxy, the cloud identity (what lasts, not a token of the hour). In a fixed order. Only a fingerprint leaves this
   * process, and who does not have the very same never gets the answer.
   */
  credentials: readonly string[];
  /** How long is waited for the server: a failure says nothing to who has more patience. */
  timeoutMs?: number;
  /**
   * How a failure is told. With it, those who wait for this answer share its failure too; without it, and where it
   * answers undefined (what failed was not the server), each tries by itself.
   */
  failure?: (error: unknown) => ToldFailure | undefined;
}

/** What was fetched and put into the store. */
export const Fetched = z.object({
  digest: z.string(),
  size: z.number(),
  revision: z.string(),
  format: z.enum(['tar.gz', 'tgz', 'yaml']).exactOptional(),
  file: z.string().exactOptional(),
  metadata: z.record(z.string(), z.string()).exactOptional(),
  /** What else is told of it: the message of the commit. */
  detail: z.record(z.string(), z.string()).exactOptional(),
});
export type Fetched = z.infer<typeof Fetched>;

/** How far apart the clocks of workers, and of who sends them messages, may be (as for coalescing, attempt.ts). */
const clockMarginMs = 100;

/**
 * Fetches what the question names, unless an object with the very same question has: then what that one stored is
 * taken. Of those who ask at once one fetches; the others wait for it, for a few seconds, and then come again (throws
 * BusyElsewhere, of which `failed` in source.ts makes a requeue). `fetch` has to put an artifact into the store.
 * Throws what `fetch` throws, or a SharedFailure.
 */
export async function fetchOnce(work: Asker, question: Question, fetch: () => Promise<Fetched>): Promise<Fetched> {
  if (await asksAlone(work, question.url)) return fetch();
  const usable = async (record: NewsRecord): Promise<Fetched | undefined> => {
    const { data } = Fetched.safeParse(record.answer);
    const stored = data && (await work.ports.store.head(artifactKey(data.digest)));
    // One that is older might be unreferenced, and be deleted before this object's status says that it is not.
    return stored && work.clock.now() - stored.lastModified <= graceMs / 2 ? data : undefined;
  };
  return once(work, question, { folder: 'fetches', usable, run: fetch });
}

/**
 * Asks a server something small (which commit is main? which digest has the tag?), unless somebody with the very same
 * question has asked since this reconcile was called for. Then what was pushed before the call is in the answer. Otherwise
 * as {@link fetchOnce}.
 */
export async function askOnce<T>(
  work: Asker,
  question: Question,
  schema: z.ZodType<T>,
  ask: () => Promise<T>,
): Promise<T> {
  if (await asksAlone(work, question.url)) return ask();
  const usable = async (record: NewsRecord): Promise<T | undefined> => {
    if (!isFresh(work, record)) return undefined;
    const { data } = schema.safeParse(record.answer);
    if (data !== undefined) await admitAge(work, record);
    return data;
  };
  return once(work, question, { folder: 'answers', usable, run: ask });
}

interface Deal<T> {
  folder: string;
  /** What a record answers; undefined when it does not answer this reconcile. */
  usable(record: NewsRecord): Promise<T | undefined>;
  run(): Promise<T>;
}

async function once<T>(work: Asker, question: Question, { folder, usable, run }: Deal<T>): Promise<T> {
  const { timeoutMs, failure: tell } = question;
  const id = await fingerprint(work, folder, question);
  const place = new RecordPlace(work.ports.store, `${cachePrefix}${folder}/${id}.json`);
  const look = async (): Promise<{ answer: T } | undefined> => {
    const record = await place.read();
    if (!record) return undefined;
    const shared = record.failure && tell && isFresh(work, record) && (record.timeoutMs ?? 0) >= (timeoutMs ?? 0);
    if (record.failure && shared) {
      await admitAge(work, record);
      throw new SharedFailure(record.failure);
    }
    const answer = record.failure ? undefined : await usable(record);
    return answer === undefined ? undefined : { answer };
  };
  const act = async (): Promise<T> => {
    const began = work.clock.now();
    const base = { began, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
    try {
      const answer = await run();
      await place.write({ ...base, answer }).catch(error => tellLost(work, error));
      return answer;
    } catch (error) {
      // What ended because this very invocation does says nothing about the server.
      const failure = work.signal.aborted ? undefined : tell?.(error);
      if (failure) await place.write({ ...base, failure: plain(failure) }).catch(lost => tellLost(work, lost));
      throw error;
    }
  };
  return oneAtATime(work, `${folder}/${id}`, { look, act });
}

/** Without the error itself. */
function plain({ reason, message, stalled, afterMs }: ToldFailure): ToldFailure {
  return { reason, message, stalled, ...(afterMs === undefined ? {} : { afterMs }) };
}

function tellLost(work: Asker, error: unknown): void {
  work.log.warn('what was found out cannot be kept for others who ask the same', { error: String(error) });
}

/** Whether what was asked then was asked after this reconcile was called for. */
function isFresh(work: Asker, { began }: NewsRecord): boolean {
  return began >= work.askedAt + clockMarginMs && began <= work.clock.now() + clockMarginMs;
}

/**
 * A message that was sent before this reconcile began is taken for seen (attempt.ts). When the answer was asked for earlier
 * than that, what came between has not been seen, and the mark has to say so.
 */
async function admitAge({ ports, key, startedAt }: Asker, { began }: NewsRecord): Promise<void> {
  if (began < startedAt) await ports.index.markStarted(key, began);
}

/** A name for the question that nobody can guess or test who reads the store: keyed by this installation's own secret. */
export async function fingerprint(work: Asker, folder: string, question: Question): Promise<string> {
  const { kind, url, revision, shape, credentials } = question;
  const asked = sorted({ folder, kind, url, revision, shape, credentials });
  const secret = await artifactSecret(work.ports.secrets);
  return createHmac('sha256', secret)
    .update(`once\0${JSON.stringify(asked)}`)
    .digest('hex');
}

/** The same however its fields are ordered. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, field]) => [name, sorted(field)]));
}

/** URLs that several objects were found to use, and until when (epoch ms) that is believed. */
const sharedUrls = new Map<string, number>();
const believedMs = 10 * 60_000;
const mostUrls = 1000;

/** Whether the index knows of this object, and of no other, that it uses the URL: then there is nothing to share. */
async function asksAlone({ ports, clock, key }: Asker, url: string): Promise<boolean> {
  const normalized = normalizeUrl(url);
  if (normalized === undefined || (sharedUrls.get(normalized) ?? 0) > clock.now()) return false;
  const users = await ports.index.byUrl(normalized);
  const mine = keyString(key);
  if (users.length === 1 && users.every(user => keyString(user) === mine)) return true;
  if (sharedUrls.size >= mostUrls) sharedUrls.clear();
  sharedUrls.set(normalized, clock.now() + believedMs);
  return false;
}
