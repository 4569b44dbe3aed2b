import { foreignText } from '../network/errors.ts';
import { digestPattern } from './descriptor.ts';
import { OciError } from './errors.ts';

/** Which repository of which registry. */
export interface RepositoryName {
  /** Host and port, lower case. */
  host: string;
  repository: string;
  /** Whether the host is one that plain http is tried at without being asked: this machine, a private address, `.local`. */
  local: boolean;
}

/** Where Docker Hub is, whose name is left out or is an alias. */
const dockerHub = 'index.docker.io';
const dockerHubAliases = ['docker.io', 'registry-1.docker.io'];

/** As registries allow it, with an end of names that are too long for any of them. */
const repositoryPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/**
 * Parses `oci://host[:port]/repository`, also without `oci://`. As Docker does: what has no host is of Docker Hub, and there
 * a single name is of `library`. Throws OciError InvalidReference.
 */
export function parseRepository(url: string): RepositoryName {
  const text = url.replace(/^oci:\/\//i, '');
  const slash = text.indexOf('/');
  const first = slash < 0 ? '' : text.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost' || first.startsWith('[');
  const host = hostOf(isHost ? first : dockerHub, url);
  const path = isHost ? text.slice(slash + 1) : text;
  const written = path.match(/[:@][^/]*$/)?.[0];
  if (written !== undefined && written !== '')
    throw invalid(url, `it must not contain a tag or digest; remove '${foreignText(written, 80)}' and use spec.ref`);
  if (path.length < 2 || path.length > 255 || !repositoryPattern.test(path))
    throw invalid(url, 'a repository is made of lower-case letters, digits, `.`, `_`, `-`, and `/` between names');
  const repository = host === dockerHub && !path.includes('/') ? `library/${path}` : path;
  return { host, repository, local: isLocal(host) };
}

function hostOf(written: string, url: string): string {
  const parsed = URL.parse(`https://${written}/`);
  // What the parser changes is no host: credentials, a path, numbers in another notation.
  const again = parsed && written.toLowerCase().replace(/:443$/, '');
  if (!parsed || parsed.username || parsed.password || parsed.host !== again)
    throw invalid(url, `"${foreignText(written, 80)}" is not a host`);
  const host = written.toLowerCase();
  return dockerHubAliases.includes(host) ? dockerHub : host;
}

function isLocal(host: string): boolean {
  const name = host.replace(/:\d+$/, '');
  if (name === 'localhost' || /\.local(?:host)?$/.test(name) || name === '[::1]') return true;
  return /^(?:127|10)(?:\.\d+){3}$|^192\.168(?:\.\d+){2}$|^172\.(?:1[6-9]|2\d|3[01])(?:\.\d+){2}$/.test(name);
}

function invalid(url: string, why: string): OciError {
  return new OciError(
    'InvalidReference',
    `"${foreignText(url, 200)}" is not the address of a repository (oci://host/name): ${why}`,
  );
}

/** Throws OciError InvalidReference unless `reference` is a tag or a digest. */
export function checkReference(reference: string): void {
  if (isDigest(reference) || tagPattern.test(reference)) return;
  const what = reference.includes(':') ? 'digest (sha256:…)' : 'tag';
  throw new OciError('InvalidReference', `"${foreignText(reference, 100)}" is not a ${what}`);
}

/** Whether a reference is a digest, not a tag. */
export function isDigest(reference: string): boolean {
  return digestPattern.test(reference);
}
