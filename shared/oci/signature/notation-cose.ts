import type { Tag } from 'cbor2';
import * as z from 'zod';
import { type Algorithm, checkedHeaders, type Envelope, headers, invalid, schemes } from './notation-envelope.ts';

/** Of the registry of COSE. */
const signOneTag = 18;
const epochTimeTag = 1;
const labels = { algorithm: 1, critical: 2, contentType: 3, chain: 33 } as const;
const algorithmLabels: ReadonlyMap<unknown, Algorithm> = new Map([
  [-37, 'PS256'],
  [-38, 'PS384'],
  [-39, 'PS512'],
  [-7, 'ES256'],
  [-35, 'ES384'],
  [-36, 'ES512'],
]);
const options = { preferMap: true, ignoreGlobalTags: true, rejectDuplicateKeys: true, maxDepth: 16 } as const;

const bytes = z.instanceof(Uint8Array).transform(value => Buffer.from(value));
const SignOne = z.tuple([bytes, z.instanceof(Map), bytes, bytes]);
const Chain = z.array(bytes).nonempty();
const Critical = z.array(z.union([z.string(), z.number()])).nonempty();

/** Parses a signature in CBOR (media type application/cose). Throws SignatureError InvalidSignature. */
export async function parseCose(envelope: Buffer): Promise<Envelope> {
  const { decode, Tag: TagClass } = await import('cbor2');
  const isTag = (value: unknown, tag: number): value is Tag => value instanceof TagClass && Number(value.tag) === tag;
  const decoded = (source: Buffer): unknown => {
    try {
      return decode(source, options);
    } catch (cause) {
      throw invalid('its envelope is no CBOR', cause);
    }
  };
  const outer = decoded(envelope);
  const [rawHeaders, unsigned, payload, signature] = parsed(
    SignOne,
    isTag(outer, signOneTag) ? outer.contents : undefined,
  );
  const signedHeaders = parsed(z.instanceof(Map), decoded(rawHeaders)) as Map<unknown, unknown>;
  const algorithm = algorithmLabels.get(signedHeaders.get(labels.algorithm));
  if (!algorithm) throw invalid('its algorithm is none of the Notary Project');
  const timeOf = (name: string): Date | undefined => {
    const value = signedHeaders.get(name);
    if (value === undefined) return undefined;
    if (isTag(value, epochTimeTag) && typeof value.contents === 'number') return new Date(value.contents * 1000);
    throw invalid(`its header ${name} is no time`);
  };
  const timestamp = unsigned.get(headers.timestamp);
  return {
    contentType: parsed(z.string(), signedHeaders.get(labels.contentType)),
    payload,
    algorithm,
    signed: signatureStructure(rawHeaders, payload),
    signature,
    chain: parsed(Chain, unsigned.get(labels.chain)),
    timestamp: timestamp === undefined ? undefined : parsed(bytes, timestamp),
    ...checkedHeaders({
      scheme: parsed(z.enum(schemes), signedHeaders.get(headers.scheme)),
      signingTime: timeOf(headers.signingTime),
      authenticSigningTime: timeOf(headers.authenticSigningTime),
      expiry: timeOf(headers.expiry),
      critical: criticalOf(signedHeaders),
      others: othersOf(signedHeaders),
    }),
  };
}

/** Names of critical headers, apart from those that COSE itself defines and are understood here. */
function criticalOf(signedHeaders: Map<unknown, unknown>): string[] {
  const understood: unknown[] = [labels.algorithm, labels.contentType];
  return parsed(Critical, signedHeaders.get(labels.critical))
    .filter(label => !understood.includes(label))
    .map(String);
}

const known: unknown[] = [
  labels.algorithm,
  labels.critical,
  labels.contentType,
  headers.scheme,
  headers.signingTime,
  headers.authenticSigningTime,
  headers.expiry,
];

function othersOf(signedHeaders: Map<unknown, unknown>): Map<string, unknown> {
  return new Map(
    [...signedHeaders].filter(([label]) => !known.includes(label)).map(([label, value]) => [String(label), value]),
  );
}

/** What a COSE signature of one signer is over (RFC 9052, 4.4). */
function signatureStructure(rawHeaders: Buffer, payload: Buffer): Buffer {
  const context = Buffer.from('Signature1');
  return Buffer.concat([
    Buffer.from([0x84]),
    head(3, context.length),
    context,
    head(2, rawHeaders.length),
    rawHeaders,
    head(2, 0),
    head(2, payload.length),
    payload,
  ]);
}

/** First bytes of a string in CBOR: `major` type and length. */
function head(major: number, length: number): Buffer {
  const first = major << 5;
  if (length < 24) return Buffer.from([first | length]);
  if (length < 0x100) return Buffer.from([first | 24, length]);
  const long = Buffer.alloc(length < 0x10000 ? 3 : 5);
  long[0] = first | (length < 0x10000 ? 25 : 26);
  long.writeUIntBE(length, 1, long.length - 1);
  return long;
}

function parsed<T extends z.ZodType>(schema: T, value: unknown): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalid(
    `its envelope is no COSE signature of the Notary Project: ${z.prettifyError(result.error).replaceAll(/\s*\n\s*/g, ' ')}`,
  );
}
