import assert from 'node:assert/strict';
import { HttpClient } from '../../../network/http.ts';
import type { Descriptor } from '../../descriptor.ts';
import { SignatureError, type SignatureRequest, verifyOciSignature } from '../verify.ts';
import { MemoryRegistry } from './memory-registry.ts';

/** Signs an artifact of the registry, or fails to as a test wants it. */
export type Sign = (registry: MemoryRegistry, artifact: Descriptor) => void | Promise<void>;

/**
 * What verifying an artifact comes to, once `sign` has signed it or failed to: `result: message`, or `code: message` of the
 * SignatureError. `now`: epoch ms; the machine's clock when absent.
 */
export async function attemptVerification(
  sign: Sign,
  ask: Pick<SignatureRequest, 'provider' | 'keys' | 'matchOIDCIdentity' | 'trustedRoot'>,
  now?: number,
): Promise<string> {
  const registry = new MemoryRegistry();
  const descriptor = registry.artifact('the artifact', '6.5.4');
  await sign(registry, descriptor);
  const http = new HttpClient();
  try {
    const { result, message } = await verifyOciSignature({
      ...ask,
      registry,
      descriptor,
      reference: `${registry.name}@${descriptor.digest}`,
      ...(ask.keys ? { keysFrom: `apps/${ask.provider}` } : {}),
      http,
      clock: { now: () => now ?? Date.now() },
    });
    return `${result}: ${message}`;
  } catch (error) {
    assert.ok(error instanceof SignatureError, String(error));
    return `${error.code}: ${error.message}`;
  } finally {
    http.close();
  }
}
