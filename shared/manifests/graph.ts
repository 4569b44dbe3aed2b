import { randomUUID } from 'node:crypto';
import { posix } from 'node:path';
import { BuildError } from './build-error.ts';
import { findKustomizations, isLocal, type KustomizationContent, parseKustomization } from './kustomization-file.ts';
import { type Reference, referencesOf, referencesOfConfig } from './references.ts';
import { joinWithin, type SourceTree } from './source-tree.ts';

/**
 * Everything a build reads, found before kustomize runs: the files of the source by their paths, and the kustomizations
 * that are written anew. What is not in here is not there for kustomize.
 */
export interface BuildGraph {
  /** Path in the build → absolute path of the file. */
  files: Map<string, string>;
  /** Path in the build → text to write. */
  written: Map<string, string>;
  /** Paths in the build that stand for others: where a kustomization reads a file beside its own directory. */
  aliases: Map<string, string>;
  /** Files of the source that are read as manifests. */
  manifests: Set<string>;
}

/** Kustomizations of one build; more is a mistake or an attack. */
const maxKustomizations = 5000;

export interface Top {
  directory: string;
  /** Where the content comes from, and where it is written. */
  file: string;
  content: KustomizationContent;
}

/**
 * Follows all references from the top kustomization. Throws a {@link BuildError} for what cannot be part of a build:
 * addresses, paths outside of the source, files that are not there, charts.
 */
export async function exploreGraph(tree: SourceTree, top: Top): Promise<BuildGraph> {
  const explorer = new Explorer(tree);
  await explorer.exploreTop(top);
  return explorer.graph;
}

class Explorer {
  readonly graph: BuildGraph = {
    files: new Map(),
    written: new Map(),
    aliases: new Map(),
    manifests: new Set(),
  };
  readonly #tree: SourceTree;
  readonly #visited = new Set<string>();
  /** Where files from beside a kustomization's directory are put, below that directory; a name that no source has. */
  readonly #aliasDirectory = `.sluice-${randomUUID()}`;
  #top: Top | undefined;

  constructor(tree: SourceTree) {
    this.#tree = tree;
  }

  async exploreTop(top: Top): Promise<void> {
    this.#top = top;
    await this.#exploreDirectory(top.directory, undefined);
  }

  /**
   * @param loader the directory against which plugins' configurations read files: that of the kustomization that runs
   *   them; undefined when the directory yields resources.
   */
  async #exploreDirectory(directory: string, loader: string | undefined): Promise<void> {
    const mark = `${directory}\0${loader ?? ''}`;
    if (this.#visited.has(mark)) return;
    this.#visited.add(mark);
    if (this.#visited.size > maxKustomizations)
      throw new BuildError(`the build takes in more than ${maxKustomizations} kustomizations`);
    const files = await findKustomizations(this.#tree, directory);
    for (const file of files) await this.#include(file);
    const isTop = directory === this.#top!.directory;
    const file = isTop ? this.#top!.file : files[0];
    if (!file) throw new BuildError(`${directory} has no kustomization.yaml`, { file: directory });
    const content = isTop ? structuredClone(this.#top!.content) : parseKustomization(await this.#tree.read(file), file);
    refuseCharts(content, file);
    const isChanged = await this.#exploreContent(content, file, directory, loader);
    if (isTop || isChanged) this.#write(file, content);
  }

  /** Whether the content was changed: references that had to be replaced. */
  async #exploreContent(
    content: KustomizationContent,
    file: string,
    directory: string,
    loader: string | undefined,
  ): Promise<boolean> {
    const { references, inline } = referencesOf(content);
    let isChanged = false;
    for (const reference of references) {
      const context: Context = { file, directory, loader: reference.expects === 'config' ? directory : loader };
      if (await this.#follow(reference, context)) isChanged = true;
    }
    for (const { field, text } of inline) await this.#followConfig(text, `${file}: ${field}`, directory);
    return isChanged;
  }

  /** Includes what a reference names; true when the reference had to be replaced. */
  async #follow(reference: Reference, context: Context): Promise<boolean> {
    const path = localPath(reference, context);
    const entry = await this.#tree.entry(path);
    const where = `${context.file}: ${reference.field}`;
    if (!entry) throw missing(reference, where, context);
    if (entry.type === 'directory') {
      if (reference.expects === 'file')
        throw new BuildError(`${where}: ${reference.path} is a directory, where a file is expected`, context);
      // Paths within a linked directory start from where it really is.
      const real = this.#tree.pathOf(entry);
      await this.#exploreDirectory(real, context.loader);
      if (real === path) return false;
      reference.replace(posix.relative(context.directory, real) || '.');
      return true;
    }
    if (reference.expects === 'directory')
      throw new BuildError(`${where}: ${reference.path} is a file, where a directory is expected`, context);
    if (reference.expects === 'resource') this.graph.manifests.add(path);
    if (context.loader !== undefined) await this.#followConfig(await this.#tree.read(path), path, context.loader);
    const real = this.#tree.pathOf(entry);
    if (isBelow(context.directory, path) && isBelow(context.directory, real)) {
      this.graph.files.set(path, entry.real);
      return false;
    }
    reference.replace(this.#alias(path, entry.real, context.directory));
    return true;
  }

  /** Files that the configuration of a plugin names; it is not rewritten, so they must lie where kustomize allows them. */
  async #followConfig(text: string, where: string, directory: string): Promise<void> {
    for (const reference of referencesOfConfig(text, where)) {
      const context: Context = { file: where, directory, loader: undefined };
      const path = localPath(reference, context);
      const entry = await this.#tree.entry(path);
      if (entry?.type !== 'file') throw missing(reference, reference.field, context);
      const real = this.#tree.pathOf(entry);
      if (!isBelow(directory, path) || !isBelow(directory, real))
        throw new BuildError(
          `${reference.field}: ${reference.path} lies outside of ${directory}; move it below the directory of the kustomization`,
          { file: path },
        );
      this.graph.files.set(path, entry.real);
    }
  }

  /**
   * Kustomize reads files below the directory of a kustomization alone, which keeps it from the machine's own files.
   * A file beside it, which is allowed as long as it belongs to the source, is put below it under another name.
   */
  #alias(path: string, real: string, directory: string): string {
    const relative = posix.join(this.#aliasDirectory, String(this.graph.aliases.size), posix.basename(path));
    const alias = joinWithin(directory, relative)!;
    this.graph.files.set(alias, real);
    this.graph.aliases.set(relative, posix.relative(directory, path));
    return relative;
  }

  async #include(path: string): Promise<void> {
    const entry = await this.#tree.entry(path);
    if (entry?.type === 'file' && !this.graph.written.has(path)) this.graph.files.set(path, entry.real);
  }

  #write(file: string, content: KustomizationContent): void {
    this.graph.files.delete(file);
    // JSON is YAML, and has no quirks.
    this.graph.written.set(file, `${JSON.stringify(content, null, 2)}\n`);
  }
}

interface Context {
  file: string;
  directory: string;
  loader: string | undefined;
}

function isBelow(directory: string, path: string): boolean {
  return directory === '.' || path.startsWith(`${directory}/`);
}

/** The path of a reference in the source. Throws for addresses and for what lies outside. */
function localPath(reference: Reference, context: Context): string {
  const where = `${context.file}: ${reference.field}`;
  if (posix.isAbsolute(reference.path))
    throw new BuildError(
      `${where}: ${reference.path} is an absolute path; write it relative to the kustomization`,
      context,
    );
  if (!isLocal(reference.path)) throw remote(reference, where, context);
  const path = joinWithin(context.directory, reference.path);
  if (path === undefined)
    throw new BuildError(
      `${where}: ${reference.path} lies outside of the source; only its own files can be used`,
      context,
    );
  return path;
}

function missing(reference: Reference, where: string, context: Context): BuildError {
  const isAddress = /^[\w.-]+@[\w.-]+:|^[\w-]+(?:\.[\w-]+)+(?:\/|:).*|[?&]ref=|\.git(?:\/|$|\?)|_git\//.test(
    reference.path,
  );
  const isFile = /\.(?:ya?ml|json|env|txt|properties|conf)$/.test(reference.path);
  if (isAddress && !isFile) return remote(reference, where, context);
  return new BuildError(
    `${where}: ${reference.path} is not in the source; check the path, and that no ignore rule leaves it out`,
    context,
  );
}

function remote(reference: Reference, where: string, context: Context): BuildError {
  return new BuildError(
    `${where}: ${reference.path} is an address, and builds have no network; copy it into the repository, or make it a GitRepository and a Kustomization of its own`,
    context,
  );
}

function refuseCharts(content: KustomizationContent, file: string): void {
  for (const field of ['helmCharts', 'helmChartInflationGenerator']) {
    const value = content[field];
    if (Array.isArray(value) && value.length > 0)
      throw new BuildError(
        `${file}: ${field} cannot be built here; install charts by HelmRelease, or commit what the chart renders`,
        {
          file,
        },
      );
  }
}
