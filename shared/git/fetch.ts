import { foreignText, GitError } from './errors.ts';
import { flushPacket, type Packet, type PacketReader, packet, textOf } from './pkt-line.ts';
import { type Advertisement, checkServerError, commandHead } from './refs.ts';

/** What to ask a server for. */
export interface FetchRequest {
  wants: string[];
  /** History to this depth; undefined for all of it. */
  depth?: number;
  /**
   * A commit of which we have the tree: what the server sends leaves that out, and may hold deltas against it. Only with a
   * depth, and a server that knows depths.
   */
  have?: string | undefined;
  /** Commits only, without trees and files, where the server can filter. */
  commitsOnly?: boolean;
}

/** The server's answer, read up to its pack. */
export interface FetchAnswer {
  /** Commits whose parents were left out; empty when the whole history came. */
  shallow: string[];
  pack: AsyncIterable<Buffer>;
}

/** Whether the server leaves trees and files out when asked. */
export function canFilter(server: Advertisement): boolean {
  if (server.version !== 2) return server.capabilities.has('filter');
  return fetchFeatures(server).includes('filter');
}

/** Whether the server sends less than the whole history. */
export function canDeepen(server: Advertisement): boolean {
  if (server.version !== 2) return server.capabilities.has('shallow');
  return fetchFeatures(server).includes('shallow');
}

function fetchFeatures(server: Advertisement): string[] {
  return server.capabilities.get('fetch')?.split(' ') ?? [];
}

/**
 * The command in the words of the server's protocol version. Without `have` no thin pack: every base a delta names must be in
 * the pack. With it, the commit we have is told as a shallow one, since we have nothing that came before; and the pack as
 * thin, without which git does not look at what the trees of that commit have in common with the new one.
 */
export function fetchCommand(server: Advertisement, request: FetchRequest): string {
  const deepen = request.depth !== undefined && canDeepen(server) ? [`deepen ${request.depth}\n`] : [];
  const filter = request.commitsOnly && canFilter(server) ? ['filter tree:0\n'] : [];
  const have = deepen.length > 0 ? request.have : undefined;
  const [shallow, haves] = have === undefined ? [[], []] : [[`shallow ${have}\n`], [`have ${have}\n`]];
  if (server.version === 2) {
    const args = [
      'no-progress\n',
      'ofs-delta\n',
      ...(have === undefined ? [] : ['thin-pack\n']),
      ...shallow,
      ...deepen,
      ...filter,
      ...request.wants.map(oid => `want ${oid}\n`),
      ...haves,
      'done\n',
    ];
    return commandHead('fetch', server.capabilities) + args.map(packet).join('') + flushPacket;
  }
  const thin = have === undefined ? [] : ['thin-pack', 'shallow'];
  const wanted = ['ofs-delta', 'side-band-64k', 'no-progress', ...thin, ...(filter.length > 0 ? ['filter'] : [])];
  const offered = wanted.filter(name => server.capabilities.has(name));
  if (!offered.includes('side-band-64k') && server.capabilities.has('side-band')) offered.push('side-band');
  if (server.capabilities.has('agent')) offered.push('agent=git/sluice');
  const wants = request.wants.map((oid, index) => `want ${oid}${index === 0 ? ` ${offered.join(' ')}` : ''}\n`);
  const asked = [...wants, ...shallow, ...deepen, ...filter];
  return asked.map(packet).join('') + flushPacket + [...haves, 'done\n'].map(packet).join('');
}

/**
 * A question: does the history of `tip` hold `commit`? A protocol 2 server that is told "I have this commit" answers
 * `ready` when everything wanted descends from it. The pack that would follow is not read. (`wait-for-done` would hold it
 * back, and the `ready` with it.)
 */
export function ancestryCommand(server: Advertisement, tip: string, commit: string): string {
  const args = ['no-progress\n', 'ofs-delta\n', `want ${tip}\n`, `have ${commit}\n`];
  return commandHead('fetch', server.capabilities) + args.map(packet).join('') + flushPacket;
}

/** Reads the answer to {@link ancestryCommand}. False also means "the server does not say". */
export async function readAncestry(reader: PacketReader, where: string): Promise<boolean> {
  const head = await reader.read();
  if (!Buffer.isBuffer(head)) return false;
  checkServerError(textOf(head), where);
  if (textOf(head) !== 'acknowledgments') return false;
  for (;;) {
    const line = await reader.read();
    if (!Buffer.isBuffer(line)) return false;
    if (textOf(line) === 'ready') return true;
  }
}

/** Reads an answer up to its pack. */
export async function readFetchAnswer(
  reader: PacketReader,
  server: Advertisement,
  where: string,
): Promise<FetchAnswer> {
  if (server.version === 2) return readSections(reader, where);
  const shallow: string[] = [];
  for (;;) {
    const line = expectLine(await reader.read(), where);
    if (line === undefined) continue; // the flush that ends the shallow commits
    const text = textOf(line);
    checkServerError(text, where);
    if (text.startsWith('shallow ')) shallow.push(text.slice(8));
    if (text === 'NAK' || text.startsWith('ACK ')) break;
  }
  const banded = server.capabilities.has('side-band-64k') || server.capabilities.has('side-band');
  return { shallow, pack: banded ? unband(reader, where) : reader.rest() };
}

async function readSections(reader: PacketReader, where: string): Promise<FetchAnswer> {
  const shallow: string[] = [];
  let section = '';
  for (;;) {
    const packetRead = await reader.read();
    if (packetRead === 'delimiter') {
      section = '';
      continue;
    }
    const line = expectLine(packetRead, where);
    if (line === undefined) throw new GitError('Corrupt', `${where} ended its answer before the pack`);
    const text = textOf(line);
    checkServerError(text, where);
    if (section === '') section = text;
    else if (section === 'shallow-info' && text.startsWith('shallow ')) shallow.push(text.slice(8));
    if (section === 'packfile') return { shallow, pack: unband(reader, where) };
  }
}

function expectLine(packetRead: Packet | undefined, where: string): Buffer | undefined {
  if (packetRead === undefined) throw new GitError('Corrupt', `${where} closed the connection before it sent the pack`);
  return Buffer.isBuffer(packetRead) ? packetRead : undefined;
}

/** Takes the side bands apart: 1 is the pack, 2 chatter, 3 the server's last words. */
async function* unband(reader: PacketReader, where: string): AsyncGenerator<Buffer> {
  try {
    for (;;) {
      const line = await reader.read();
      if (line === undefined) throw new GitError('Corrupt', `${where} closed the connection in the middle of the pack`);
      if (!Buffer.isBuffer(line)) return await reader.drain();
      const band = line[0];
      if (band === 1) yield line.subarray(1);
      else if (band === 3)
        throw new GitError('ServerError', `${where} failed: ${foreignText(line.toString('utf8', 1))}`);
      else if (band !== 2) {
        checkServerError(textOf(line), where);
        throw new GitError('Corrupt', `${where} sent a packet of unknown kind in place of the pack`);
      }
    }
  } finally {
    await reader.close();
  }
}
