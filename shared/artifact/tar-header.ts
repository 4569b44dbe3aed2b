/**
 * Headers of POSIX tar (ustar, with pax records for long or non-ASCII paths). Everything that would tell about a machine
 * or a moment is fixed: owner 0, no names of owners, the epoch as time.
 */
export interface TarHeader {
  path: string;
  type: 'file' | 'directory';
  mode: number;
  size: number;
}

export const tarBlock = 512;

/** The header, with the pax header before it where the path needs one. */
export function tarHeader(header: TarHeader): Buffer {
  const path = header.type === 'directory' ? `${header.path}/` : header.path;
  const split = splitPath(path);
  const large = header.size > 0o77777777777;
  if (split && !large)
    return block(split.prefix, split.name, header.mode, header.size, header.type === 'directory' ? '5' : '0');
  const records = Buffer.concat([paxRecord('path', path), ...(large ? [paxRecord('size', String(header.size))] : [])]);
  const plain = asciiTail(path);
  return Buffer.concat([
    block('', 'PaxHeaders/path', 0o600, records.length, 'x'),
    records,
    padding(records.length),
    block('', plain, header.mode, large ? 0 : header.size, header.type === 'directory' ? '5' : '0'),
  ]);
}

/** Zeros up to the next block. */
export function padding(size: number): Buffer {
  return Buffer.alloc((tarBlock - (size % tarBlock)) % tarBlock);
}

/** Fits an ASCII path into name (100 bytes) and prefix (155), cut at a slash; undefined when it does not fit. */
function splitPath(path: string): { prefix: string; name: string } | undefined {
  if (!/^[\x20-\x7e]*$/.test(path)) return undefined;
  if (path.length <= 100) return { prefix: '', name: path };
  // The slash at the end of a directory belongs to its name.
  const cut = path.indexOf('/', path.length - 101);
  if (cut < 0 || cut > 155 || cut >= path.length - 1) return undefined;
  return { prefix: path.slice(0, cut), name: path.slice(cut + 1) };
}

/** What a reader shows that knows no pax: something harmless. */
function asciiTail(path: string): string {
  return path
    .replace(/[^\x21-\x7e]/g, '_')
    .slice(-100)
    .replace(/^\/+/, '');
}

function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

function block(prefix: string, name: string, mode: number, size: number, type: string): Buffer {
  const header = Buffer.alloc(tarBlock);
  header.write(name, 0, 100, 'latin1');
  header.write(octal(mode, 8), 100, 'latin1');
  header.write(octal(0, 8), 108, 'latin1');
  header.write(octal(0, 8), 116, 'latin1');
  header.write(octal(size, 12), 124, 'latin1');
  header.write(octal(0, 12), 136, 'latin1');
  header.write('        ', 148, 'latin1');
  header.write(type, 156, 'latin1');
  header.write('ustar\u000000', 257, 'latin1');
  header.write(octal(0, 8), 329, 'latin1');
  header.write(octal(0, 8), 337, 'latin1');
  header.write(prefix, 345, 155, 'latin1');
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`;
}
