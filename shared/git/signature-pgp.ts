import type { Key } from 'openpgp';
import { SignatureError } from './signature-error.ts';

/** Signatures over documents; all other types sign something else, or nothing. */
const binary = 0;
const text = 1;

/**
 * Verifies an armored detached OpenPGP signature by the armored key rings. Answers the id of the primary key whose key, or
 * subkey, made it. As in Flux, the key must be valid now: who lets a key expire, or revokes it, takes back what it signed.
 * Throws SignatureError. The library (a megabyte) is loaded when it is first needed.
 */
export async function verifyPgp(signature: string, payload: Buffer, keyRings: string[]): Promise<string> {
  const openpgp = await import('openpgp');
  const { keys, unreadable } = await readKeyRings(openpgp, keyRings);
  if (keys.length === 0)
    throw new SignatureError(`unable to read armored key ring: ${unreadable[0] ?? 'no key in it'}`);
  let parsed: Awaited<ReturnType<typeof openpgp.readSignature>>;
  try {
    parsed = await openpgp.readSignature({ armoredSignature: signature });
  } catch (cause) {
    throw new SignatureError(`the PGP signature cannot be read: ${reasonOf(cause)}`);
  }
  if (parsed.packets.some(packet => packet.signatureType !== binary && packet.signatureType !== text))
    throw new SignatureError('the PGP signature is not one over a document');
  const message = await openpgp.createMessage({ binary: payload });
  // A key that was renewed says so by a newer signature of itself, in place of the one from before it signed this.
  const config = { allowInsecureVerificationWithReformattedKeys: true };
  const results = await openpgp.verify({
    message,
    signature: parsed,
    verificationKeys: keys,
    format: 'binary',
    config,
  });
  const problems: string[] = [];
  for (const { verified, keyID } of results.signatures) {
    const owner = keys.find(key => key.getKeys(keyID).length > 0);
    if (!owner) {
      problems.push(`it was made with key ${nameOf(keyID)}, which none of them holds`);
      continue;
    }
    try {
      await verified;
      await owner.getSigningKey(keyID, new Date());
      return nameOf(owner.getKeyID());
    } catch (cause) {
      problems.push(`key ${nameOf(owner.getKeyID())}: ${reasonOf(cause)}`);
    }
  }
  const why = problems.length > 0 ? ` (${problems.join('; ')})` : '';
  throw new SignatureError(`unable to verify payload with any of the given key rings: no matching key${why}`);
}

/** The keys of all rings. One that cannot be read does not keep the others from being used. */
async function readKeyRings(
  openpgp: typeof import('openpgp'),
  keyRings: string[],
): Promise<{ keys: Key[]; unreadable: string[] }> {
  const keys: Key[] = [];
  const unreadable: string[] = [];
  for (const ring of keyRings) {
    // A file may hold several armored blocks, one after another.
    const blocks = ring.match(/-----BEGIN PGP [^-]+-----[\s\S]*?-----END PGP [^-]+-----/g) ?? [];
    if (blocks.length === 0) unreadable.push('no armored data found');
    for (const armoredKeys of blocks) {
      try {
        keys.push(...(await openpgp.readKeys({ armoredKeys })));
      } catch (error) {
        unreadable.push(reasonOf(error));
      }
    }
  }
  return { keys, unreadable };
}

function nameOf(keyId: { toHex(): string }): string {
  return keyId.toHex().toUpperCase();
}

/** What the library says; it speaks of keys and packets, never of secrets. */
function reasonOf(error: unknown): string {
  // For these curves alone the library wants another one, which is not there.
  if (error instanceof Error && error.message.includes('eckey-utils')) return 'Brainpool curves are not supported';
  return (error instanceof Error ? error.message : String(error)).replace(/^Error [^:]{1,60}: /, '').slice(0, 200);
}
