import type { JsonWebKey } from 'node:crypto';
import { SignatureError } from './signature-error.ts';
import { SshReader } from './signature-ssh-wire.ts';

/** A public key as OpenSSH writes it. */
export interface SshKey {
  type: string;
  /** As it is compared and hashed. */
  blob: Buffer;
  jwk: JsonWebKey;
  /** Of a key in hardware: what it may sign for. */
  application?: string;
}

const curves: Record<string, string> = { nistp256: 'P-256', nistp384: 'P-384', nistp521: 'P-521' };
const minRsaBits = 2048;

/**
 * The keys of a text in the format of authorized_keys: one a line, options before and a comment behind are passed over.
 * Throws SignatureError when a line is no key: silently leaving one out would hide a mistake.
 */
export function parseAuthorizedKeys(text: string): SshKey[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(parseLine);
}

function parseLine(line: string): SshKey {
  const words = wordsOf(line);
  // Options, if any, are one word before the type.
  for (const start of [0, 1]) {
    const [type, encoded] = words.slice(start);
    if (type === undefined || encoded === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) continue;
    const blob = Buffer.from(encoded, 'base64');
    const key = parseBlob(type, blob);
    if (key) return key;
  }
  throw unreadable(
    'a line holds no key of a known type (ssh-ed25519, ecdsa-sha2-nistp256, -384 or -521, ssh-rsa, or one in hardware)',
  );
}

/** Words between spaces; a quoted part of an option may hold some. */
function wordsOf(line: string): string[] {
  return line.match(/(?:"(?:\\.|[^"\\])*"|[^\s"])+/g) ?? [];
}

function parseBlob(type: string, blob: Buffer): SshKey | undefined {
  try {
    const reader = new SshReader(blob, 'key');
    if (reader.string().toString('latin1') !== type) return undefined;
    const key = parseKey(type, blob, reader);
    if (key) reader.end();
    return key;
  } catch (error) {
    if (error instanceof SignatureError) throw unreadable(error.message);
    throw error;
  }
}

function parseKey(type: string, blob: Buffer, reader: SshReader): SshKey | undefined {
  if (type === 'ssh-ed25519') return { type, blob, jwk: ed25519(reader) };
  if (type === 'ssh-rsa') return { type, blob, jwk: rsa(reader) };
  if (/^ecdsa-sha2-nistp(256|384|521)$/.test(type)) return { type, blob, jwk: ecdsa(reader) };
  if (type === 'sk-ssh-ed25519@openssh.com')
    return { type, blob, jwk: ed25519(reader), application: reader.string().toString('utf8') };
  if (type === 'sk-ecdsa-sha2-nistp256@openssh.com')
    return { type, blob, jwk: ecdsa(reader), application: reader.string().toString('utf8') };
  return undefined;
}

function ed25519(reader: SshReader): JsonWebKey {
  const x = reader.string();
  if (x.length !== 32) throw unreadable('an ed25519 key has not 32 bytes');
  return { kty: 'OKP', crv: 'Ed25519', x: x.toString('base64url') };
}

function ecdsa(reader: SshReader): JsonWebKey {
  const crv = curves[reader.string().toString('latin1')];
  const point = reader.string();
  const size = (point.length - 1) / 2;
  // Uncompressed, as OpenSSH writes them all.
  if (!crv || point[0] !== 4 || !Number.isInteger(size)) throw unreadable('an ecdsa key is malformed');
  const x = point.subarray(1, 1 + size).toString('base64url');
  return { kty: 'EC', crv, x, y: point.subarray(1 + size).toString('base64url') };
}

function rsa(reader: SshReader): JsonWebKey {
  const e = reader.number();
  const n = reader.number();
  if (n.length * 8 < minRsaBits) throw unreadable(`an RSA key has fewer than ${minRsaBits} bits`);
  return { kty: 'RSA', e: e.toString('base64url'), n: n.toString('base64url') };
}

function unreadable(why: string): SignatureError {
  return new SignatureError(`unable to parse authorized keys: ${why}`);
}
