import type { ArchiveEntry } from './archive.ts';
import { ArtifactError } from './errors.ts';
import { ignoreFileName, ignoreMatcher } from './ignore.ts';

/** A larger ignore file is none. */
const maxIgnoreFile = 1024 * 1024;

export interface SourceFilter {
  /** spec.ignore. */
  specIgnore?: string | undefined;
  /** spec.sparseCheckout: only what lies in these directories; all when empty. */
  directories?: string[] | undefined;
}

/**
 * What goes into the artifact of a tree: the files of the directories asked for, without what the ignore rules leave out.
 * The tree is walked twice, first for its .sourceignore files. Throws ArtifactError NotFound for a directory that is not there.
 */
export async function* sourceEntries<Entry extends ArchiveEntry>(
  tree: { entries(): AsyncIterable<Entry> },
  filter: SourceFilter,
): AsyncGenerator<Entry> {
  const sourceignore: { dir: string; text: string }[] = [];
  for await (const entry of sparseEntries(tree, filter.directories)) {
    if (!isIgnoreFile(entry)) continue;
    const dir = entry.path.slice(0, -ignoreFileName.length).replace(/\/$/, '');
    sourceignore.push({ dir, text: (await entry.read()).toString('utf8') });
  }
  const ignored = ignoreMatcher({ specIgnore: filter.specIgnore, sourceignore, defaults: true });
  for await (const entry of sparseEntries(tree, filter.directories)) if (!ignored(entry.path, false)) yield entry;
}

/** The files of the directories asked for; all without any. Throws ArtifactError NotFound, at the end, for one that is not there. */
export async function* sparseEntries<Entry extends ArchiveEntry>(
  tree: { entries(): AsyncIterable<Entry> },
  asked: string[] = [],
): AsyncGenerator<Entry> {
  const directories = sparseDirectories(asked);
  const wanted = within(directories);
  const missing = new Set(directories.filter(dir => dir !== '' && dir !== '.'));
  for await (const entry of tree.entries()) {
    for (const dir of missing) if (isWithin(entry.path, dir)) missing.delete(dir);
    if (wanted(entry.path)) yield entry;
  }
  const absent = [...missing][0];
  if (absent !== undefined)
    throw new ArtifactError('NotFound', `spec.sparseCheckout names "${absent}", which the repository does not have`);
}

/** Whether a subtree at `path` has, or may have, files of the directories asked for. */
export function sparseTouches(path: string, asked: string[] = []): boolean {
  const directories = sparseDirectories(asked);
  return within(directories)(path) || directories.some(dir => isWithin(dir, path));
}

function sparseDirectories(asked: string[]): string[] {
  return asked.map(dir => dir.replace(/^(\.\/+)+/, '').replace(/\/+$/, ''));
}

function within(directories: string[]): (path: string) => boolean {
  if (directories.length === 0) return () => true;
  return path => directories.some(dir => isWithin(path, dir));
}

function isWithin(path: string, dir: string): boolean {
  return dir === '' || dir === '.' || path === dir || path.startsWith(`${dir}/`);
}

function isIgnoreFile({ path, mode, size }: ArchiveEntry): boolean {
  if (mode === 'symlink' || mode === 'submodule' || size > maxIgnoreFile) return false;
  return path === ignoreFileName || path.endsWith(`/${ignoreFileName}`);
}
