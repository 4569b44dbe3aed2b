import type { Certificate } from './notation-chain.ts';
import type { NotationTrust } from './notation-check.ts';
import type { Envelope } from './notation-envelope.ts';

/** Why the countersignature of a timestamping authority does not show that the chain was valid when it was signed with. */
export async function timestampProblem(
  { timestamp }: Envelope,
  _chain: Certificate[],
  _trust: NotationTrust,
): Promise<string | undefined> {
  if (!timestamp) return 'it has no timestamp, which the trust policy asks for';
  return 'timestamps are not read yet';
}
