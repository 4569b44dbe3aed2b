import { createHash } from 'node:crypto';
import type { GitRepository } from '../../../api/source/git-repository.ts';
import { GitError } from '../../../git/errors.ts';
import type { Resolved } from '../../../git/reference.ts';
import {
  SignatureError,
  type Signed,
  signedCommit,
  signedTag,
  type TrustedKeys,
  verifySignature,
} from '../../../git/signature.ts';
import type { Snapshot } from '../../../git/snapshot.ts';
import { findError, messageOfError, RetryError } from '../../../reconcile/errors.ts';
import type { Outcome } from '../../../reconcile/outcome.ts';
import { readSecret } from '../secret.ts';
import type { SourceWork } from '../source.ts';

type Work = SourceWork<GitRepository>;
type Mode = 'HEAD' | 'Tag' | 'TagAndHEAD';

/** What was fetched, as far as signatures are concerned. */
export interface SignedObjects {
  /** Full name of the reference it was found by. */
  refName: string | undefined;
  commit: { oid: string; raw: Buffer };
  /** The annotated tag that the reference is. */
  tag?: { oid: string; raw: Buffer } | undefined;
}

/** Bytes of a commit or a tag without its files: what people write, and much more. */
const maxSigned = 512 * 1024;

/**
 * What of a snapshot is needed to verify it later, as texts: who shares the artifact verifies it with
 * keys of its own. Throws GitError TooLarge.
 */
export function signedDetail({ commit, tag }: Snapshot): Record<string, string> {
  for (const { oid, raw } of tag ? [commit, tag] : [commit])
    if (raw.length > maxSigned)
      throw new GitError('TooLarge', `${oid} has ${raw.length} bytes; what is verified may have ${maxSigned}`);
  return {
    commit: commit.raw.toString('base64'),
    ...(tag ? { tag: tag.raw.toString('base64') } : {}),
  };
}

/** The reverse of {@link signedDetail}, for what was found as `resolved` says. Throws when it is of another commit, or tag. */
export function signedObjects(resolved: Resolved, detail: Record<string, string> = {}): SignedObjects {
  const read = (type: string, encoded: string) => {
    const raw = Buffer.from(encoded, 'base64');
    return { oid: createHash('sha1').update(`${type} ${raw.length}\0`).update(raw).digest('hex'), raw };
  };
  const commit = read('commit', detail.commit ?? '');
  const tag = detail.tag === undefined ? undefined : read('tag', detail.tag);
  if (commit.oid !== resolved.oid || (tag && resolved.tagOid !== undefined && tag.oid !== resolved.tagOid))
    throw new GitError('Corrupt', `what was fetched for ${resolved.revision} is another commit or tag`);
  return { refName: resolved.refName, commit, tag };
}

/** spec.verify.mode, with Flux's old spelling of HEAD as it is today. */
export function verificationMode({ spec }: GitRepository): Mode | undefined {
  if (!spec.verify) return undefined;
  return spec.verify.mode === 'head' ? 'HEAD' : spec.verify.mode;
}

/**
 * Whether the artifact has to be verified again although it is of the revision that is wanted: when it never was, when
 * spec.verify now asks for more than was verified, or when a verification since failed.
 */
export function requiresVerification(object: GitRepository): boolean {
  const mode = verificationMode(object);
  if (!mode) return false;
  const observed = object.status.sourceVerificationMode;
  const holds = object.status.conditions?.some(({ type, status }) => type === 'SourceVerified' && status === 'True');
  return !holds || (observed !== mode && observed !== 'TagAndHEAD');
}

/** Takes away what an earlier reconcile said of signatures, where it holds no longer: failures, and all without spec.verify. */
export function forgetVerification(work: Work): void {
  const failed = work.object.status.conditions?.some(
    ({ type, status }) => type === 'SourceVerified' && status === 'False',
  );
  if (!work.object.spec.verify) work.status.sourceVerificationMode = undefined;
  if (failed || !work.object.spec.verify) work.condition('SourceVerified', null);
}

/**
 * Verifies what spec.verify asks for, with the keys of its Secret: SourceVerified, and status.sourceVerificationMode. The
 * outcome of a failure keeps the last artifact, which was verified in its time.
 */
export async function verifySource(work: Work, signed: SignedObjects): Promise<Outcome | undefined> {
  const mode = verificationMode(work.object);
  if (!mode) return undefined;
  let keys: TrustedKeys;
  try {
    keys = await trustedKeys(work);
  } catch (error) {
    return unverified(work, 'VerificationError', `public keys secret error: ${messageOfError(error)}`, error);
  }
  const verified: string[] = [];
  if (mode !== 'HEAD') {
    const outcome = await verifyTag(work, signed, keys, verified);
    if (outcome) return outcome;
  }
  if (mode !== 'Tag') {
    const { oid, raw } = signed.commit;
    const what = `commit '${oid}'`;
    try {
      verified.push(`${what} with key '${await verifySignature(signedCommit(raw), keys)}'`);
    } catch (error) {
      return invalid(work, 'InvalidCommitSignature', what, error);
    }
  }
  const message = `verified signature of\n\t- ${verified.join('\n\t- ')}`;
  work.status.sourceVerificationMode = mode;
  work.condition('SourceVerified', { status: 'True', reason: 'Succeeded', message });
  work.event({ severity: 'info', reason: 'Succeeded', message, to: 'cluster' });
  return undefined;
}

async function verifyTag(
  work: Work,
  { refName, tag }: SignedObjects,
  keys: TrustedKeys,
  verified: string[],
): Promise<Outcome | undefined> {
  if (!refName?.startsWith('refs/tags/'))
    return unverified(
      work,
      'InvalidVerificationMode',
      "cannot verify tag object's signature if a tag reference is not specified",
      undefined,
      true,
    );
  const asked = refName.slice('refs/tags/'.length);
  const signed: Signed | undefined = tag && signedTag(tag.raw);
  const own = signed && /^tag (.*)$/m.exec(signed.payload.toString('utf8', 0, 4096))?.[1];
  const what = tag ? `${own ?? asked}@${tag.oid}` : asked;
  if (!signed?.signature)
    return unverified(work, 'InvalidGitObject', `cannot verify signature of tag '${what}' since it is not signed`);
  try {
    const key = await verifySignature(signed, keys);
    // Who can push could otherwise let a new name lead to an old, signed tag.
    if (own !== asked) throw new SignatureError(`it was signed as tag '${own ?? ''}', not as '${asked}'`);
    verified.push(`tag '${what}' with key '${key}'`);
    return undefined;
  } catch (error) {
    return invalid(work, 'InvalidTagSignature', `tag '${what}'`, error);
  }
}

function invalid(work: Work, reason: string, what: string, error: unknown): Outcome {
  if (!findError(error, SignatureError) && !findError(error, GitError)) throw error;
  return unverified(work, reason, `signature verification of ${what} failed: ${messageOfError(error)}`, error);
}

function unverified(work: Work, reason: string, message: string, error?: unknown, stalled = false): Outcome {
  work.condition('SourceVerified', { status: 'False', reason, message });
  return { type: stalled ? 'stalled' : 'failed', reason, message, error };
}

/** The public keys of the Secret: SSH keys under names in .sshpub; all else is taken for PGP key rings, as in Flux. */
async function trustedKeys(work: Work): Promise<TrustedKeys> {
  const { spec, metadata } = work.object;
  const { namespace = '' } = metadata;
  const name = spec.verify?.secretRef.name ?? '';
  const secret = await readSecret(work.cluster, namespace, name).catch((error: unknown) => {
    throw new RetryError('VerificationError', messageOfError(error), { cause: error });
  });
  const keys: TrustedKeys = { pgp: [], ssh: [] };
  for (const key of [...secret.keys].sort()) {
    const text = secret.text(key);
    if (text !== undefined) (key.endsWith('.sshpub') ? keys.ssh : keys.pgp).push(text);
  }
  return keys;
}
