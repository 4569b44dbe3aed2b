import { expired } from '../faults.ts';
import type { Change, Entry } from '../store/collection.ts';
import type { Kernel, Target } from './kernel.ts';
import { type Matcher, matcher, parseRevision, type Selection, tooLargeRevision } from './read.ts';

export interface WatchOptions extends Selection {
  resourceVersion?: string | undefined;
  allowBookmarks: boolean;
  sendInitialEvents: boolean;
  timeoutSeconds?: number | undefined;
}

/** Where a watch's events go. */
export interface WatchSink {
  event(type: 'ADDED' | 'MODIFIED' | 'DELETED', entry: Entry): void;
  bookmark(resourceVersion: string, initialEventsEnd: boolean): void;
  end(): void;
}

const bookmarkEvery = 60_000;
const defaultTimeout = 1800;

/**
 * Follows a collection: first what happened since the given resourceVersion (or what exists, without one), then what
 * happens. Throws 410 Expired when the history does not reach back. Answers the function that ends it.
 */
export function startWatch(kernel: Kernel, target: Target, options: WatchOptions, sink: WatchSink): () => void {
  const collection = kernel.store.collection(target.definition.storageKey);
  const matches = matcher(target, options);
  const from = options.resourceVersion ? parseRevision(options.resourceVersion) : 0;
  if (from > kernel.store.revision) throw tooLargeRevision(options.resourceVersion!, kernel.store.revision);
  if (options.sendInitialEvents || from === 0) sendExisting(kernel, target, matches, options, sink);
  else {
    const changes = collection.since(from);
    if (!changes) throw expired(`too old resource version: ${from} (${kernel.store.revision})`);
    for (const change of changes) forward(change, matches, sink);
  }
  const listener = (change: Change): void => forward(change, matches, sink);
  collection.listeners.add(listener);
  const timers = schedule(kernel, options, sink, () => stop());
  const stop = (): void => {
    collection.listeners.delete(listener);
    for (const timer of timers) clearTimeout(timer);
  };
  return stop;
}

function sendExisting(kernel: Kernel, target: Target, matches: Matcher, options: WatchOptions, sink: WatchSink): void {
  const collection = kernel.store.collection(target.definition.storageKey);
  const namespace = target.definition.namespaced && target.namespace ? target.namespace : undefined;
  for (const entry of collection.entries(namespace)) if (matches(entry)) sink.event('ADDED', entry);
  if (options.sendInitialEvents && options.allowBookmarks) sink.bookmark(String(kernel.store.revision), true);
}

/** What a change means to those who see only what the selector matches: an object may come into sight, or leave it. */
function forward(change: Change, matches: Matcher, sink: WatchSink): void {
  const before = change.old !== undefined && matches(change.old);
  const after = change.type !== 'DELETED' && matches(change.entry);
  if (after) sink.event(before ? 'MODIFIED' : 'ADDED', change.entry);
  else if (before) sink.event('DELETED', change.type === 'DELETED' ? change.entry : leaving(change));
}

/** The state before, with the resourceVersion of the change that took it out of sight. */
function leaving(change: Change): Entry {
  const old = change.old!;
  const object = { ...old.object, metadata: { ...old.object.metadata, resourceVersion: String(change.rv) } };
  return { ...old, rv: change.rv, object, json: JSON.stringify(object) };
}

function schedule(kernel: Kernel, options: WatchOptions, sink: WatchSink, stop: () => void): NodeJS.Timeout[] {
  const bookmark = (): void => sink.bookmark(String(kernel.store.revision), false);
  const timers: NodeJS.Timeout[] = [];
  const timeout = (options.timeoutSeconds || defaultTimeout) * 1000;
  if (options.allowBookmarks) {
    timers.push(setInterval(bookmark, bookmarkEvery));
    // As the API server does: once more shortly before the end, so that the client can resume cheaply.
    if (timeout > 2000) timers.push(setTimeout(bookmark, timeout - 2000));
  }
  const end = setTimeout(() => {
    stop();
    sink.end();
  }, timeout);
  timers.push(end);
  for (const timer of timers) timer.unref();
  return timers;
}
