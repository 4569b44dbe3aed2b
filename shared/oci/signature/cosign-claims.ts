import * as z from 'zod';
import type { Descriptor } from '../descriptor.ts';
import type { SignedContent } from './cosign-signature.ts';

const SimpleSigning = z.object({
  critical: z.object({
    type: z.enum(['cosign container image signature', 'https://sigstore.dev/cosign/sign/v1']),
    image: z.object({ 'docker-manifest-digest': z.string() }),
  }),
});

const statementType = 'application/vnd.in-toto+json';
const Statement = z.object({
  _type: z.enum(['https://in-toto.io/Statement/v1', 'https://in-toto.io/Statement/v0.1']),
  subject: z.array(z.object({ digest: z.record(z.string(), z.string()) })),
});

/**
 * Why what was signed does not speak of this artifact; undefined when it does. Whether the signature over it is good is
 * another question: a good signature of another artifact can be copied beside this one.
 */
export function foreignContent(content: SignedContent, { digest }: Descriptor): string | undefined {
  if (content.kind === 'manifest') return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(content.bytes.toString('utf8'));
  } catch {
    return 'what was signed is no JSON';
  }
  return content.kind === 'payload' ? foreignPayload(parsed, digest) : foreignStatement(parsed, content.type, digest);
}

function foreignPayload(parsed: unknown, digest: string): string | undefined {
  const payload = SimpleSigning.safeParse(parsed);
  if (!payload.success) return 'what was signed is no payload of cosign';
  const signed = payload.data.critical.image['docker-manifest-digest'];
  return signed === digest ? undefined : `it signs another artifact: ${signed.slice(0, 140)}`;
}

function foreignStatement(parsed: unknown, type: string, digest: string): string | undefined {
  const statement = type === statementType ? Statement.safeParse(parsed) : undefined;
  if (!statement?.success) return 'what was signed is no statement of in-toto';
  const [algorithm = '', hex = ''] = digest.split(':');
  const digests = statement.data.subject.map(subject => subject.digest[algorithm]);
  if (digests.includes(hex)) return undefined;
  return `it signs another artifact: ${digests
    .map(other => `${algorithm}:${other}`)
    .join(', ')
    .slice(0, 140)}`;
}
