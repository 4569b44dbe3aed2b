import * as z from 'zod';
import { algorithms, checkedHeaders, type Envelope, headers, invalid, schemes } from './notation-envelope.ts';

const Base64Url = z.string().regex(/^[A-Za-z0-9_-]+$/);
const time = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/)
  .transform(text => new Date(text))
  .refine(date => !Number.isNaN(date.getTime()));

const Jws = z.object({
  payload: Base64Url,
  protected: Base64Url,
  signature: Base64Url,
  header: z.looseObject({
    x5c: z.array(z.base64()).nonempty(),
    [headers.timestamp]: z.base64().optional(),
  }),
});
const Protected = z.looseObject({
  alg: z.enum(algorithms),
  cty: z.string(),
  crit: z.array(z.string()).nonempty(),
  [headers.scheme]: z.enum(schemes),
  [headers.signingTime]: time.optional(),
  [headers.authenticSigningTime]: time.optional(),
  [headers.expiry]: time.optional(),
});
const known = new Set(Object.keys(Protected.shape));

/** Parses a signature in JSON (media type application/jose+json). Throws SignatureError InvalidSignature. */
export function parseJws(bytes: Buffer): Envelope {
  const jws = parsed(Jws, bytes);
  const signedHeaders = parsed(Protected, Buffer.from(jws.protected, 'base64url'));
  const timestamp = jws.header[headers.timestamp];
  return {
    contentType: signedHeaders.cty,
    payload: Buffer.from(jws.payload, 'base64url'),
    algorithm: signedHeaders.alg,
    signed: Buffer.from(`${jws.protected}.${jws.payload}`),
    signature: Buffer.from(jws.signature, 'base64url'),
    chain: jws.header.x5c.map(text => Buffer.from(text, 'base64')),
    timestamp: timestamp === undefined ? undefined : Buffer.from(timestamp, 'base64'),
    ...checkedHeaders({
      scheme: signedHeaders[headers.scheme],
      signingTime: signedHeaders[headers.signingTime],
      authenticSigningTime: signedHeaders[headers.authenticSigningTime],
      expiry: signedHeaders[headers.expiry],
      critical: signedHeaders.crit,
      others: new Map(Object.entries(signedHeaders).filter(([name]) => !known.has(name))),
    }),
  };
}

function parsed<T extends z.ZodType>(schema: T, bytes: Buffer): z.infer<T> {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw invalid('its envelope is no JSON', cause);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  throw invalid(
    `its envelope is no JWS of the Notary Project: ${z.prettifyError(result.error).replaceAll(/\s*\n\s*/g, ' ')}`,
  );
}
