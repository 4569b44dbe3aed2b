import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { GitError } from './errors.ts';

/** What known_hosts says of a server's key. */
export type Verdict = 'known' | 'revoked' | 'changed' | 'unknown';

interface Line {
  marker: string | undefined;
  matches(host: string, port: number): boolean;
  type: string;
  key: Buffer;
}

/** Keys of servers, from text in the form of OpenSSH's known_hosts: plain, hashed and wildcard hosts, ports, revoked keys. */
export class KnownHosts {
  readonly #lines: Line[];

  /** Throws GitError InvalidIdentity for a line that cannot be read. */
  constructor(text: string) {
    this.#lines = text
      .split(/\r?\n/)
      .map((line, index) => parseLine(line, index + 1))
      .filter(line => line !== undefined);
    if (this.#lines.length === 0)
      throw new GitError(
        'InvalidIdentity',
        "'known_hosts' in the Secret names no host: write its output of ssh-keyscan",
      );
  }

  /** Whether a server is who it says, by the key that it shows (in the form of the wire). */
  judge(host: string, port: number, key: Buffer): Verdict {
    const same = this.#lines.filter(line => line.key.equals(key));
    // A revoked key is one everywhere, as OpenSSH and Go have it.
    if (same.some(line => line.marker === '@revoked')) return 'revoked';
    const own = this.#of(host, port);
    if (own.some(line => line.key.equals(key))) return 'known';
    return own.length > 0 ? 'changed' : 'unknown';
  }

  /** Types of the keys that are known for the host, such as `ssh-ed25519`. */
  typesOf(host: string, port: number): string[] {
    return [...new Set(this.#of(host, port).map(line => line.type))];
  }

  /** Whether there is an authority that may vouch for the host. */
  hasAuthority(host: string, port: number): boolean {
    return this.#lines.some(line => line.marker === '@cert-authority' && line.matches(host, port));
  }

  #of(host: string, port: number): Line[] {
    return this.#lines.filter(line => line.marker === undefined && line.matches(host, port));
  }
}

/** `SHA256:…`, as `ssh-keygen -l` shows a key. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The type that a key in the form of the wire names itself. */
export function typeOfKey(key: Buffer): string {
  const length = key.length >= 4 ? key.readUInt32BE(0) : 0;
  const type = key.toString('latin1', 4, 4 + Math.min(length, 64));
  return /^[a-z0-9@.-]+$/.test(type) ? type : 'of unknown type';
}

function parseLine(text: string, number: number): Line | undefined {
  const words = text.trim().split(/[ \t]+/);
  if (!words[0] || words[0].startsWith('#')) return undefined;
  const marker = words[0].startsWith('@') ? words.shift() : undefined;
  const bad = (why: string) =>
    new GitError('InvalidIdentity', `line ${number} of 'known_hosts' in the Secret cannot be read: ${why}`);
  if (marker !== undefined && marker !== '@revoked' && marker !== '@cert-authority')
    throw bad('its marker is neither @revoked nor @cert-authority');
  const [hosts, type, encoded] = words;
  if (!hosts || !type || !encoded) throw bad('it must hold hosts, the type of a key, and the key');
  const key = Buffer.from(encoded, 'base64');
  if (key.toString('base64').replace(/=+$/, '') !== encoded.replace(/=+$/, '') || typeOfKey(key) !== type)
    throw bad(`the key is not the base64 of a key of the type before it`);
  const matches = hosts.startsWith('|') ? hashedHost(hosts, bad) : hostPatterns(hosts, bad);
  return { marker, matches, type, key };
}

function hashedHost(pattern: string, bad: (why: string) => Error): Line['matches'] {
  const [, version, salt, hash] = pattern.split('|');
  if (version !== '1' || !salt || !hash) throw bad('its hashed host is not of the form |1|salt|hash');
  const expected = Buffer.from(hash, 'base64');
  const key = Buffer.from(salt, 'base64');
  return (host, port) => {
    const actual = createHmac('sha1', key).update(nameOf(host, port)).digest();
    return actual.length === expected.length && timingSafeEqual(actual, expected);
  };
}

/** How known_hosts writes a host. */
function nameOf(host: string, port: number): string {
  return port === 22 ? host : `[${host}]:${port}`;
}

function hostPatterns(list: string, bad: (why: string) => Error): Line['matches'] {
  const patterns = list.split(',').map(entry => {
    const not = entry.startsWith('!');
    const { host, port } = splitPort(not ? entry.slice(1) : entry);
    if (!host) throw bad('it has an empty host');
    return { not, port, host: host.toLowerCase() };
  });
  return (host, port) => {
    const hits = patterns.filter(pattern => pattern.port === port && wildcardMatch(pattern.host, host));
    return hits.length > 0 && !hits.some(pattern => pattern.not);
  };
}

function splitPort(entry: string): { host: string; port: number } {
  const found = /^\[(.*)\]:(\d+)$/.exec(entry) ?? /^([^:]+):(\d+)$/.exec(entry);
  if (found) return { host: found[1]!, port: Number(found[2]) };
  return { host: entry.replace(/^\[(.*)\]$/, '$1'), port: 22 };
}

/** `*` and `?`, in time that grows with the product of the lengths at worst: the pattern may be hostile. */
function wildcardMatch(pattern: string, text: string): boolean {
  let [at, star, mark] = [0, -1, 0];
  for (let index = 0; index < text.length; ) {
    if (pattern[at] === '*') {
      star = at++;
      mark = index;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[index])) {
      at++;
      index++;
    } else if (star >= 0) {
      at = star + 1;
      index = ++mark;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
