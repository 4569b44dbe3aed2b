import type { STSClient } from '@aws-sdk/client-sts';
import type { ClusterAccess } from '../kube/access.ts';
import { type Clock, systemClock } from '../ports/clock.ts';
import { ClusterUnreachable } from '../ports/cluster.ts';
import type { EksAccess } from '../ports/index.ts';
import { TimeOver, within } from '../reconcile/within.ts';
import { AwsError } from './aws-error.ts';
import { type EksToken, signEksToken } from './eks-token.ts';
import { callerIdentity, openSts } from './sts.ts';

/** How long before its end a token is replaced: clocks differ, and a request may wait before it is sent. */
const renewBeforeMs = 5 * 60_000;
/** When a token cannot be replaced, the old one is used up to here while that is tried again and again. */
const endBeforeMs = 60_000;
const retryMs = 15_000;
/** A token that was refused is not signed again sooner: the same credentials make the same answer. */
const refusedMs = 15_000;
/** Credentials can come from a program or a server that never answers. */
const signInMs = 30_000;

/**
 * Access to a cluster that is registered by its EKS name. Nothing is asked, and the SDK not loaded, before the first request.
 * `opened`: a client with the credentials, if there is one already.
 */
export function eksAccess(
  name: string,
  access: EksAccess,
  clock: Clock = systemClock,
  opened?: STSClient,
): ClusterAccess {
  let sts = opened && Promise.resolve(opened);
  const sign = async (fresh: boolean): Promise<EksToken> => {
    try {
      // What was refused may be remembered by the client: a new one fetches the credentials from where they come from.
      if (fresh || !sts) sts = openSts(access);
      const client = await sts;
      if (fresh) await learnWhy(client);
      return await signEksToken(client, access.clusterName, clock.now());
    } catch (error) {
      sts = undefined;
      throw error;
    }
  };
  const token = keptToken(fresh => within(signInMs, sign(fresh)).catch(notInTime), clock);
  return {
    server: access.server,
    ca: access.ca,
    credentials: async fresh => {
      try {
        return { authorization: `Bearer ${(await token(fresh)).text}` };
      } catch (cause) {
        // To those who wait for the cluster it is as good as away: their work must wait, not be given up.
        throw new ClusterUnreachable(name, `cluster "${name}" cannot be signed in to`, { cause });
      }
    },
  };
}

/**
 * Asks AWS itself about the credentials of a token that was refused: EKS gives no reasons. Throws when it is them; when it is
 * this machine's clock, the client knows from now on.
 */
async function learnWhy(client: STSClient): Promise<void> {
  try {
    await callerIdentity(client);
  } catch (error) {
    if (error instanceof AwsError && aboutCredentials.has(error.code)) throw error;
    // STS cannot always be reached from where the cluster can.
  }
}

const aboutCredentials = new Set<AwsError['code']>(['CredentialsMissing', 'CredentialsRefused', 'RoleRefused']);

/** A token that is signed when it is needed, once for all who need it at the same time, and replaced before it runs out. */
export function keptToken(
  sign: (fresh: boolean) => Promise<EksToken>,
  clock: Clock,
): (fresh: boolean) => Promise<EksToken> {
  let kept: { token: EksToken; signedAt: number; renewAt: number } | undefined;
  let pending: Promise<EksToken> | undefined;
  const signAnew = async (fresh: boolean): Promise<EksToken> => {
    const signedAt = clock.now();
    const token = await sign(fresh);
    // Credentials that are about to end make tokens that do: half of what is left is better than one for each request.
    const renewAt = Math.max(token.expiresAt - renewBeforeMs, (signedAt + token.expiresAt) / 2);
    kept = { token, signedAt, renewAt: Math.min(renewAt, token.expiresAt - endBeforeMs) };
    return token;
  };
  return async fresh => {
    const now = clock.now();
    // A clock that was set back would make a token of the future.
    const usable = kept && now >= kept.signedAt ? kept : undefined;
    if (usable && now < (fresh ? usable.signedAt + refusedMs : usable.renewAt)) return usable.token;
    pending ??= signAnew(fresh).finally(() => {
      pending = undefined;
    });
    try {
      return await pending;
    } catch (error) {
      const end = usable ? usable.token.expiresAt - endBeforeMs : 0;
      if (fresh || !usable || now >= end) throw error;
      usable.renewAt = Math.min(now + retryMs, end);
      return usable.token;
    }
  };
}

function notInTime(error: unknown): never {
  if (!(error instanceof TimeOver)) throw error;
  const slow = 'whatever provides the AWS credentials (a program, a server) gave none';
  throw new AwsError('Unreachable', `${slow} within ${signInMs / 1000} s`);
}
