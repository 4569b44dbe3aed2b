import { X509Certificate } from 'node:crypto';
import type { SecretFile } from '../request.ts';
import { attemptVerification, type Sign } from './attempt.ts';

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
export function attemptNotation(sign: Sign, { keys, now }: NotationAsk): Promise<string> {
  return attemptVerification(sign, { provider: 'notation', keys }, now);
}
