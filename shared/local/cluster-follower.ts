import { setTimeout as delay } from 'node:timers/promises';
import { apiVersionOf, type KindDefinition, kinds } from '../api/kinds.ts';
import { keyString, type TypeRef } from '../api/object.ts';
import { follow, type Selection, type Sweep } from '../kube/watch.ts';
import { ApiError } from '../ports/cluster.ts';
import type { Log, Ports } from '../ports/ports.ts';
import { onObjectChange } from '../reconcile/changes.ts';
import { configCursor, configSelection, configTypes, onConfigChange } from '../reconcile/config-changes.ts';

/** Longest pause between attempts to follow a kind. */
const maxPauseMs = 10_000;
/** Changes of different objects that are taken in at a time. */
const parallel = 50;

/** What one watch is of, where it is resumed, and what becomes of its events. */
interface Followed {
  type: TypeRef;
  cursor: string;
  selection: Selection;
  takeIn(changes: Sweep): Promise<void>;
}

/**
 * Keeps a watch open on each toolkit kind of one cluster, and on the ConfigMaps and Secrets that ask for it; turns changes into
 * work items and index entries.
 */
export class ClusterFollower {
  /** The registration it was started for, to tell when that has changed. */
  readonly registration: string;
  readonly #cluster: string;
  readonly #ports: Ports;
  readonly #log: Log;
  readonly #stop = new AbortController();

  constructor(cluster: string, registration: string, ports: Ports) {
    this.#cluster = cluster;
    this.registration = registration;
    this.#ports = ports;
    this.#log = ports.log.with({ cluster });
    for (const kind of kinds) void this.#keepFollowing(this.#toolkitKind(kind));
    for (const type of configTypes) void this.#keepFollowing(this.#configs(type));
  }

  stop(): void {
    this.#stop.abort();
  }

  #toolkitKind(kind: KindDefinition): Followed {
    const type = { apiVersion: apiVersionOf(kind), kind: kind.kind };
    return { type, cursor: kind.kind, selection: {}, takeIn: changes => this.#takeIn(kind, changes) };
  }

  #configs(type: TypeRef): Followed {
    const takeIn = async ({ events, relisted }: Sweep) => {
      for (const event of events) await onConfigChange(this.#cluster, type, event, this.#ports, relisted);
    };
    return { type, cursor: configCursor(type), selection: configSelection, takeIn };
  }

  async #keepFollowing(followed: Followed): Promise<void> {
    const log = this.#log.with({ kind: followed.type.kind });
    let pause = 500;
    let complaint = '';
    while (!this.#stop.signal.aborted) {
      try {
        await this.#follow(followed, () => {
          if (complaint) log.info('the cluster answers again');
          pause = 500;
          complaint = '';
        });
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        // Said once, not at every attempt.
        if (message !== complaint) log.warn('the cluster cannot be followed; trying again', { error });
        complaint = message;
      }
      await delay(pause, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      pause = Math.min(pause * 2, maxPauseMs);
    }
  }

  /** Ends by an error only, or when stopped. What was not taken in comes again, since the cursor is moved after it. */
  async #follow({ type, cursor: name, selection, takeIn }: Followed, onAnswer: () => void): Promise<void> {
    const { index, clusters } = this.#ports;
    const cluster = await clusters.get(this.#cluster);
    const cursor = await index.cursor(this.#cluster, name);
    const ended = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, ended.signal]);
    let broken: unknown;
    const onError = (error: unknown) => {
      // Too old is followed by a relist within; anything else is waited out here, where it is said and paced.
      if (error instanceof ApiError && error.status === 410) return;
      broken = error;
      ended.abort();
    };
    for await (const changes of follow(cluster, type, cursor, signal, { ...selection, onError, backoffMs: 50 })) {
      onAnswer();
      await takeIn(changes);
      await index.setCursor(this.#cluster, name, changes.cursor);
    }
    if (broken !== undefined && !this.#stop.signal.aborted) throw broken;
  }

  async #takeIn(kind: KindDefinition, changes: Sweep): Promise<void> {
    const { events, relisted } = changes;
    const type = { apiVersion: apiVersionOf(kind), kind: kind.kind };
    for (let i = 0; i < events.length; i += parallel)
      await Promise.all(
        events.slice(i, i + parallel).map(event => {
          // Items of a list carry no kind.
          const object = { ...event.object, ...type };
          return onObjectChange(this.#cluster, { type: event.type, object }, this.#ports);
        }),
      );
    if (relisted) await this.#forgetAbsent(kind, changes);
  }

  /** After a relist nothing tells what was deleted meanwhile, but that it is not in the list. */
  async #forgetAbsent(kind: KindDefinition, { events }: Sweep): Promise<void> {
    const { index } = this.#ports;
    const present = new Set(
      events.map(({ object: { metadata } }) =>
        keyString({
          cluster: this.#cluster,
          kind: kind.kind,
          namespace: metadata.namespace ?? '',
          name: metadata.name,
        }),
      ),
    );
    for await (const { key } of index.objects(this.#cluster))
      if (key.kind === kind.kind && !present.has(keyString(key))) await index.removeObject(key);
  }
}
