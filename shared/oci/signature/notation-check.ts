import type { HttpClient } from '../../network/http.ts';
import { isPartOf, subjectOf } from './distinguished-name.ts';
import { type Certificate, checkSigningChain, nameOf, notValidAt, parseChain } from './notation-chain.ts';
import { type Envelope, hasGoodSignature, invalid } from './notation-envelope.ts';
import type { Check, TrustStatement } from './notation-policy.ts';

/** By what signatures are judged. */
export interface NotationTrust {
  statement: TrustStatement;
  /** DER. As in Flux they are in all trust stores, whatever their names. */
  certificates: Buffer[];
  /** For the servers that know which certificates were revoked. */
  http: HttpClient;
  now: Date;
}

/** What a signature comes to: refused, or accepted with what the policy wants logged. */
export type Outcome = { refused: string } | { signer: string; logged: { check: Check; problem: string }[] };

/**
 * Verifies a signature by a statement of the trust policy: integrity (always), authenticity, expiry, authentic timestamp and
 * revocation, in the order of notation. Throws SignatureError InvalidSignature when its integrity is not given.
 */
export async function verifyEnvelope(envelope: Envelope, trust: NotationTrust): Promise<Outcome> {
  const chain = await parseChain(envelope.chain);
  const [leaf] = chain;
  checkSigningChain(chain);
  if (!leaf || !hasGoodSignature(envelope, leaf.node.publicKey)) throw invalid('its signature is not good');
  refuseUnknown(envelope);
  const { actions } = trust.statement;
  const logged: { check: Check; problem: string }[] = [];
  for (const [check, run] of checks) {
    const action = actions?.[check] ?? 'enforce';
    // Servers that a stranger's certificates name are not asked: the signature is not relied on anyway.
    if (check === 'revocation' && logged.some(entry => entry.check === 'authenticity')) continue;
    const problem = action === 'skip' ? undefined : await run({ envelope, chain, leaf, trust });
    if (problem === undefined) continue;
    if (action === 'enforce') return { refused: problem };
    logged.push({ check, problem });
  }
  return { signer: nameOf(leaf), logged };
}

/** Plugins that signatures may ask for are programs that would run here; and what is critical must be understood. */
function refuseUnknown({ extended }: Envelope): void {
  const plugin = extended.get('io.cncf.notary.verificationPlugin');
  if (plugin)
    throw invalid(
      `it can be verified only by the plugin '${String(plugin.value).slice(0, 100)}', and plugins are not supported`,
    );
  const [unknown] = [...extended].find(([, { critical }]) => critical) ?? [];
  if (unknown !== undefined) throw invalid(`its critical header ${unknown.slice(0, 100)} is not known`);
}

interface Judged {
  envelope: Envelope;
  chain: Certificate[];
  leaf: Certificate;
  trust: NotationTrust;
}

/** Answers what is wrong; undefined when nothing is. */
type Run = (judged: Judged) => string | undefined | Promise<string | undefined>;

const checks: [Check, Run][] = [
  ['authenticity', judged => untrusted(judged) ?? unnamed(judged)],
  ['expiry', expired],
  ['authenticTimestamp', untimely],
  ['revocation', revoked],
];

function untrusted({ envelope, chain, trust }: Judged): string | undefined {
  const kind = envelope.scheme === 'notary.x509' ? 'ca' : 'signingAuthority';
  const { statement, certificates } = trust;
  if (!statement.stores.has(kind))
    return `the trust policy statement '${statement.name}' has no trust store ${kind}:<name>, which its scheme ${envelope.scheme} needs`;
  if (chain.some(({ der }) => certificates.some(trusted => trusted.equals(der)))) return undefined;
  return 'it is not produced by a trusted signer: no certificate of its chain is in the secret';
}

function unnamed({ leaf, trust: { statement } }: Judged): string | undefined {
  const { identities, name } = statement;
  if (!identities) return undefined;
  if (identities.length === 0)
    return `the trust policy statement '${name}' names no x509.subject among its trustedIdentities`;
  try {
    const subject = subjectOf(leaf.parsed);
    if (identities.some(identity => isPartOf(identity, subject))) return undefined;
  } catch (error) {
    return `who signed cannot be compared: ${error instanceof Error ? error.message : String(error)}`;
  }
  return `${nameOf(leaf)}, which signed, is none of the trustedIdentities of the trust policy statement '${name}'`;
}

function expired({ envelope: { expiry }, trust: { now } }: Judged): string | undefined {
  return expiry && now >= expiry ? `it expired at ${expiry.toISOString()}` : undefined;
}

async function untimely({ envelope, chain, trust }: Judged): Promise<string | undefined> {
  if (envelope.scheme === 'notary.x509.signingAuthority') {
    const problem = notValidAt(chain, envelope.signingTime);
    return problem && `${problem}, and it was signed at ${envelope.signingTime.toISOString()}`;
  }
  const { statement, now } = trust;
  const withStamp =
    statement.stores.has('tsa') &&
    (statement.timestamps === 'always' || chain.some(({ parsed }) => now > parsed.notAfter));
  if (!withStamp) return notValidAt(chain, now);
  const { timestampProblem } = await import('./notation-timestamp.ts');
  return timestampProblem(envelope, chain, trust);
}

async function revoked({ chain, trust }: Judged): Promise<string | undefined> {
  const { revocationProblem } = await import('./notation-revocation.ts');
  return revocationProblem(chain, trust);
}
