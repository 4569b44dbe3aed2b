import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { SignatureError } from './errors.ts';
import type { SecretFile } from './request.ts';

/** A public key whose signatures are accepted. */
export interface CosignKey {
  /** Of the Secret's file. */
  name: string;
  key: KeyObject;
}

/** As Flux: only files that end so are keys, the others of the Secret are left alone. */
const suffix = '.pub';
const kinds: readonly (string | undefined)[] = ['ec', 'rsa', 'ed25519'];

/** The keys among a Secret's files. Throws SignatureError InvalidConfiguration when there is none, or one that cannot be read. */
export function cosignKeys(files: SecretFile[], from: string): CosignKey[] {
  const keys = files.filter(({ name }) => name.endsWith(suffix)).map(file => keyOf(file, from));
  if (keys.length > 0) return keys;
  throw new SignatureError(
    'InvalidConfiguration',
    `no public keys found in secret '${from}': the names of keys must end in '${suffix}'`,
  );
}

function keyOf({ name, bytes }: SecretFile, from: string): CosignKey {
  const where = `the key '${name}' of secret '${from}'`;
  const pem = bytes.toString('utf8');
  // Node would also derive a public key from a private one, which nobody should keep there.
  if (!/-----BEGIN (?:RSA )?PUBLIC KEY-----/.test(pem))
    throw new SignatureError('InvalidConfiguration', `${where} holds no PEM public key`);
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw new SignatureError('InvalidConfiguration', `${where} holds a PEM public key that cannot be read`, { cause });
  }
  if (kinds.includes(key.asymmetricKeyType)) return { name, key };
  throw new SignatureError(
    'InvalidConfiguration',
    `${where} is of type ${key.asymmetricKeyType ?? 'unknown'}; cosign signs with ECDSA, RSA and Ed25519 keys`,
  );
}

/** Whether `signature` is the key's over `data`, hashed as cosign does: SHA-256, whatever the key's size; Ed25519 hashes itself. */
export function isSignedBy({ key }: CosignKey, data: Buffer, signature: Buffer): boolean {
  try {
    return verify(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', data, key, signature);
  } catch {
    return false;
  }
}
