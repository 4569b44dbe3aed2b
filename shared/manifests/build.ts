import { createHash } from 'node:crypto';
import { copyFile, link, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { KubeObject } from '../api/object.ts';
import { BuildError } from './build-error.ts';
import { buildDirectly } from './direct.ts';
import { type BuildGraph, exploreGraph, type Top } from './graph.ts';
import {
  type BuildSpec,
  buildFields,
  findKustomizations,
  generateKustomization,
  mergeSpec,
  parseKustomization,
} from './kustomization-file.ts';
import { runKustomize } from './kustomize-process.ts';
import { kubectlPath } from './layer.ts';
import type { Owner } from './metadata.ts';
import { parseManifests } from './parse.ts';
import { joinWithin, SourceTree } from './source-tree.ts';

export { BuildError } from './build-error.ts';
export type { BuildSpec } from './kustomization-file.ts';

export interface BuildRequest {
  /** Folder of the extracted artifact. It is only read; builds of the same folder may run at the same time. */
  root: string;
  /** spec.path: a directory of the artifact. */
  path: string;
  /** The spec, of which only {@link buildFields} matter. */
  spec: BuildSpec;
  /** The Kustomization, for those who want to know whose build it is. */
  owner?: Owner;
  signal?: AbortSignal;
  /** For kustomize itself. */
  timeoutMs?: number;
  /** kubectl to run; that of the layer when not given. */
  kubectl?: string;
  /** Folder for temporary files; on the file system of `root`, so that files can be linked rather than copied. */
  workDir?: string;
  /** Limit of what kustomize may print. */
  maxOutputBytes?: number;
}

/** Changes when this code would make other objects of the same input. */
const buildVersion = 1;

/**
 * Names the result of a build: the same key, the same objects. Made of what goes in and of nothing else, so that a change
 * of the interval, say, builds nothing anew.
 */
export function buildKey(artifactDigest: string, path: string, spec: BuildSpec): string {
  const relevant = buildFields.map(field => spec[field] ?? null);
  const input = JSON.stringify([buildVersion, artifactDigest, normalPath(path), relevant]);
  return createHash('sha256').update(input).digest('hex');
}

const defaultOutputBytes = 128 * 2 ** 20;
const defaultTimeoutMs = 60_000;

/**
 * Builds the manifests of a directory by kustomize, as Flux does: a kustomization.yaml is generated where there is none,
 * and the spec's fields are merged into it. Objects are in kustomize's order; variables are not substituted yet.
 */
export async function buildManifests(request: BuildRequest): Promise<KubeObject[]> {
  const plan = await planBuild(request);
  return plan.by === 'direct' ? plan.objects : runPlan(plan, request);
}

/** How a build is done: its objects are known without kustomize, or these files are put before kustomize. */
export type BuildPlan =
  | { by: 'direct'; objects: KubeObject[] }
  | { by: 'kustomize'; directory: string; graph: BuildGraph };

/**
 * Decides how to build. `direct` only where kustomize would give the very same objects in the same order: kustomizations
 * (generated or not) that list manifests of plain YAML and do nothing to them.
 */
export async function planBuild(request: BuildRequest): Promise<BuildPlan> {
  request.signal?.throwIfAborted();
  const tree = await SourceTree.open(request.root);
  const top = await topOf(tree, request);
  const objects = await buildDirectly(tree, top.directory, top.content);
  if (objects) return { by: 'direct', objects: objects.map(withSortedKeys) };
  return { by: 'kustomize', directory: top.directory, graph: await exploreGraph(tree, top) };
}

/** Has kustomize build a plan, in a folder of its own. */
export async function runPlan(
  { directory, graph }: Extract<BuildPlan, { by: 'kustomize' }>,
  request: BuildRequest,
): Promise<KubeObject[]> {
  const folder = await realpath(await mkdtemp(join(request.workDir ?? tmpdir(), 'sluice-build-')));
  try {
    await materialize(graph, folder);
    const output = await runKustomize({
      kubectl: request.kubectl ?? (await kubectlPath()),
      directory: join(folder, directory),
      root: folder,
      timeoutMs: request.timeoutMs ?? defaultTimeoutMs,
      maxOutputBytes: request.maxOutputBytes ?? defaultOutputBytes,
      signal: request.signal,
    }).catch(async error => {
      throw await explained(error, graph, request.root);
    });
    return parseManifests(originalPaths(output, graph), { dialect: 'kustomize' }).map(withSortedKeys);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Builds by kustomize in any case; what {@link planBuild} is held against. */
export async function buildByKustomize(request: BuildRequest): Promise<KubeObject[]> {
  const tree = await SourceTree.open(request.root);
  const top = await topOf(tree, request);
  return runPlan({ by: 'kustomize', directory: top.directory, graph: await exploreGraph(tree, top) }, request);
}

/** Fields in one order, so that equal objects are equal texts, whichever way they came. */
function withSortedKeys<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withSortedKeys) as T;
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map(name => [name, withSortedKeys((value as Record<string, unknown>)[name])])) as T;
}

/** The kustomization to build: that of the directory or a generated one, with the spec merged in. */
async function topOf(tree: SourceTree, request: BuildRequest): Promise<Top> {
  const entry = await tree.entry(normalPath(request.path));
  if (entry?.type !== 'directory')
    throw new BuildError(
      `kustomization path not found: spec.path "${request.path}" is ${entry ? 'not a directory' : 'not in the source'}`,
      { code: 'ArtifactFailed' },
    );
  const directory = tree.pathOf(entry);
  const [existing] = await findKustomizations(tree, directory);
  const content = existing
    ? parseKustomization(await tree.read(existing), existing)
    : await generateKustomization(tree, directory);
  return {
    directory,
    file: existing ?? joinWithin(directory, 'kustomization.yaml')!,
    content: await mergeSpec(content, request.spec, { tree, directory, generated: existing === undefined }),
  };
}

/** spec.path relative to the root of the source; paths above the root end there, as in a chroot. */
function normalPath(path: string): string {
  if (path.includes('\0')) throw new BuildError('spec.path holds a zero byte', { code: 'ArtifactFailed' });
  return join('/', path).replace(/^\/+|\/+$/g, '') || '.';
}

/** Puts the files of the build into a folder of their own: hard links where the file system allows, which cost no copying. */
async function materialize(graph: BuildGraph, folder: string): Promise<void> {
  const directories = new Set(
    [...graph.files.keys(), ...graph.written.keys()].map(path => dirname(join(folder, path))),
  );
  for (const directory of directories) await mkdir(directory, { recursive: true });
  const files = [...graph.files];
  const batch = 64;
  for (let at = 0; at < files.length; at += batch)
    await Promise.all(files.slice(at, at + batch).map(([path, real]) => place(real, join(folder, path))));
  for (const [path, text] of graph.written) await writeFile(join(folder, path), text, { flag: 'wx' });
}

async function place(real: string, target: string): Promise<void> {
  try {
    await link(real, target);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EEXIST') return;
    // Another file system, or links forbidden.
    await copyFile(real, target);
  }
}

/** Files that were put elsewhere are told by the paths that the source knows. */
function originalPaths(text: string, graph: BuildGraph): string {
  let result = text;
  for (const [alias, original] of graph.aliases) result = result.replaceAll(alias, original);
  return result;
}

/**
 * Kustomize's complaint, told by the paths of the source. Where a manifest cannot be read, that comes first: kustomize
 * itself speaks of directories then.
 */
async function explained(error: unknown, graph: BuildGraph, root: string): Promise<unknown> {
  if (!(error instanceof BuildError)) return error;
  const message = originalPaths(error.message, graph);
  const unreadable = await firstUnreadable(graph, root);
  if (!unreadable) return new BuildError(message, { cause: error.cause });
  const advice = 'move what is no manifest out of spec.path, or list the manifests in a kustomization.yaml';
  const file = unreadable.file ? { file: unreadable.file } : {};
  return new BuildError(`${unreadable.message}; ${advice} (${message})`, { ...file, cause: unreadable });
}

async function firstUnreadable(graph: BuildGraph, root: string): Promise<BuildError | undefined> {
  const tree = await SourceTree.open(root);
  for (const file of graph.manifests) {
    try {
      parseManifests(await tree.read(file), { file, dialect: 'kustomize' });
    } catch (error) {
      if (error instanceof BuildError) return error;
      throw error;
    }
  }
  return undefined;
}
