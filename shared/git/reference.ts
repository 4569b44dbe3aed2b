import { compareVersions, inRange, parseRange, parseTagVersion, type Range, type Version } from '../api/version.ts';
import { foreignText, GitError } from './errors.ts';
import { isOid, type RemoteRef, type RemoteRefs } from './refs.ts';

/** spec.ref of a GitRepository. */
export interface GitReference {
  branch?: string | undefined;
  tag?: string | undefined;
  semver?: string | undefined;
  name?: string | undefined;
  commit?: string | undefined;
}

/** What a reference stands for at this moment. */
export interface Resolved {
  /** The commit. */
  oid: string;
  /** The reference it was found by, in full; with spec.ref.commit, the branch that must hold the commit. */
  refName?: string;
  /** The tag object, when the reference is an annotated tag. */
  tagOid?: string;
  /** As artifacts and statuses write it: `main@sha1:…`. */
  revision: string;
  /**
   * Commits of several tags of equal precedence (`1.0.0+a`, `1.0.0+b`). The youngest is meant: ask the remote for their
   * times and resolve again. Without times the greatest name wins.
   */
  ties?: string[];
}

/** The branch of a repository that names no reference. */
export const defaultBranch = 'master';

/** Prefixes under which to list what `ref` can resolve to, so that a server with many references sends few. */
export function refPrefixes(ref: GitReference = {}): string[] {
  const kind = kindOf(ref);
  if (kind === 'commit') return ref.branch ? [`refs/heads/${ref.branch}`] : [];
  if (kind === 'semver') return ['refs/tags/'];
  return [fullName(ref, kind)];
}

/**
 * The commit that `ref` means among `refs`. Of several fields the last of branch, tag, semver, name, commit counts;
 * a branch beside a commit is the one that must hold it. (That order is Flux's documented one; its code lets a tag win over
 * a semver range when an object gives both.) `times` (commit → ms) settles {@link Resolved.ties}.
 */
export function resolveReference(refs: RemoteRefs, ref: GitReference = {}, times?: Map<string, number>): Resolved {
  const kind = kindOf(ref);
  if (kind === 'commit') return resolveCommit(refs, ref);
  if (refs.empty) throw new GitError('EmptyRepository', 'the repository is empty: push a first commit');
  if (kind === 'semver') return resolveRange(refs, ref.semver!, times);
  const refName = fullName(ref, kind);
  const found = refs.refs.get(refName);
  if (!found) throw notFound(refName, kind);
  const written = kind === 'name' ? ref.name! : shortName(refName);
  return { oid: commitOf(found), refName, ...tagOf(found), revision: revisionOf(written, commitOf(found)) };
}

function resolveCommit(refs: RemoteRefs, ref: GitReference): Resolved {
  const oid = ref.commit!.toLowerCase();
  if (!isOid(oid))
    throw new GitError(
      'InvalidReference',
      `spec.ref.commit "${foreignText(ref.commit!, 80)}" is not a commit: give all 40 hexadecimal digits`,
    );
  const written = ref.name || ref.branch;
  const resolved = { oid, revision: written ? revisionOf(written, oid) : `sha1:${oid}` };
  if (!ref.branch) return resolved;
  const refName = fullName({ branch: ref.branch }, 'branch');
  if (refs.empty) throw new GitError('EmptyRepository', 'the repository is empty: push a first commit');
  if (!refs.refs.has(refName)) throw notFound(refName, 'branch');
  return { ...resolved, refName };
}

interface Candidate {
  ref: RemoteRef;
  version: Version;
}

function resolveRange(refs: RemoteRefs, text: string, times?: Map<string, number>): Resolved {
  const range = rangeOf(text);
  const best: Candidate[] = [];
  for (const ref of refs.refs.values()) {
    if (!ref.name.startsWith('refs/tags/')) continue;
    const version = parseTagVersion(shortName(ref.name));
    if (!version || !inRange(version, range)) continue;
    const order = best[0] ? compareVersions(version, best[0].version) : 0;
    if (order > 0) best.length = 0;
    if (order >= 0) best.push({ ref, version });
  }
  best.sort((a, b) => timeOf(a, times) - timeOf(b, times) || (a.ref.name < b.ref.name ? -1 : 1));
  const chosen = best.at(-1)?.ref;
  if (!chosen) throw new GitError('ReferenceNotFound', `no match found for semver: ${foreignText(text, 80)}`);
  const oid = commitOf(chosen);
  const revision = revisionOf(shortName(chosen.name), oid);
  const resolved = { oid, refName: chosen.name, ...tagOf(chosen), revision };
  const commits = [...new Set(best.map(({ ref }) => commitOf(ref)))];
  return commits.length > 1 ? { ...resolved, ties: commits } : resolved;
}

function rangeOf(text: string): Range {
  try {
    return parseRange(text);
  } catch (cause) {
    throw new GitError('InvalidReference', `spec.ref.semver ${(cause as Error).message}`, { cause });
  }
}

function timeOf(candidate: Candidate, times: Map<string, number> | undefined): number {
  return times?.get(commitOf(candidate.ref)) ?? 0;
}

type ReferenceKind = keyof GitReference;

function kindOf(ref: GitReference): ReferenceKind {
  return (['commit', 'name', 'semver', 'tag'] as const).find(field => ref[field]) ?? 'branch';
}

function fullName(ref: GitReference, kind: ReferenceKind): string {
  const written = (kind === 'branch' ? ref.branch || defaultBranch : ref[kind]) ?? '';
  // A peeled tag may be asked for as the server writes it; annotated tags are followed either way.
  const name = kind === 'name' ? written.replace(/\^\{\}$/, '') : written;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/^\/|\/$|\.\.|\/\/|@\{|[\u0000-\u0020\u007f~^:?*[\\]/.test(name))
    throw new GitError(
      'InvalidReference',
      `spec.ref.${kind} "${foreignText(written, 80)}" is not the name of a Git reference`,
    );
  if (kind === 'tag') return `refs/tags/${name}`;
  return kind === 'branch' ? `refs/heads/${name}` : name;
}

/** `refs/heads/a/b` → `a/b`. */
function shortName(refName: string): string {
  return refName.split('/').slice(2).join('/') || refName;
}

function commitOf(ref: RemoteRef): string {
  return ref.peeled ?? ref.oid;
}

function tagOf(ref: RemoteRef): { tagOid?: string } {
  return ref.peeled === undefined ? {} : { tagOid: ref.oid };
}

function revisionOf(name: string, oid: string): string {
  return `${name}@sha1:${oid}`;
}

/** In the words that Flux's users look for, and filter their alerts by. */
function notFound(refName: string, kind: ReferenceKind): GitError {
  const name = foreignText(refName, 200);
  const message =
    kind === 'name' ? `unable to resolve ref '${name}' to a specific commit` : `couldn't find remote ref "${name}"`;
  return new GitError('ReferenceNotFound', message);
}
