import type { GitAuth } from './auth.ts';
import { foreignText, GitError } from './errors.ts';
import { ancestryCommand, canFilter, type FetchRequest, fetchCommand, readAncestry, readFetchAnswer } from './fetch.ts';
import { HttpTransport } from './http.ts';
import { type GitBase, PackOverBase } from './incremental.ts';
import { defaultLimits, type GitLimits } from './limits.ts';
import { Pack } from './pack.ts';
import { PacketReader } from './pkt-line.ts';
import { type GitReference, type Resolved, refPrefixes, resolveReference } from './reference.ts';
import {
  type Advertisement,
  checkObjectFormat,
  lsRefsRequest,
  type RemoteRef,
  type RemoteRefs,
  readAdvertisement,
  readRefs,
} from './refs.ts';
import { openSnapshot, peelCommit, type Snapshot } from './snapshot.ts';
import { SshTransport } from './ssh.ts';
import type { Transport, TransportAccess } from './transport.ts';

export type { GitAuth, SshAuth } from './auth.ts';
export type { GitErrorCode } from './errors.ts';
export { GitError } from './errors.ts';
export type { GitLimits } from './limits.ts';
export type { Commit, EntryMode, Person } from './objects.ts';
export type { RemoteRef, RemoteRefs } from './refs.ts';
export type { Snapshot, Tag, TreeEntry } from './snapshot.ts';

export interface RemoteOptions extends TransportAccess {
  auth?: GitAuth;
  /** For everything that is done over the connection, from now to {@link GitRemote.close}. */
  timeoutMs: number;
  limits?: Partial<GitLimits>;
}

/** A repository on a server. Every method throws GitError. */
export interface GitRemote {
  /** The URL without credentials. */
  readonly url: string;
  /** The references whose names begin with one of `prefixes`, or all. (A server of protocol 0 sends all anyway.) */
  listRefs(prefixes?: string[]): Promise<RemoteRefs>;
  /** Lists what is needed to resolve `ref`, and does: see resolveReference. */
  resolve(ref?: GitReference): Promise<Resolved>;
  /**
   * Fetches a commit with its tree and without its history. `refName`: where it was found; a commit that is not its tip
   * must be in its history. Without it, any commit that the server gives. What `base` has need not be sent; it must stay open as
   * long as the snapshot is, and reading what was ignored when it was made throws Corrupt.
   */
  fetchCommit(oid: string, refName?: string, base?: GitBase): Promise<Snapshot>;
  /** When commits were committed (epoch ms), by id. */
  commitTimes(oids: string[]): Promise<Map<string, number>>;
  /** Ends connections and the deadline. Snapshots stay readable. */
  close(): Promise<void>;
}

/** Opens a repository; the first request is made when something is asked. Throws GitError InvalidUrl or InvalidCredentials. */
export function connectRemote(url: string, options: RemoteOptions): GitRemote {
  return new SmartRemote(url, options);
}

/** How far back to look for a commit that must be found by walking; at last, all of the history. */
const searchDepths = [64, 1024, 16384, undefined];

class SmartRemote implements GitRemote {
  readonly url: string;
  readonly #transport: Transport;
  readonly #limits: GitLimits;
  readonly #signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  #server: Promise<Advertisement> | undefined;
  /** References seen, by name. */
  readonly #seen = new Map<string, RemoteRef>();

  constructor(url: string, { auth, timeoutMs, signal, limits, proxy, rules }: RemoteOptions) {
    const deadline = new AbortController();
    this.#signal = signal ? AbortSignal.any([signal, deadline.signal]) : deadline.signal;
    this.#transport = openTransport(url, auth ?? {}, { proxy, rules, signal: this.#signal });
    this.url = this.#transport.display;
    this.#limits = { ...defaultLimits, ...limits };
    const message = `fetching ${this.url} took longer than ${timeoutMs / 1000}s; raise spec.timeout if the repository is large`;
    this.#timer = setTimeout(() => deadline.abort(new GitError('Timeout', message)), timeoutMs);
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#transport.close();
  }

  async listRefs(prefixes: string[] = []): Promise<RemoteRefs> {
    return this.#guard(async () => {
      const refs = await this.#list(prefixes);
      for (const ref of refs.values()) this.#seen.set(ref.name, ref);
      // Nothing under the prefixes: is it only those, or is the repository empty?
      const empty = refs.size === 0 && (prefixes.length === 0 || (await this.#list([])).size === 0);
      return { refs, empty };
    });
  }

  async resolve(ref: GitReference = {}): Promise<Resolved> {
    const prefixes = refPrefixes(ref);
    const refs = prefixes.length > 0 ? await this.listRefs(prefixes) : { refs: new Map(), empty: false };
    const resolved = resolveReference(refs, ref);
    if (!resolved.ties) return resolved;
    return resolveReference(refs, ref, await this.commitTimes(resolved.ties));
  }

  async fetchCommit(oid: string, refName?: string, base?: GitBase): Promise<Snapshot> {
    return this.#guard(async () => {
      const tip = refName === undefined ? undefined : await this.#tip(refName);
      // Servers of protocol 0 give what they list only: an annotated tag itself, not what it leads to.
      if (tip && (tip.oid === oid || tip.peeled === oid))
        return this.#snapshot({ wants: [tip.oid], depth: 1 }, tip.oid, base);
      if (tip && !(await this.#provedAncestor(tip, oid))) return this.#searchSnapshot(tip, oid);
      try {
        return await this.#snapshot({ wants: [oid], depth: 1 }, oid, base);
      } catch (error) {
        // A server that gives nothing by its id alone.
        if (!(error instanceof GitError) || error.code !== 'ServerError') throw error;
        return await this.#searchSnapshot(tip, oid);
      }
    });
  }

  async commitTimes(oids: string[]): Promise<Map<string, number>> {
    return this.#guard(async () => {
      // Tags are wanted by their own id, see fetchCommit.
      const tags = new Map([...this.#seen.values()].map(ref => [ref.peeled ?? ref.oid, ref.oid]));
      const wants = oids.map(oid => tags.get(oid) ?? oid);
      const { pack } = await this.#fetch({ wants, depth: 1, commitsOnly: true });
      try {
        const times = new Map<string, number>();
        for (const oid of oids) times.set(oid, (await peelCommit(pack, oid)).committer.when);
        return times;
      } finally {
        pack.close();
      }
    });
  }

  async #tip(refName: string): Promise<RemoteRef> {
    const tip = this.#seen.get(refName) ?? (await this.#list([refName])).get(refName);
    if (!tip) throw new GitError('ReferenceNotFound', `${this.url} has no reference "${refName}"`);
    return tip;
  }

  /**
   * Whether the history of `tip` holds the commit, found out without fetching files. False when that cannot be known;
   * CommitNotFound when it is known not to.
   */
  async #provedAncestor(tip: RemoteRef, oid: string): Promise<boolean> {
    const server = await this.#advertisement();
    if (server.version === 2) {
      const { reader } = await this.#command(ancestryCommand(server, tip.oid, oid), 'the answer about history');
      try {
        if (await readAncestry(reader, this.url)) return true;
      } finally {
        await reader.close();
      }
    }
    // A server that says no may be misled by the clocks in commits: look.
    if (!canFilter(server)) return false;
    await this.#search([tip.oid], oid, true, pack => pack.close());
    return true;
  }

  /** Fetches a commit with more and more of the history that leads to it, until it is there. */
  async #searchSnapshot(tip: RemoteRef | undefined, oid: string): Promise<Snapshot> {
    const listed = tip ? [tip] : [...(await this.#list(['refs/heads/'])).values()];
    const heads = tip ? listed : listed.filter(ref => ref.name.startsWith('refs/heads/'));
    if (heads.length === 0) throw new GitError('CommitNotFound', `${this.url} has no commit ${oid}`);
    return this.#search([...new Set(heads.map(ref => ref.oid))], oid, false, async pack => {
      try {
        return await openSnapshot(pack, oid, this.#limits, pack.bytes);
      } catch (error) {
        pack.close();
        throw error;
      }
    });
  }

  async #search<T>(wants: string[], oid: string, commitsOnly: boolean, use: (pack: Pack) => T): Promise<Awaited<T>> {
    for (const depth of searchDepths) {
      const { pack, shallow } = await this.#fetch({ wants, commitsOnly, ...(depth === undefined ? {} : { depth }) });
      if (pack.has(oid)) return await use(pack);
      pack.close();
      if (shallow.length === 0) break;
    }
    throw new GitError(
      'CommitNotFound',
      `${this.url} has no commit ${oid} in the history of ${wants.length === 1 ? 'the branch' : 'its branches'}`,
    );
  }

  async #snapshot(request: FetchRequest, oid: string, base?: GitBase): Promise<Snapshot> {
    const { pack } = await this.#fetch({ ...request, have: base?.commit }, base);
    try {
      return await openSnapshot(base ? new PackOverBase(pack, base) : pack, oid, this.#limits, pack.bytes);
    } catch (error) {
      pack.close();
      throw error;
    }
  }

  async #fetch(request: FetchRequest, base?: GitBase): Promise<{ pack: Pack; shallow: string[] }> {
    const server = await this.#advertisement();
    const { reader } = await this.#command(fetchCommand(server, request), 'the pack');
    try {
      const answer = await readFetchAnswer(reader, server, this.url);
      return { pack: await Pack.receive(answer.pack, this.#limits, this.#signal, base), shallow: answer.shallow };
    } finally {
      await reader.close();
    }
  }

  async #list(prefixes: string[]): Promise<Map<string, RemoteRef>> {
    const server = await this.#advertisement();
    if (server.version !== 2) return server.refs;
    const { reader } = await this.#command(
      lsRefsRequest(server.capabilities, prefixes),
      'the list of references',
      this.#limits.refsBytes,
    );
    const refs = await readRefs(reader, this.url);
    await reader.drain();
    return refs;
  }

  async #command(body: string, what: string, limit?: number): Promise<{ reader: PacketReader }> {
    const { version } = await this.#advertisement();
    const answer = await this.#transport.command(body, version);
    return { reader: new PacketReader(answer, `${what} from ${this.url}`, limit) };
  }

  #advertisement(): Promise<Advertisement> {
    this.#server ??= this.#discover();
    return this.#server;
  }

  async #discover(): Promise<Advertisement> {
    const answer = await this.#transport.discover();
    const reader = new PacketReader(answer, `the list of references from ${this.url}`, this.#limits.refsBytes);
    const server = await readAdvertisement(reader, this.url);
    checkObjectFormat(server.capabilities, this.url);
    await reader.drain();
    return server;
  }

  /** Whatever breaks because of the deadline or the caller's signal is told as that. */
  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!this.#signal.aborted) throw error;
      const { reason } = this.#signal;
      if (reason instanceof GitError) throw reason;
      throw new GitError('Canceled', `fetching ${this.url} was canceled`, { cause: reason });
    }
  }
}

function openTransport(address: string, auth: GitAuth, access: TransportAccess): Transport {
  const url = URL.parse(address);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return new HttpTransport(url, auth, access);
  if (url?.protocol === 'ssh:') return new SshTransport(url, auth.ssh, access);
  const scheme = /^[a-z][a-z0-9+.-]*(?=:\/\/)/i.exec(address)?.[0];
  throw new GitError(
    'InvalidUrl',
    scheme
      ? `cannot fetch over ${foreignText(scheme, 20)}: spec.url must begin with https://, http:// or ssh://`
      : 'spec.url is not a URL: write https://host/path',
  );
}
