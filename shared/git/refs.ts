import { foreignText, GitError } from './errors.ts';
import { delimiterPacket, flushPacket, type PacketReader, packet, textOf } from './pkt-line.ts';

/** A reference as the server advertises it. */
export interface RemoteRef {
  /** `refs/heads/main`, `refs/tags/v1.0.0`, `HEAD`, … */
  name: string;
  /** What it points to: a commit, or the tag object of an annotated tag. */
  oid: string;
  /** What an annotated tag leads to at the end. */
  peeled?: string;
  /** The reference that a symbolic one stands for. */
  target?: string;
}

/** What a remote lists. */
export interface RemoteRefs {
  /** By full name. */
  refs: Map<string, RemoteRef>;
  /** True when the repository has no reference at all. */
  empty: boolean;
}

/** What a server says of itself in its first answer. */
export interface Advertisement {
  version: 0 | 1 | 2;
  /** Version 2: name → value (empty without one). Version 0 and 1: the same, from the first reference's line. */
  capabilities: Map<string, string>;
  /** Versions 0 and 1 list all references at once. */
  refs: Map<string, RemoteRef>;
}

const oidPattern = /^[0-9a-f]{40}$/;
const zeroOid = '0'.repeat(40);

/** Whether `text` is a full SHA-1 object id. */
export function isOid(text: string): boolean {
  return oidPattern.test(text);
}

/** Reads the answer to `GET info/refs`. `where` names the repository in errors. */
export async function readAdvertisement(reader: PacketReader, where: string): Promise<Advertisement> {
  let first = await reader.read();
  if (Buffer.isBuffer(first) && textOf(first).startsWith('# service=')) {
    first = await reader.read();
    if (first === 'flush') first = await reader.read();
  }
  const text = Buffer.isBuffer(first) ? textOf(first) : '';
  checkServerError(text, where);
  if (text === 'version 2') return { version: 2, capabilities: await readCapabilities(reader), refs: new Map() };
  if (text === 'version 1') return readReferenceLines(reader, await reader.read(), 1, where);
  return readReferenceLines(reader, first, 0, where);
}

async function readCapabilities(reader: PacketReader): Promise<Map<string, string>> {
  const capabilities = new Map<string, string>();
  for (;;) {
    const line = await reader.read();
    if (!Buffer.isBuffer(line)) return capabilities;
    addCapability(capabilities, textOf(line));
  }
}

function addCapability(capabilities: Map<string, string>, text: string): void {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  const value = equals < 0 ? '' : text.slice(equals + 1);
  // symref comes once per symbolic reference.
  const before = name === 'symref' ? capabilities.get(name) : undefined;
  capabilities.set(name, before ? `${before} ${value}` : value);
}

async function readReferenceLines(
  reader: PacketReader,
  first: Awaited<ReturnType<PacketReader['read']>>,
  version: 0 | 1,
  where: string,
): Promise<Advertisement> {
  const answer: Advertisement = { version, capabilities: new Map(), refs: new Map() };
  let line = first;
  for (; Buffer.isBuffer(line); line = await reader.read()) {
    let text = textOf(line);
    checkServerError(text, where);
    const nul = text.indexOf('\0');
    if (nul >= 0) {
      for (const capability of text.slice(nul + 1).split(' '))
        if (capability) addCapability(answer.capabilities, capability);
      text = text.slice(0, nul);
      checkObjectFormat(answer.capabilities, where);
    }
    if (text.startsWith('shallow ')) continue;
    const [oid, name] = splitOnce(text);
    if (/^[0-9a-f]{64}$/.test(oid)) throw sha256(where);
    if (!isOid(oid) || !name)
      throw new GitError('NotGit', `${where} is not a Git server: its answer lists no references`);
    if (oid === zeroOid) continue;
    if (name.endsWith('^{}')) {
      const ref = answer.refs.get(name.slice(0, -3));
      if (ref) ref.peeled = oid;
    } else answer.refs.set(name, { name, oid });
  }
  if (line === undefined)
    throw new GitError('Corrupt', `the list of references of ${where} ended early; the connection may have broken`);
  for (const pair of answer.capabilities.get('symref')?.split(' ') ?? []) {
    const [name = '', target] = pair.split(':');
    const ref = answer.refs.get(name);
    if (ref && target) ref.target = target;
  }
  return answer;
}

/** The `ls-refs` command of protocol 2, limited on the server to names that begin with one of `prefixes`. */
export function lsRefsRequest(capabilities: Map<string, string>, prefixes: string[]): string {
  const args = ['peel\n', 'symrefs\n', ...prefixes.map(prefix => `ref-prefix ${prefix}\n`)];
  return commandHead('ls-refs', capabilities) + args.map(packet).join('') + flushPacket;
}

/** The opening of a protocol 2 command, up to and with the delimiter. */
export function commandHead(command: string, capabilities: Map<string, string>): string {
  const format = capabilities.has('object-format') ? packet('object-format=sha1') : '';
  const agent = capabilities.has('agent') ? packet('agent=git/sluice') : '';
  return packet(`command=${command}\n`) + agent + format + delimiterPacket;
}

/** Reads the answer to {@link lsRefsRequest}. */
export async function readRefs(reader: PacketReader, where: string): Promise<Map<string, RemoteRef>> {
  const refs = new Map<string, RemoteRef>();
  for (;;) {
    const line = await reader.read();
    if (line === undefined)
      throw new GitError('Corrupt', `the list of references of ${where} ended early; the connection may have broken`);
    if (!Buffer.isBuffer(line)) return refs;
    const text = textOf(line);
    checkServerError(text, where);
    const [oid = '', name = '', ...attributes] = text.split(' ');
    if (oid === 'unborn') continue;
    if (!isOid(oid) || !name)
      throw new GitError('NotGit', `${where} sent a reference that cannot be read: ${foreignText(text, 80)}`);
    const ref: RemoteRef = { name, oid };
    for (const attribute of attributes) {
      if (attribute.startsWith('peeled:') && isOid(attribute.slice(7))) ref.peeled = attribute.slice(7);
      if (attribute.startsWith('symref-target:')) ref.target = attribute.slice(14);
    }
    refs.set(name, ref);
  }
}

/** Throws what a server reports in an `ERR` packet. */
export function checkServerError(text: string, where: string): void {
  if (!text.startsWith('ERR ')) return;
  throw new GitError('ServerError', `${where} answered: ${foreignText(text.slice(4))}`);
}

/** Refuses repositories whose objects are named by SHA-256. */
export function checkObjectFormat(capabilities: Map<string, string>, where: string): void {
  const format = capabilities.get('object-format');
  if (format && format !== 'sha1') throw sha256(where);
}

function sha256(where: string): GitError {
  return new GitError(
    'Unsupported',
    `${where} names its objects by SHA-256, which is not supported; use a SHA-1 repository`,
  );
}

function splitOnce(text: string): [string, string] {
  const space = text.indexOf(' ');
  return space < 0 ? [text, ''] : [text.slice(0, space), text.slice(space + 1)];
}
