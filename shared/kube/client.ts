import { randomInt } from 'node:crypto';
import { groupOf, type KubeObject, type TypeRef } from '../api/object.ts';
import {
  ApiError,
  type ApplyOptions,
  type Cluster,
  ClusterUnreachable,
  type DeleteOptions,
  type KubeList,
  type ListOptions,
  type ServiceAccountToken,
  type TokenOptions,
  type WatchEvent,
  type WatchOptions,
  type WriteOptions,
} from '../ports/cluster.ts';
import { type ClusterAccess, credentialSource } from './access.ts';
import { Discovery } from './discovery.ts';
import { type ApiRequest, type ClientStats, Requester } from './requester.ts';
import { statusError } from './response.ts';
import { SharedReads } from './shared-reads.ts';
import { httpTransport } from './transport.ts';
import { jsonLines } from './watch-stream.ts';
import type { Resource } from './well-known.ts';

export interface ConnectOptions {
  /** Requests under way at a time, watches apart. */
  maxInFlight?: number;
  timeoutMs?: number;
  /** Of 429, 503 and broken connections. */
  maxRetries?: number;
  /** 0 ≤ n < 1, for the jitter of retries. */
  random?: () => number;
  userAgent?: string;
  now?: () => number;
}

/** A client for an API server. Nothing is sent before the first request. */
export function connect(name: string, access: ClusterAccess, options: ConnectOptions = {}): KubeClient {
  const requester = new Requester({
    cluster: name,
    transport: httpTransport({
      cluster: name,
      server: access.server,
      ...(access.ca ? { ca: access.ca } : {}),
      ...(access.insecure ? { insecure: true } : {}),
      ...(access.tlsServerName ? { tlsServerName: access.tlsServerName } : {}),
    }),
    credentials: credentialSource(access),
    maxInFlight: options.maxInFlight ?? 50,
    timeoutMs: options.timeoutMs ?? 30_000,
    maxRetries: options.maxRetries ?? 4,
    random: options.random ?? (() => randomInt(1_000_000) / 1_000_000),
    userAgent: options.userAgent ?? 'sluice',
  });
  const fetch = (path: string, accept: string) =>
    requester.json({ verb: 'discovery', method: 'GET', path, accept, idempotent: true });
  const now = options.now ?? Date.now;
  return new KubeClient(requester, new Discovery(fetch, now), new SharedReads(now));
}

/** Objects a page of a list holds. */
const pageSize = 500;

const partialList = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';
const partial = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json';

/** A Kubernetes API server over keep-alive https. Views made by {@link as} and {@link withSignal} share its connections. */
export class KubeClient implements Cluster {
  readonly name: string;
  readonly #requester: Requester;
  readonly #discovery: Discovery;
  readonly #reads: SharedReads;
  readonly #user: string | undefined;
  readonly #signal: AbortSignal | undefined;

  constructor(requester: Requester, discovery: Discovery, reads: SharedReads, user?: string, signal?: AbortSignal) {
    this.name = requester.cluster;
    this.#requester = requester;
    this.#discovery = discovery;
    this.#reads = reads;
    this.#user = user;
    this.#signal = signal;
  }

  /** Requests sent so far, by all views. */
  get stats(): ClientStats {
    return this.#requester.stats;
  }

  async get<T extends KubeObject = KubeObject>(
    type: TypeRef,
    namespace: string | undefined,
    name: string,
  ): Promise<T | undefined> {
    const resource = await this.#discovery.resource(type);
    if (!resource) return undefined;
    try {
      const path = pathOf(type, resource, namespace, name);
      return this.#learned((await this.#json({ verb: 'get', method: 'GET', path, idempotent: true })) as T);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  getShared<T extends KubeObject = KubeObject>(
    type: TypeRef,
    namespace: string | undefined,
    name: string,
    label?: { key: string; value: string },
  ): Promise<T | undefined> {
    const { apiVersion, kind } = type;
    const read = { type: { apiVersion, kind }, namespace, name, ...(label ? { label } : {}) };
    // Others wait for it too, so no caller's signal ends the request; it only ends his own waiting.
    const reader = this.#signal ? new KubeClient(this.#requester, this.#discovery, this.#reads, this.#user) : this;
    return untilAborted(this.#reads.get(reader, this.#user, read) as Promise<T | undefined>, this.#signal);
  }

  async list<T extends KubeObject = KubeObject>(type: TypeRef, options: ListOptions = {}): Promise<KubeList<T>> {
    const resource = await this.#known(type);
    const path = pathOf(type, resource, options.namespace);
    const query = { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector };
    try {
      return await this.#pages<T>(type, path, { ...query, limit: pageSize }, options.metadataOnly);
    } catch (error) {
      // The list changed under the continuation for too long: all in one page.
      if (error instanceof ApiError && error.status === 410)
        return this.#pages<T>(type, path, query, options.metadataOnly);
      throw error;
    }
  }

  async create<T extends KubeObject>(object: T, options: WriteOptions = {}): Promise<T> {
    const resource = await this.#known(object);
    return (await this.#json({
      verb: options.dryRun ? 'dryRun' : 'create',
      method: 'POST',
      path: pathOf(object, resource, object.metadata.namespace, undefined, true),
      query: writeQuery(options),
      body: object,
      idempotent: options.dryRun === true,
    })) as T;
  }

  async apply<T extends KubeObject>(object: T, options: ApplyOptions): Promise<T> {
    const resource = await this.#known(object);
    const path = pathOf(object, resource, object.metadata.namespace, object.metadata.name);
    return this.#learned(
      (await this.#json({
        verb: options.dryRun ? 'dryRun' : 'apply',
        method: 'PATCH',
        path: options.subresource ? `${path}/${options.subresource}` : path,
        query: { ...writeQuery(options), force: options.force ? true : undefined },
        contentType: 'application/apply-patch+yaml',
        body: object,
        idempotent: true,
      })) as T,
    );
  }

  async patch<T extends KubeObject>(
    type: TypeRef,
    namespace: string | undefined,
    name: string,
    patch: { type: 'merge' | 'json'; body: unknown },
    options: WriteOptions & { subresource?: string } = {},
  ): Promise<T> {
    const resource = await this.#known(type);
    const path = pathOf(type, resource, namespace, name);
    return (await this.#json({
      verb: options.dryRun ? 'dryRun' : 'patch',
      method: 'PATCH',
      path: options.subresource ? `${path}/${options.subresource}` : path,
      query: writeQuery(options),
      contentType: patch.type === 'json' ? 'application/json-patch+json' : 'application/merge-patch+json',
      body: patch.body,
      idempotent: patch.type === 'merge' || options.dryRun === true,
    })) as T;
  }

  async createToken(
    namespace: string,
    name: string,
    { audiences, expirationSeconds }: TokenOptions,
  ): Promise<ServiceAccountToken> {
    const account = { apiVersion: 'v1', kind: 'ServiceAccount' };
    const path = `${pathOf(account, await this.#known(account), namespace, name)}/token`;
    const spec = { audiences, ...(expirationSeconds === undefined ? {} : { expirationSeconds }) };
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
    const { status } = (await this.#json({ verb: 'create', method: 'POST', path, body, idempotent: true })) as {
      status: { token: string; expirationTimestamp: string };
    };
    return { token: status.token, expiresAt: Date.parse(status.expirationTimestamp) };
  }

  async delete(
    type: TypeRef,
    namespace: string | undefined,
    name: string,
    options: DeleteOptions = {},
  ): Promise<boolean> {
    const resource = await this.#discovery.resource(type);
    if (!resource) return false;
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      ...(options.propagation ? { propagationPolicy: options.propagation } : {}),
      ...(options.uid ? { preconditions: { uid: options.uid } } : {}),
      ...(options.dryRun ? { dryRun: ['All'] } : {}),
    };
    const path = pathOf(type, resource, namespace, name);
    try {
      await this.#json({ verb: options.dryRun ? 'dryRun' : 'delete', method: 'DELETE', path, body, idempotent: true });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async *watch<T extends KubeObject = KubeObject>(type: TypeRef, options: WatchOptions): AsyncIterable<WatchEvent<T>> {
    const resource = await this.#known(type);
    const response = await this.#requester.stream({
      verb: 'watch',
      method: 'GET',
      path: pathOf(type, resource, options.namespace),
      query: {
        watch: true,
        allowWatchBookmarks: true,
        resourceVersion: options.resourceVersion,
        labelSelector: options.labelSelector,
        timeoutSeconds: options.timeoutSeconds,
      },
      ...(options.metadataOnly ? { accept: partial } : {}),
      idempotent: true,
      ...(this.#user ? { user: this.#user } : {}),
      signal: options.signal,
    });
    options.onOpen?.();
    try {
      for await (const event of jsonLines(response.body) as AsyncIterable<{ type: string; object: T }>) {
        if (event.type === 'ERROR') throw statusError(event.object);
        yield event as WatchEvent<T>;
      }
    } catch (error) {
      if (options.signal.aborted) return;
      if (error instanceof ApiError) throw error;
      throw new ClusterUnreachable(
        this.name,
        `cluster "${this.name}": the watch of ${type.kind} broke off: ${(error as Error).message}`,
        { cause: error },
      );
    } finally {
      response.body.destroy();
    }
  }

  async namespaced(type: TypeRef): Promise<boolean | undefined> {
    return (await this.#discovery.resource(type))?.namespaced;
  }

  /** Versions in which the server has the kind, preferred first; empty when it does not know it. Costs a discovery call. */
  servedVersions(group: string, kind: string): Promise<string[]> {
    return this.#discovery.versions(group, kind);
  }

  refreshDiscovery(): void {
    this.#discovery.refresh();
  }

  as(user: string): KubeClient {
    return new KubeClient(this.#requester, this.#discovery, this.#reads, user, this.#signal);
  }

  /** The same client, whose requests end when the signal is aborted. */
  withSignal(signal: AbortSignal): KubeClient {
    return new KubeClient(this.#requester, this.#discovery, this.#reads, this.#user, signal);
  }

  /** Closes the connections. */
  close(): void {
    this.#requester.close();
  }

  #json(request: ApiRequest): Promise<unknown> {
    return this.#requester.json({
      ...request,
      ...(this.#user ? { user: this.#user } : {}),
      ...(this.#signal ? { signal: this.#signal } : {}),
    });
  }

  async #known(type: TypeRef): Promise<Resource> {
    const resource = await this.#discovery.resource(type);
    if (resource) return resource;
    throw new ApiError(404, 'NotFound', `no matches for kind "${type.kind}" in version "${type.apiVersion}"`);
  }

  async #pages<T extends KubeObject>(
    type: TypeRef,
    path: string,
    query: ApiRequest['query'],
    metadataOnly = false,
  ): Promise<KubeList<T>> {
    const items: T[] = [];
    let next: string | undefined;
    let resourceVersion = '';
    do {
      const page = (await this.#json({
        verb: 'list',
        method: 'GET',
        path,
        query: { ...query, continue: next },
        ...(metadataOnly ? { accept: partialList } : {}),
        idempotent: true,
      })) as { items: T[] | null; metadata: { resourceVersion: string; continue?: string } };
      // Items of a list name neither version nor kind.
      for (const item of page.items ?? [])
        items.push(this.#learned({ ...item, apiVersion: type.apiVersion, kind: type.kind }));
      next = page.metadata.continue || undefined;
      resourceVersion = page.metadata.resourceVersion;
    } while (next);
    return { items, resourceVersion };
  }

  #learned<T extends KubeObject>(object: T): T {
    if (object.kind === 'CustomResourceDefinition' && object.spec) this.#discovery.learn(object);
    return object;
  }
}

/** `work`, or the reason of the signal as soon as it is aborted. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** The URL path of a collection or an object. */
function pathOf(
  type: TypeRef,
  resource: Resource,
  namespace: string | undefined,
  name?: string,
  needsNamespace = name !== undefined,
): string {
  const root = groupOf(type.apiVersion) === '' ? `/api/${type.apiVersion}` : `/apis/${type.apiVersion}`;
  if (resource.namespaced && needsNamespace && !namespace)
    throw new ApiError(
      404,
      'NotFound',
      `the server could not find the requested resource (${type.kind} lives in a namespace, none was given)`,
    );
  const scope = resource.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${resource.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}

function writeQuery(options: WriteOptions): Record<string, string | undefined> {
  return { fieldManager: options.fieldManager, dryRun: options.dryRun ? 'All' : undefined };
}

function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}
