import { createPrivateKey, type KeyObject, randomBytes } from 'node:crypto';
import type { ParsedKey } from 'ssh2';
import type { SshAuth } from './auth.ts';
import { GitError } from './errors.ts';

const opensshKey = /-----BEGIN OPENSSH PRIVATE KEY-----([\sA-Za-z0-9+/=]+)-----END OPENSSH PRIVATE KEY-----/;
const pemKey = /-----BEGIN ((?:RSA |EC |DSA |ENCRYPTED )?PRIVATE KEY)-----[\s\S]+-----END \1-----/;
const magic = 'openssh-key-v1\0';

/** Whether a private key can only be read with a passphrase. */
export function isEncrypted(identity: string): boolean {
  const body = opensshKey.exec(identity)?.[1];
  if (body === undefined)
    return /^Proc-Type: 4,ENCRYPTED/m.test(identity) || identity.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----');
  const bytes = Buffer.from(body, 'base64');
  if (bytes.toString('latin1', 0, magic.length) !== magic || bytes.length < magic.length + 4) return false;
  const length = bytes.readUInt32BE(magic.length);
  return bytes.toString('latin1', magic.length + 4, magic.length + 4 + length) !== 'none';
}

/**
 * The key that signs in: ed25519, ecdsa (P-256, P-384, P-521) or rsa, in OpenSSH's form, PKCS#1, SEC1 or PKCS#8. Throws
 * GitError InvalidIdentity, which never quotes the key.
 */
export async function readIdentity({ identity, passphrase }: SshAuth): Promise<ParsedKey> {
  const text = identity.trim().replace(/\r\n?/g, '\n');
  if (/^(ssh-|ecdsa-|sk-)\S+ AAAA/.test(text))
    throw unreadable("it is a public key; 'identity' is for the private one");
  if (isEncrypted(text) && !passphrase)
    throw unreadable("it is encrypted: give its passphrase as 'password' in the Secret");
  const { utils } = (await import('ssh2')).default;
  const openssh = opensshKey.test(text) ? `${text}\n` : toOpenSsh(text, passphrase);
  const parsed = utils.parseKey(openssh, passphrase);
  if (parsed instanceof Error) throw unreadable(whyNot(parsed, passphrase), parsed);
  // A file of several keys is given as a list.
  const key = Array.isArray(parsed) ? (parsed as ParsedKey[])[0] : parsed;
  if (!key?.isPrivateKey()) throw unreadable('it holds no private key');
  if (key.type === 'ssh-dss')
    throw unreadable('it is a DSA key, which servers refuse: make one with ssh-keygen -t ed25519');
  return key;
}

function whyNot(error: Error, passphrase: string | undefined): string {
  if (passphrase && /passphrase|integrity|decrypt/i.test(error.message))
    return "'password' in the Secret is not its passphrase, or it is damaged";
  if (/unsupported|unknown/i.test(error.message)) return 'it is of a type or cipher that is not supported';
  return 'it is damaged, or not a private key in the form of OpenSSH or PEM';
}

function unreadable(why: string, cause?: unknown): GitError {
  return new GitError('InvalidIdentity', `the SSH key 'identity' in the Secret cannot be used: ${why}`, { cause });
}

/** PEM of the kinds that the SSH library does not read itself, as what it does. */
function toOpenSsh(text: string, passphrase: string | undefined): string {
  if (!pemKey.test(text)) throw unreadable('it is not a private key in the form of OpenSSH or PEM');
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: `${text}\n`, ...(passphrase ? { passphrase } : {}) });
  } catch (cause) {
    const why = passphrase
      ? "it is damaged, or 'password' in the Secret is not its passphrase"
      : 'it is damaged, or not a private key in the form of OpenSSH or PEM';
    throw unreadable(why, cause);
  }
  if (key.asymmetricKeyType === 'rsa') return key.export({ format: 'pem', type: 'pkcs1' }).toString();
  if (key.asymmetricKeyType === 'ec') return key.export({ format: 'pem', type: 'sec1' }).toString();
  if (key.asymmetricKeyType === 'ed25519') return ed25519(key);
  throw unreadable(`it is of type ${key.asymmetricKeyType}; use ed25519, ecdsa or rsa`);
}

/** An ed25519 key in OpenSSH's form (PROTOCOL.key of OpenSSH), without encryption. */
function ed25519(key: KeyObject): string {
  const { x = '', d = '' } = key.export({ format: 'jwk' });
  const publicKey = Buffer.from(x, 'base64url');
  const secret = Buffer.concat([Buffer.from(d, 'base64url'), publicKey]);
  const wire = Buffer.concat([field('ssh-ed25519'), field(publicKey)]);
  const check = randomBytes(4);
  const inner = Buffer.concat([check, check, wire, field(secret), field('')]);
  const padding = Buffer.from(Array.from({ length: (8 - (inner.length % 8)) % 8 }, (_, index) => index + 1));
  const one = Buffer.from([0, 0, 0, 1]);
  const parts = [Buffer.from(magic), field('none'), field('none'), field(''), one, field(wire)];
  const body = Buffer.concat([...parts, field(Buffer.concat([inner, padding]))]).toString('base64');
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${body.replace(/(.{70})/g, '$1\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

function field(value: Buffer | string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
