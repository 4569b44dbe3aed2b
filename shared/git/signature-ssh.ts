import { createHash, createPublicKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto';
import { SignatureError } from './signature-error.ts';
import { parseAuthorizedKeys, type SshKey } from './signature-ssh-key.ts';
import { SshReader, sshString } from './signature-ssh-wire.ts';
import { fingerprint } from './ssh-known-hosts.ts';

/** What Git signs under: a signature made for another purpose proves nothing here. */
const namespace = 'git';
const magic = Buffer.from('SSHSIG');
const hashes = ['sha256', 'sha512'];

/** A signature as `ssh-keygen -Y sign` makes it (OpenSSH's PROTOCOL.sshsig). */
interface SshSignature {
  /** Blob of the public key that made it. */
  publicKey: Buffer;
  namespace: string;
  hash: string;
  reserved: Buffer;
  /** Algorithm and signature. */
  signature: Buffer;
}

/**
 * Verifies an armored SSH signature by keys in the format of authorized_keys. Answers the fingerprint of the key
 * (`SHA256:…`). Throws SignatureError.
 */
export function verifySsh(armored: string, payload: Buffer, authorizedKeys: string[]): string {
  const signed = parse(armored);
  const keys: SshKey[] = [];
  let unreadable: string | undefined;
  let read = 0;
  for (const text of authorizedKeys) {
    // As in Flux, a text with a line that is no key is not used at all, unless it is the only one: then it is told.
    try {
      keys.push(...parseAuthorizedKeys(text));
      read++;
    } catch (error) {
      if (!(error instanceof SignatureError)) throw error;
      unreadable ??= error.message;
    }
  }
  if (read === 0 && unreadable !== undefined) throw new SignatureError(unreadable);
  const key = keys.find(
    ({ blob }) => blob.length === signed.publicKey.length && timingSafeEqual(blob, signed.publicKey),
  );
  if (!key) throw noMatch(`it was made with key ${fingerprint(signed.publicKey)}, which none of them holds`);
  if (signed.namespace !== namespace)
    throw noMatch(`it was made for the namespace "${signed.namespace.slice(0, 40)}", not for "${namespace}"`);
  const digest = createHash(signed.hash).update(payload).digest();
  const message = Buffer.concat([
    magic,
    sshString(signed.namespace),
    sshString(signed.reserved),
    sshString(signed.hash),
    sshString(digest),
  ]);
  if (!holds(key, message, signed.signature)) throw noMatch('it is not one over this content');
  return fingerprint(key.blob);
}

function noMatch(why: string): SignatureError {
  return new SignatureError(`unable to verify payload with any of the given authorized keys: no matching key (${why})`);
}

function parse(armored: string): SshSignature {
  const body = /^-----BEGIN SSH SIGNATURE-----\s([A-Za-z0-9+/=\s]+)-----END SSH SIGNATURE-----/.exec(armored)?.[1];
  if (body === undefined) throw new SignatureError('unable to unarmor SSH signature: it is cut off or damaged');
  const reader = new SshReader(Buffer.from(body, 'base64'), 'SSH signature');
  if (!reader.bytes(magic.length).equals(magic)) throw new SignatureError('the SSH signature is none of ssh-keygen');
  const version = reader.uint32();
  if (version !== 1) throw new SignatureError(`the SSH signature has version ${version}; 1 is known`);
  const signed = {
    publicKey: reader.string(),
    namespace: reader.string().toString('utf8'),
    reserved: reader.string(),
    hash: reader.string().toString('latin1'),
    signature: reader.string(),
  };
  reader.end();
  if (!hashes.includes(signed.hash))
    throw new SignatureError(`the SSH signature is over a hash that is not known: ${signed.hash.slice(0, 20)}`);
  return signed;
}

/** Whether the signature is this key's over the message. SHA-1 (`ssh-rsa`) is none of the algorithms, as in OpenSSH. */
function holds(key: SshKey, message: Buffer, blob: Buffer): boolean {
  const reader = new SshReader(blob, 'SSH signature');
  const algorithm = reader.string().toString('latin1');
  const signature = reader.string();
  if (key.type === 'ssh-rsa') {
    reader.end();
    const hash = { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' }[algorithm];
    return hash !== undefined && verify(hash, message, publicKey(key), signature);
  }
  if (algorithm !== key.type) return false;
  if (key.type === 'ssh-ed25519') {
    reader.end();
    return verify(null, message, publicKey(key), signature);
  }
  if (key.type.startsWith('ecdsa-sha2-')) {
    reader.end();
    return verifyEcdsa(key, message, signature);
  }
  // Keys in hardware sign what they were told along with how they were asked.
  const touched = Buffer.concat([reader.bytes(1), reader.bytes(4)]);
  reader.end();
  const sha256 = (data: Buffer) => createHash('sha256').update(data).digest();
  const asked = Buffer.concat([sha256(Buffer.from(key.application ?? '')), touched, sha256(message)]);
  if (key.type === 'sk-ssh-ed25519@openssh.com') return verify(null, asked, publicKey(key), signature);
  return verifyEcdsa(key, asked, signature);
}

function verifyEcdsa(key: SshKey, message: Buffer, signature: Buffer): boolean {
  const size = { P256: 32, P384: 48, P521: 66 }[(key.jwk.crv ?? '').replace('-', '')] ?? 0;
  const hash = { 32: 'sha256', 48: 'sha384', 66: 'sha512' }[size];
  const reader = new SshReader(signature, 'SSH signature');
  const [r, s] = [reader.number(size), reader.number(size)];
  reader.end();
  if (hash === undefined) return false;
  return verify(hash, message, { key: publicKey(key), dsaEncoding: 'ieee-p1363' }, Buffer.concat([r, s]));
}

function publicKey(key: SshKey): KeyObject {
  try {
    return createPublicKey({ key: key.jwk, format: 'jwk' });
  } catch (cause) {
    throw new SignatureError(`unable to parse authorized keys: a key of type ${key.type} is malformed`, { cause });
  }
}
