import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject, TypeRef } from '../api/object.ts';
import {
  ApiError,
  type Cluster,
  ClusterUnreachable,
  type ListOptions,
  type WatchEvent,
  type WatchOptions,
} from '../ports/cluster.ts';

/** Changes of one kind since a cursor. */
export interface Sweep<T extends KubeObject = KubeObject> {
  /** Without bookmarks. After a relist: one ADDED per object, and nothing tells which were deleted meanwhile. */
  events: WatchEvent<T>[];
  /** Where to go on. */
  cursor: string;
  /** The cursor was absent or too old: `events` is the whole list. */
  relisted: boolean;
}

/** Longest a sweep stays open, however much there is to catch up with. */
const sweepSeconds = 30;

/**
 * What happened to objects of a kind since `cursor`: resumes the watch, and closes it when the server, having sent what
 * it remembers, has been silent for `quietMs`. Costs follow the changes, not the objects. Events that come later than
 * that are not lost: the cursor moves only to what was seen, and the next sweep goes on there. (A quiet kind's cursor
 * stays valid: the server forgets only events that newer ones of the same kind push out. Bookmarks move it when they
 * come, but the server sends none for a kind at rest, so they cannot mark the end.) Without a cursor, or with one the
 * server no longer knows, lists everything. Throws the reason of `signal` once that is aborted.
 */
export async function sweep<T extends KubeObject = KubeObject>(
  cluster: Cluster,
  type: TypeRef,
  cursor: string | undefined,
  options: { quietMs?: number; signal?: AbortSignal } & Selection = {},
): Promise<Sweep<T>> {
  const { quietMs = 500, signal, ...selection } = options;
  if (cursor === undefined) return relist(cluster, type, selection);
  const closing = new AbortController();
  const ending = signal ? AbortSignal.any([signal, closing.signal]) : closing.signal;
  let timer: NodeJS.Timeout | undefined;
  const restart = () => {
    clearTimeout(timer);
    timer = setTimeout(() => closing.abort(), quietMs);
  };
  const events: WatchEvent<T>[] = [];
  let next = cursor;
  try {
    for await (const event of cluster.watch<T>(type, {
      ...selection,
      resourceVersion: cursor,
      signal: ending,
      timeoutSeconds: sweepSeconds,
      onOpen: restart,
    })) {
      restart();
      next = event.object.metadata.resourceVersion ?? next;
      if (event.type !== 'BOOKMARK') events.push(event);
    }
    // Cut off from outside, it says nothing about whether there was more.
    signal?.throwIfAborted();
  } catch (error) {
    if (isTooOld(error)) return relist(cluster, type, selection);
    throw error;
  } finally {
    clearTimeout(timer);
    closing.abort();
  }
  return { events, cursor: next, relisted: false };
}

/** Which objects, and how much of them. */
export type Selection = Pick<ListOptions & WatchOptions, 'labelSelector' | 'metadataOnly'>;

export interface FollowOptions extends Selection {
  /** Called before a broken watch is taken up again. */
  onError?: (error: unknown) => void;
  /** First pause after a failure; doubles up to 30 s. */
  backoffMs?: number;
}

/**
 * The same, without end: events as they come, one batch each, until `signal` is aborted. A watch that ends is resumed,
 * one that is too old begins with a relist, and an unreachable server is tried again.
 */
export async function* follow<T extends KubeObject = KubeObject>(
  cluster: Cluster,
  type: TypeRef,
  cursor: string | undefined,
  signal: AbortSignal,
  options: FollowOptions = {},
): AsyncGenerator<Sweep<T>> {
  const { onError, backoffMs = 500, ...selection } = options;
  let at = cursor;
  let pause = backoffMs;
  while (!signal.aborted) {
    try {
      if (at === undefined) {
        const listed = await relist<T>(cluster, type, selection);
        at = listed.cursor;
        yield listed;
      }
      for await (const event of cluster.watch<T>(type, { ...selection, resourceVersion: at, signal })) {
        at = event.object.metadata.resourceVersion ?? at;
        pause = backoffMs;
        yield { events: event.type === 'BOOKMARK' ? [] : [event], cursor: at, relisted: false };
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isTooOld(error)) at = undefined;
      else if (!(error instanceof ClusterUnreachable) && !(error instanceof ApiError)) throw error;
      onError?.(error);
    }
    if (signal.aborted) return;
    await delay(pause, undefined, { signal }).catch(() => undefined);
    pause = Math.min(pause * 2, 30_000);
  }
}

async function relist<T extends KubeObject>(cluster: Cluster, type: TypeRef, selection: Selection): Promise<Sweep<T>> {
  const { items, resourceVersion } = await cluster.list<T>(type, selection);
  return { events: items.map(object => ({ type: 'ADDED' as const, object })), cursor: resourceVersion, relisted: true };
}

function isTooOld(error: unknown): boolean {
  return error instanceof ApiError && error.status === 410;
}
