import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { HttpClient } from '../../../network/http.ts';
import type { Descriptor } from '../../descriptor.ts';
import { type SecretFile, SignatureError, verifyOciSignature } from '../verify.ts';
import { MemoryRegistry } from './memory-registry.ts';

export interface StatementOptions {
  level?: string;
  override?: Record<string, string>;
  stores?: string[];
  identities?: string[];
  scopes?: string[];
  verifyTimestamp?: string;
}

/** A trust policy with one statement. */
export function policy(options: StatementOptions = {}): SecretFile {
  const { level = 'strict', override, verifyTimestamp } = options;
  const statement = {
    name: 'apps',
    registryScopes: options.scopes ?? ['*'],
    signatureVerification: {
      level,
      ...(override ? { override } : {}),
      ...(verifyTimestamp ? { verifyTimestamp } : {}),
    },
    trustStores: options.stores ?? ['ca:apps'],
    trustedIdentities: options.identities ?? ['*'],
  };
  return policyOf({ version: '1.0', trustPolicies: [statement] });
}

export function policyOf(document: unknown): SecretFile {
  return { name: 'trustpolicy.json', bytes: Buffer.from(JSON.stringify(document)) };
}

export function certificateFile(der: Buffer, name = 'ca.crt'): SecretFile {
  return { name, bytes: Buffer.from(new X509Certificate(der).toString()) };
}

export interface NotationAsk {
  keys?: SecretFile[] | undefined;
  /** Epoch ms; the machine's when absent. */
  now?: number;
}

/** What verifying an artifact comes to, once `sign` has signed it or failed to: who signed, or the error. */
export async function attemptNotation(
  sign: (registry: MemoryRegistry, artifact: Descriptor) => void | Promise<void>,
  { keys, now }: NotationAsk,
): Promise<string> {
  const registry = new MemoryRegistry();
  const descriptor = registry.artifact('the artifact', '6.5.4');
  await sign(registry, descriptor);
  const http = new HttpClient();
  try {
    const { result, message } = await verifyOciSignature({
      registry,
      descriptor,
      reference: `${registry.name}@${descriptor.digest}`,
      provider: 'notation',
      ...(keys ? { keys, keysFrom: 'apps/notation' } : {}),
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
