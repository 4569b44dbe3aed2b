import { SignatureError } from './errors.ts';
import type { OidcIdentity } from './request.ts';

/** Whom a certificate names: the issuer that signed them in, and as whom. */
export interface CertificateIdentity {
  issuer: string;
  subject: string;
}

/** Says whether an object trusts who signed; undefined when it trusts anybody whom the certificate authority does. */
export type IdentityMatcher = (identity: CertificateIdentity) => boolean;

/** Longer expressions are refused. */
const maxLength = 4_096;

/**
 * The matchers of spec.verify.matchOIDCIdentity, of which one suffices. RE2 itself, as Flux's: an expression matches
 * anywhere in the text unless it is anchored; an empty one matches all. Throws SignatureError InvalidConfiguration.
 */
export async function identityMatcher(identities: OidcIdentity[]): Promise<IdentityMatcher | undefined> {
  if (identities.length === 0) return undefined;
  const { RE2JS } = await import('re2js');
  const compile = (expression: string, field: string) => {
    if (expression.length > maxLength) throw invalid(field, expression, `it has more than ${maxLength} characters`);
    try {
      return RE2JS.compile(expression);
    } catch (error) {
      throw invalid(field, expression, error instanceof Error ? error.message : String(error));
    }
  };
  const compiled = identities.map(({ issuer, subject }, index) => ({
    issuer: compile(issuer, `spec.verify.matchOIDCIdentity[${index}].issuer`),
    subject: compile(subject, `spec.verify.matchOIDCIdentity[${index}].subject`),
  }));
  return identity =>
    compiled.some(
      ({ issuer, subject }) => issuer.matcher(identity.issuer).find() && subject.matcher(identity.subject).find(),
    );
}

function invalid(field: string, expression: string, problem: string): SignatureError {
  return new SignatureError(
    'InvalidConfiguration',
    `${field}: '${expression.slice(0, 100)}' is no regular expression of Go: ${problem}`,
  );
}
