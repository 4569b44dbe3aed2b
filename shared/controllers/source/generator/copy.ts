import { mkdtemp } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { Readable } from 'node:stream';
import type { CopyOperation } from '../../../api/source/artifact-generator.ts';
import { extractArchive } from '../../../artifact/extract.ts';
import { messageOfError } from '../../../reconcile/errors.ts';
import { BuildError } from './errors.ts';
import { deepGlob, isGlob, type PathPattern, singleGlob } from './glob.ts';
import { mergeYaml } from './merge.ts';
import { cleanPath, Tree, type TreeFile, treeOf } from './tree.ts';

export interface Copying {
  /** The sources, by alias. */
  sources: ReadonlyMap<string, Tree>;
  /** An empty directory of this machine, for what is unpacked. */
  scratch: string;
}

/**
 * Puts an artifact together: the copies in their order, with the semantics of `cp` (ArtifactGenerator spec, "Copy
 * Operations" and "Copy Strategies"). Throws BuildError, which names the copy.
 */
export async function assemble(copies: readonly CopyOperation[], copying: Copying): Promise<Tree> {
  const artifact = new Tree();
  for (const operation of copies) {
    try {
      await copy(operation, artifact, copying);
    } catch (error) {
      const what = `failed to apply copy operation from '${operation.from}' to '${operation.to}'`;
      throw new BuildError(`${what}: ${messageOfError(error)}`, { cause: error });
    }
  }
  return artifact;
}

/** One copy, read from its fields. */
interface Copy {
  operation: CopyOperation;
  source: Tree;
  /** Path or glob within the source. */
  pattern: string;
  /** Path within the artifact, as written. */
  to: string;
  /** Whether a path of the source is left out; `base` is the part of `from` without globs. */
  excluded(path: string, base: string): boolean;
  artifact: Tree;
  scratch: string;
}

async function copy(operation: CopyOperation, artifact: Tree, { sources, scratch }: Copying): Promise<void> {
  const slash = operation.from.indexOf('/');
  const alias = operation.from.slice(1, slash);
  const source = sources.get(alias);
  if (!source) throw new BuildError(`source alias '${alias}' not found`);
  const pattern = operation.from.slice(slash + 1);
  const to = operation.to.slice('@artifact/'.length);
  const excluded = exclusion(operation.exclude ?? []);
  const step: Copy = { operation, source, pattern, to, excluded, artifact, scratch };
  await (isGlob(pattern) ? copyMatches(step) : copyNamed(step));
}

function exclusion(patterns: readonly string[]): Copy['excluded'] {
  const tests = patterns.map(pattern => ({ test: deepGlob(pattern), anyDepth: !pattern.includes('/') }));
  const matches = (path: string) =>
    tests.some(({ test, anyDepth }) => test(path) || (anyDepth && test(posix.basename(path))));
  return (path, base) =>
    matches(path) || (base !== '.' && path.startsWith(`${base}/`) && matches(path.slice(base.length + 1)));
}

/** `from` names one file or directory. */
async function copyNamed(step: Copy): Promise<void> {
  const path = cleanPath(step.pattern);
  const file = step.source.files.get(path);
  if (!file) {
    if (!step.source.directories.has(path)) throw new BuildError(`source '${path}' does not exist`);
    if (step.operation.strategy === 'Extract')
      throw new BuildError(`the strategy Extract is not supported for directories, and '${path}' is one`);
    return copyDirectory(step, path, posix.join(step.to, posix.basename(path)), path);
  }
  if (step.excluded(path, '.')) return;
  if (step.operation.strategy === 'Extract') {
    if (!isTarball(path)) throw new BuildError(`the strategy Extract needs a .tar.gz or .tgz, and '${path}' is none`);
    return extract(step, path, file);
  }
  const to = cleanPath(step.to);
  const intoDirectory = step.operation.to.endsWith('/') || step.artifact.directories.has(to);
  await copyFile(step, path, file, intoDirectory ? posix.join(to, posix.basename(path)) : to);
}

async function copyMatches(step: Copy): Promise<void> {
  const { pattern, operation } = step;
  const extracting = operation.strategy === 'Extract';
  const test: PathPattern = extracting ? deepGlob(pattern) : singleGlob(pattern);
  const found = step.source.paths().filter(test);
  const alias = operation.from.slice(1, operation.from.indexOf('/'));
  if (found.length === 0) throw new BuildError(`no files match pattern '${pattern}' in source '${alias}'`);
  const base = fixedPart(pattern);
  const wanted = found.filter(path => !step.excluded(path, base));
  if (wanted.length === 0)
    throw new BuildError(`all files matching pattern '${pattern}' in source '${alias}' were excluded`);
  for (const path of wanted) {
    const file = step.source.files.get(path);
    if (extracting) {
      if (file && isTarball(path)) await extract(step, path, file);
    } else if (file) await copyFile(step, path, file, destinationOf(step, path));
    else copyDirectory(step, path, destinationOf(step, path), base);
  }
}

/** Contents of `dir/**` lose their prefix; what another glob matches keeps its path, as in Flux. */
function destinationOf({ pattern, to }: Copy, path: string): string {
  const prefix = pattern.endsWith('/**') ? `${pattern.slice(0, -'/**'.length)}/` : undefined;
  return posix.join(to, prefix !== undefined && path.startsWith(prefix) ? path.slice(prefix.length) : path);
}

/** The directories of a pattern before its first glob. */
function fixedPart(pattern: string): string {
  const parts = cleanPath(pattern).split('/');
  const first = parts.findIndex(isGlob);
  return first > 0 ? parts.slice(0, first).join('/') : '.';
}

function copyDirectory(step: Copy, from: string, to: string, base: string): void {
  const { source, artifact } = step;
  const place = (path: string) => posix.join(to, from === '.' ? path : path.slice(from.length + 1));
  const below = (path: string) => path !== from && path !== '.' && (from === '.' || path.startsWith(`${from}/`));
  artifact.makeDirectory(cleanPath(to));
  const hidden = new Set<string>();
  // A directory comes before what is in it.
  for (const path of source.paths()) {
    if (!below(path)) continue;
    if (hidden.has(posix.dirname(path)) || step.excluded(path, base)) {
      hidden.add(path);
      continue;
    }
    const file = source.files.get(path);
    if (file) artifact.put(place(path), file);
    else artifact.makeDirectory(place(path));
  }
}

async function copyFile(step: Copy, from: string, file: TreeFile, to: string): Promise<void> {
  const { artifact, operation } = step;
  const there = operation.strategy === 'Merge' ? artifact.files.get(to) : undefined;
  if (!there) return artifact.put(to, file);
  const merged = mergeYaml(await there.read(), await file.read(), { base: to, overlay: from });
  artifact.put(to, { mode: 'file', size: merged.length, read: async () => merged });
}

function isTarball(path: string): boolean {
  return /\.(tar\.gz|tgz)$/i.test(path);
}

async function extract(step: Copy, path: string, file: TreeFile): Promise<void> {
  const dir = await mkdtemp(join(step.scratch, 'extract-'));
  try {
    await extractArchive(Readable.from([await file.read()]), dir);
  } catch (error) {
    throw new BuildError(`failed to extract tarball '${path}': ${messageOfError(error)}`, { cause: error });
  }
  const unpacked = await treeOf(dir);
  const to = cleanPath(step.to);
  step.artifact.makeDirectory(to);
  for (const [inside, content] of unpacked.files) step.artifact.put(posix.join(to, inside), content);
}
