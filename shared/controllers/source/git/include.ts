import { join, posix } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import type { KubeObject } from '../../../api/object.ts';
import { Artifact } from '../../../api/source/artifact.ts';
import type { GitRepository } from '../../../api/source/git-repository.ts';
import type { ArchiveEntry } from '../../../artifact/archive.ts';
import { type Layer, mergeLayers } from '../../../artifact/layers.ts';
import { fetchArtifact } from '../../../artifact/layout.ts';
import type { Store } from '../../../ports/store.ts';
import { messageOfError, ReconcileError } from '../../../reconcile/errors.ts';
import type { Outcome } from '../../../reconcile/outcome.ts';
import { type Tree as Files, treeOf } from '../generator/tree.ts';
import type { SourceWork } from '../source.ts';
import type { FileTree } from './submodules.ts';

type IncludeSpec = NonNullable<GitRepository['spec']['include']>[number];

/** An include, and the artifact it means now. */
export interface Include {
  spec: IncludeSpec;
  artifact: Artifact;
}

/** The contents of an included artifact cannot be put where the spec wants them. */
export class IncludeError extends ReconcileError {
  constructor({ repository, fromPath = '', toPath }: IncludeSpec, why: string, options?: ErrorOptions) {
    const to = toPath || repository.name;
    super('CopyFailure', `failed to copy '${repository.name}' include from ${fromPath} to ${to}: ${why}`, options);
    this.name = 'IncludeError';
  }
}

/** How long until an include that is not there is looked for again; what makes its artifact wakes its dependents anyway. */
const dependencyMs = 30_000;

/** How long until a cycle is looked at again: it may be another object's spec that is mended. */
const cycleMs = 5 * 60_000;

type IncludeWork = SourceWork<GitRepository> & { includes?: Include[] };

/**
 * Finds the artifacts of the GitRepositories that spec.include names; they are of the same namespace. IncludeUnavailable,
 * and an outcome that waits, when one is missing; Stalled when they lead back here: each new artifact would make another.
 */
export async function findIncludes(work: IncludeWork): Promise<Outcome | undefined> {
  const includes: Include[] = [];
  for (const spec of work.object.spec.include ?? []) {
    const { name } = spec.repository;
    const object = await repositoryOf(work, name);
    if (!object)
      return unavailable(
        work,
        'NotFound',
        `could not get resource for include '${name}': gitrepository "${name}" not found`,
      );
    const cycle = await cycleThrough(work, [work.object.metadata.name, name], object, new Set());
    if (cycle) return inCycle(work, cycle);
    const artifact = Artifact.safeParse(object.status?.artifact);
    if (!artifact.success) return unavailable(work, 'NoArtifact', `no artifact available for include '${name}'`);
    includes.push({ spec, artifact: artifact.data });
  }
  work.includes = includes;
  return undefined;
}

function repositoryOf({ object, cluster }: IncludeWork, name: string): Promise<KubeObject | undefined> {
  return cluster.get({ apiVersion: object.apiVersion, kind: object.kind }, object.metadata.namespace, name);
}

/** The way from the object through includes back to it, if there is one. */
async function cycleThrough(
  work: IncludeWork,
  way: string[],
  object: KubeObject,
  seen: Set<string>,
): Promise<string[] | undefined> {
  const last = way.at(-1) ?? '';
  if (last === way[0]) return way;
  if (seen.has(last)) return undefined;
  seen.add(last);
  const names = NamedIncludes.safeParse(object.spec?.include).data ?? [];
  for (const { repository } of names) {
    const { name } = repository;
    if (name === way[0]) return [...way, name];
    const next = seen.has(name) ? undefined : await repositoryOf(work, name);
    const found = next && (await cycleThrough(work, [...way, name], next, seen));
    if (found) return found;
  }
  return undefined;
}

const NamedIncludes = z.array(z.object({ repository: z.object({ name: z.string() }) }));

function inCycle(work: IncludeWork, way: string[]): Outcome {
  const message = `the includes lead back to this GitRepository (${way.join(' → ')}): remove one of them from spec.include`;
  work.condition('IncludeUnavailable', { status: 'True', reason: 'IncludeCycle', message });
  return { type: 'stalled', reason: 'IncludeCycle', message, afterMs: cycleMs };
}

function unavailable(work: SourceWork<GitRepository>, reason: string, message: string): Outcome {
  const conditions = work.object.status.conditions ?? [];
  const known = conditions.some(condition => condition.type === 'IncludeUnavailable' && condition.message === message);
  work.condition('IncludeUnavailable', { status: 'True', reason, message });
  if (!known) work.event({ severity: 'info', reason, message, to: 'cluster' });
  return { type: 'waiting', ready: 'False', afterMs: dependencyMs, reason, message };
}

/** Whether the artifact was made with other includes, or other contents of them, than those of now. */
export function includesChanged({ spec, status }: GitRepository, includes: Include[]): boolean {
  if (!isDeepStrictEqual(spec.include ?? [], status.observedInclude ?? [])) return true;
  const told = (artifact: { revision: string; digest: string } | undefined) => [artifact?.revision, artifact?.digest];
  const now = includes.map(({ artifact }) => told(artifact));
  return !isDeepStrictEqual(now, (status.includedArtifacts ?? []).map(told));
}

/**
 * Lays the included artifacts into a tree, in the order of spec.include. As with Flux, which moves each into the checkout, a
 * place that is taken is an error; only a file may take the place of a file. `..` stays within the root on either side.
 * They are unpacked under `dir`, one file at a time in memory. Throws IncludeError.
 */
export async function withIncludes(base: FileTree, includes: Include[], store: Store, dir: string): Promise<FileTree> {
  const layers: Layer[] = [{ prefix: '', entries: () => base.entries() }];
  const places: Place[] = includes.map(({ spec }) => new Place(spec));
  for await (const { path } of base.entries()) for (const place of places) place.meet(path);
  for (const [index, include] of includes.entries()) {
    const place = places[index]!;
    const files = await unpack(include, store, join(dir, `include-${index}`));
    const from = inRoot(include.spec.fromPath ?? '');
    const layer = layerOf(files, from, place.path);
    if (!layer) throw new IncludeError(include.spec, `the artifact holds no ${from}`);
    place.take(layer.isFile);
    for await (const { path } of layer.entries()) {
      const full = layer.prefix === '' ? path : `${layer.prefix}/${path}`;
      for (const later of places.slice(index + 1)) later.meet(full);
    }
    layers.push(layer);
  }
  return { entries: () => mergeLayers(layers) };
}

async function unpack({ spec, artifact }: Include, store: Store, dir: string): Promise<Files> {
  try {
    await fetchArtifact(store, artifact, dir);
    return await treeOf(dir);
  } catch (cause) {
    throw new IncludeError(spec, messageOfError(cause), { cause });
  }
}

/** A path without `.`, `..` and slashes at its ends, as if the root were that of the file system; '' for the root. */
function inRoot(path: string): string {
  return posix.normalize(`/${path}`).replace(/^\/+|\/+$/g, '');
}

/** What lies at `from`, moved to `to`: a directory, or one file. Undefined when there is nothing. */
function layerOf(files: Files, from: string, to: string): (Layer & { isFile: boolean }) | undefined {
  const file = files.files.get(from);
  if (file) {
    const only = { path: to, ...file };
    return { prefix: '', isFile: true, entries: () => once(only) };
  }
  if (from !== '' && !files.directories.has(from)) return undefined;
  return { prefix: to, isFile: false, entries: () => below(files, from) };
}

async function* once(entry: ArchiveEntry): AsyncGenerator<ArchiveEntry> {
  yield entry;
}

async function* below(files: Files, dir: string): AsyncGenerator<ArchiveEntry> {
  for await (const entry of files.entries()) {
    if (dir === '') yield entry;
    else if (entry.path.startsWith(`${dir}/`)) yield { ...entry, path: entry.path.slice(dir.length + 1) };
  }
}

/** Where an include goes, and what is there already. */
class Place {
  readonly path: string;
  readonly #spec: IncludeSpec;
  #found: 'a directory' | 'a file' | undefined;
  #blocking: string | undefined;

  constructor(spec: IncludeSpec) {
    this.#spec = spec;
    this.path = inRoot(spec.toPath || spec.repository.name);
    // The root is there in any case.
    if (this.path === '') this.#found = 'a directory';
  }

  /** Takes notice of a file of the tree. */
  meet(file: string): void {
    if (file === this.path) this.#found = 'a file';
    else if (file.startsWith(`${this.path}/`)) this.#found = 'a directory';
    else if (this.path.startsWith(`${file}/`)) this.#blocking = file;
  }

  /** Throws IncludeError when a directory, or file, cannot be put there. */
  take(isFile: boolean): void {
    if (this.#blocking !== undefined)
      throw new IncludeError(this.#spec, `${this.#blocking} is a file, not a directory`);
    if (this.#found === 'a directory' || (this.#found === 'a file' && !isFile))
      throw new IncludeError(
        this.#spec,
        `${this.path || 'the root'} is there already, as ${this.#found}: choose another toPath`,
      );
  }
}
