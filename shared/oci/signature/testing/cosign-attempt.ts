import assert from 'node:assert/strict';
import type { KeyObject } from 'node:crypto';
import { HttpClient } from '../../../network/http.ts';
import type { Descriptor } from '../../descriptor.ts';
import { type OidcIdentity, type SecretFile, SignatureError, verifyOciSignature } from '../verify.ts';
import { MemoryRegistry } from './memory-registry.ts';
import { publicPem } from './sigstore.ts';

/** What an object trusts: keys, or else identities under a root. */
export interface Ask {
  keys?: SecretFile[];
  identities?: OidcIdentity[];
  trustedRoot?: Buffer;
}

export type Sign = (registry: MemoryRegistry, artifact: Descriptor) => void | Promise<void>;

export const pub = (name: string, key: KeyObject): SecretFile => ({ name, bytes: Buffer.from(publicPem(key)) });

/** What verifying an artifact comes to, once `sign` has signed it or failed to: who signed, or the error. */
export async function attempt(sign: Sign, { keys, identities, trustedRoot }: Ask): Promise<string> {
  const registry = new MemoryRegistry();
  const descriptor = registry.artifact('the artifact', '6.5.4');
  await sign(registry, descriptor);
  const http = new HttpClient();
  try {
    const { result, message } = await verifyOciSignature({
      registry,
      descriptor,
      reference: `${registry.name}@${descriptor.digest}`,
      provider: 'cosign',
      ...(keys ? { keys, keysFrom: 'apps/cosign' } : {}),
      trustedRoot,
      matchOIDCIdentity: identities,
      http,
      clock: { now: () => Date.now() },
    });
    return `${result}: ${message}`;
  } catch (error) {
    assert.ok(error instanceof SignatureError, String(error));
    return `${error.code}: ${error.message}`;
  } finally {
    http.close();
  }
}
