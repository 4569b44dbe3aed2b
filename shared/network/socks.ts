import { once } from 'node:events';
import net, { type Socket } from 'node:net';

/** What a SOCKS5 proxy says when it does not connect us (RFC 1928, 6). */
const refusals: Record<number, string> = {
  1: 'it failed',
  2: 'its rules do not allow it',
  3: 'the network is unreachable',
  4: 'the host is unreachable',
  5: 'the connection was refused',
  6: 'it took too many hops',
  7: 'it does not know the command',
  8: 'it does not know that type of address',
};

/** No login, and the login of RFC 1929: a name and a password. */
const [noLogin, nameAndPassword] = [0, 2];

/**
 * Asks the SOCKS5 proxy at the other end of `socket` to connect to a host, whose name it resolves, as with Go's client: it may
 * mean something only where the proxy stands. Then the socket is the connection. Throws an Error with what the proxy said.
 */
export async function askSocks(
  socket: Socket,
  { host, port }: { host: string; port: number },
  { username = '', password = '' }: { username?: string | undefined; password?: string | undefined },
): Promise<void> {
  const methods = username || password ? [noLogin, nameAndPassword] : [noLogin];
  socket.write(Buffer.from([5, methods.length, ...methods]));
  const [version, method = 255] = await readBytes(socket, 2);
  if (version !== 5) throw new Error('it does not speak SOCKS5');
  if (!methods.includes(method))
    throw new Error(methods.length > 1 ? 'it takes no username and password' : 'it asks for a username and password');
  if (method === nameAndPassword) {
    socket.write(Buffer.from([1, ...counted(username), ...counted(password)]));
    const [, status] = await readBytes(socket, 2);
    if (status !== 0) throw new Error('it refuses the username and password');
  }
  socket.write(Buffer.from([5, 1, 0, ...addressOf(host), port >> 8, port & 0xff]));
  const [, reply = 1, , type] = await readBytes(socket, 4);
  if (reply !== 0) throw new Error(refusals[reply] ?? `it answers with code ${reply}`);
  // Where it connects from: of no use.
  const length = type === 1 ? 4 : type === 4 ? 16 : (await readBytes(socket, 1))[0]!;
  await readBytes(socket, length + 2);
}

function addressOf(host: string): number[] {
  const family = net.isIP(host);
  if (family === 0) return [3, ...counted(host)];
  if (family === 4) return [1, ...host.split('.').map(Number)];
  // As a URL writes it: without an embedded IPv4 address.
  const groups = new URL(`http://[${host}]`).hostname.slice(1, -1).split('::');
  const [head = [], tail = []] = groups.map(part => (part ? part.split(':') : []));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  const words = [...head, ...(groups.length > 1 ? zeros : []), ...tail].map(word => Number.parseInt(word, 16));
  return [4, ...words.flatMap(word => [word >> 8, word & 0xff])];
}

function counted(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > 255) throw new Error('a host, username or password of more than 255 bytes cannot be told to it');
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

/** Reads so many bytes; what follows them stays in the socket. */
async function readBytes(socket: Socket, count: number): Promise<Buffer> {
  for (;;) {
    const bytes: Buffer | null = socket.read(count);
    if (bytes?.length === count) return bytes;
    if (bytes || socket.readableEnded || socket.destroyed) throw new Error('it closed the connection');
    const ended = new AbortController();
    try {
      await Promise.race(['readable', 'end', 'close'].map(event => once(socket, event, { signal: ended.signal })));
    } finally {
      ended.abort();
    }
  }
}
