import { type Certificate, nameOf } from './notation-chain.ts';
import type { NotationTrust } from './notation-check.ts';

/** Why a certificate of the chain cannot be relied on: it was revoked, or whoever knows cannot be asked. */
export async function revocationProblem(chain: Certificate[], _trust: NotationTrust): Promise<string | undefined> {
  const asked = chain
    .slice(0, -1)
    .find(({ parsed }) => parsed.getExtension('1.3.6.1.5.5.7.1.1') || parsed.getExtension('2.5.29.31'));
  return asked && `whether ${nameOf(asked)} was revoked is not looked up yet`;
}
