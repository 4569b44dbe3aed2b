import { GitError } from './errors.ts';
import { SignatureError } from './signature-error.ts';
import { verifyPgp } from './signature-pgp.ts';
import { verifySsh } from './signature-ssh.ts';

export { SignatureError } from './signature-error.ts';

/** What signatures are made with, as Flux names it in messages. */
export type SignatureType = 'openpgp' | 'ssh' | 'x509' | 'empty' | 'unknown';

/** A signature and the bytes it was made over. */
export interface Signed {
  /** Armored, as the object holds it; empty when the object is not signed. */
  signature: string;
  /** The object without its signature, byte for byte. */
  payload: Buffer;
}

/** Public keys of those who are trusted. */
export interface TrustedKeys {
  /** Armored OpenPGP key rings. */
  pgp: string[];
  /** Texts in the format of authorized_keys. */
  ssh: string[];
}

const armors: [SignatureType, string][] = [
  ['openpgp', '-----BEGIN PGP SIGNATURE-----'],
  ['ssh', '-----BEGIN SSH SIGNATURE-----'],
  ['x509', '-----BEGIN SIGNED MESSAGE-----'],
];

export function signatureType(signature: string): SignatureType {
  const text = signature.trim();
  if (text === '') return 'empty';
  return armors.find(([, armor]) => text.startsWith(armor))?.[0] ?? 'unknown';
}

/**
 * Verifies the signature of an object. Answers who made it: the id of the PGP key, or the fingerprint of the SSH key.
 * Throws SignatureError.
 */
export async function verifySignature({ signature, payload }: Signed, keys: TrustedKeys): Promise<string> {
  const type = signatureType(signature);
  if (type === 'openpgp') {
    if (keys.pgp.length === 0)
      throw new SignatureError('PGP signature detected but no PGP public keys found in secret (keys with .asc suffix)');
    return verifyPgp(signature.trim(), payload, keys.pgp);
  }
  if (type === 'ssh') {
    if (keys.ssh.length === 0)
      throw new SignatureError(
        'SSH signature detected but no SSH public keys found in secret (keys with .sshpub suffix)',
      );
    return verifySsh(signature.trim(), payload, keys.ssh);
  }
  throw new SignatureError(
    type === 'empty' ? 'unsupported signature type: empty (it is not signed)' : `unsupported signature type: ${type}`,
  );
}

/** Headers that hold a signature: of this repository's hash, and of the other one. Neither was there when it was signed. */
const signatureHeader = /^gpgsig(-sha256)? /;

/**
 * Takes a commit apart into its `gpgsig` header and the rest, as Git does before it verifies. Throws GitError Corrupt for
 * a commit with several: which of them somebody looked at would be anyone's guess.
 */
export function signedCommit(raw: Buffer): Signed {
  const { signatures, payload } = withoutSignatureHeaders(raw);
  if (signatures.length > 1) throw new GitError('Corrupt', 'the commit holds more than one gpgsig header');
  return { signature: signatures[0] ?? '', payload };
}

/**
 * Takes an annotated tag apart into its message and the signature at the end of it. As with Git, the last line that
 * begins an armor begins the signature.
 */
export function signedTag(raw: Buffer): Signed {
  const text = raw.toString('latin1');
  let start = -1;
  // PGP MESSAGE is how very old tags begin theirs; it is told apart as unknown later.
  for (const match of text.matchAll(/^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SSH SIGNATURE|SIGNED MESSAGE)-----/gm))
    start = match.index;
  if (start < 0) return { signature: '', payload: withoutSignatureHeaders(raw).payload };
  return {
    signature: raw.toString('utf8', start),
    payload: withoutSignatureHeaders(raw.subarray(0, start)).payload,
  };
}

function withoutSignatureHeaders(raw: Buffer): { signatures: string[]; payload: Buffer } {
  const kept: Buffer[] = [];
  const signatures: string[] = [];
  let dropping: 'signature' | 'other' | undefined;
  let position = 0;
  while (position < raw.length) {
    const newline = raw.indexOf(0x0a, position);
    const end = newline < 0 ? raw.length : newline + 1;
    // An empty line ends the headers.
    if (newline === position) break;
    const line = raw.subarray(position, end);
    position = end;
    if (dropping && line[0] === 0x20) {
      if (dropping === 'signature') signatures.push(`${signatures.pop() ?? ''}${line.toString('utf8', 1)}`);
      continue;
    }
    const header = signatureHeader.exec(line.toString('latin1', 0, 16));
    dropping = header ? (header[1] ? 'other' : 'signature') : undefined;
    if (dropping === 'signature') signatures.push(line.toString('utf8', header![0].length));
    else if (!dropping) kept.push(line);
  }
  return { signatures, payload: Buffer.concat([...kept, raw.subarray(position)]) };
}
