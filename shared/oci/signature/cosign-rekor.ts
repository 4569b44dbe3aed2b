import { createHash } from 'node:crypto';
import type { TransparencyLogEntry } from '@sigstore/bundle';
import * as z from 'zod';
import type { HttpClient } from '../../network/http.ts';
import { SignatureError } from './errors.ts';

/** Bytes. An entry has some 2 KB. */
const answerLimit = 2 ** 20;

const EntryBody = z.object({ kind: z.string(), apiVersion: z.string() });

/** What Rekor's API says of its entries, by their ids. */
const Entries = z.array(
  z.record(
    z.string(),
    z.object({
      body: z.base64(),
      integratedTime: z.int().min(0),
      logID: z.string().regex(/^[0-9a-f]{64}$/),
      logIndex: z.int().min(0),
      verification: z.object({ signedEntryTimestamp: z.base64() }),
    }),
  ),
);

/** An entry of the log, with the log's promise that it is in it. */
export interface PromisedEntry {
  /** Rekor's JSON, in base64. */
  body: string;
  /** Epoch seconds. */
  integratedTime: number;
  logIndex: number;
  /** Hexadecimal. */
  logID: string;
  /** The log's signature over all of these, in base64. */
  promise: string;
}

/** The same as Sigstore's bundles have it. Throws when its body is none. */
export function logEntry(entry: PromisedEntry): TransparencyLogEntry {
  const canonicalizedBody = Buffer.from(entry.body, 'base64');
  const { kind, apiVersion } = EntryBody.parse(JSON.parse(canonicalizedBody.toString('utf8')));
  return {
    logIndex: String(entry.logIndex),
    logId: { keyId: Buffer.from(entry.logID, 'hex') },
    kindVersion: { kind, version: apiVersion },
    integratedTime: String(entry.integratedTime),
    inclusionPromise: { signedEntryTimestamp: Buffer.from(entry.promise, 'base64') },
    inclusionProof: undefined,
    canonicalizedBody,
  } as TransparencyLogEntry;
}

/** What Rekor is asked for: a signature over `payload` with the certificate's key. */
export interface LoggedSignature {
  payload: Buffer;
  signature: Buffer;
  /** PEM. */
  certificate: string;
}

/**
 * Asks Rekor for the entries of a signature that has none beside it; oldest first, since the first shows best when it was
 * made. Nothing of the answer is verified yet. Throws SignatureError, and what the network throws.
 */
export async function findLogEntries(
  { payload, signature, certificate }: LoggedSignature,
  rekor: string,
  http: HttpClient,
): Promise<TransparencyLogEntry[]> {
  const proposed = {
    apiVersion: '0.0.1',
    kind: 'hashedrekord',
    spec: {
      data: { hash: { algorithm: 'sha256', value: createHash('sha256').update(payload).digest('hex') } },
      signature: {
        content: signature.toString('base64'),
        publicKey: { content: Buffer.from(certificate).toString('base64') },
      },
    },
  };
  const url = `${rekor.replace(/\/$/, '')}/api/v1/log/entries/retrieve`;
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  const body = JSON.stringify({ entries: [proposed] });
  const answer = await http.read({ method: 'POST', url, headers, body }, answerLimit);
  if (answer.status !== 200)
    throw new SignatureError('InvalidSignature', `the transparency log ${rekor} answers ${answer.status}`);
  const parsed = Entries.safeParse(jsonOf(answer.body));
  if (!parsed.success)
    throw new SignatureError('InvalidSignature', `the transparency log ${rekor} answers with what are no entries`);
  return parsed.data
    .flatMap(entries => Object.values(entries))
    .sort((a, b) => a.integratedTime - b.integratedTime)
    .map(({ verification, ...entry }) => logEntry({ ...entry, promise: verification.signedEntryTimestamp }));
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
