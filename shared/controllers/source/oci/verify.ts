import type { OCIRepository } from '../../../api/source/oci-repository.ts';
import { messageOfError, RetryError } from '../../../reconcile/errors.ts';
import type { Outcome } from '../../../reconcile/outcome.ts';
import { conditionsOf } from '../../../reconcile/subject.ts';
import { readSecret } from '../secret.ts';
import { secretFiles } from './access.ts';
import type { OciWork } from './work.ts';

const condition = 'SourceVerified';

/**
 * Step: the signature that spec.verify asks for. As Flux: of a new digest, for a new generation of the object, and when the
 * last try failed; otherwise what was said before still holds.
 */
export async function verifyArtifact(work: OciWork): Promise<Outcome | undefined> {
  const { resolved, object } = work;
  if (!resolved) throw new Error('the reference is not resolved');
  const { verify } = object.spec;
  const before = conditionsOf(object).find(({ type }) => type === condition);
  if (!verify) {
    if (before) work.condition(condition, null);
    return undefined;
  }
  const holds = before?.status === 'True' && before.observedGeneration === object.metadata.generation;
  if (holds && work.artifact?.revision === resolved.revision) return undefined;
  try {
    const { result, message } = await verifySignature(work, verify);
    work.log.info('the signature was looked at', { result, message, revision: resolved.revision });
    const told = `verified signature of revision ${resolved.revision}`;
    if (result === 'verified') work.condition(condition, { status: 'True', reason: 'Succeeded', message: told });
    return undefined;
  } catch (error) {
    const keyless = verify.provider === 'cosign' && !verify.secretRef ? ' keyless' : '';
    const message = `failed to verify the signature using provider '${verify.provider}${keyless}': ${messageOfError(error)}`;
    work.condition(condition, { status: 'False', reason: 'VerificationError', message });
    return { type: 'failed', reason: 'VerificationError', message, error };
  }
}

async function verifySignature(work: OciWork, verify: NonNullable<OCIRepository['spec']['verify']>) {
  const { access, resolved, clock, key } = work;
  if (!access || !resolved) throw new Error('the reference is not resolved');
  const { registry, http } = access;
  const { secretRef, trustedRootSecretRef, provider, matchOIDCIdentity } = verify;
  const keys = secretRef ? await secretFiles(work, secretRef.name) : undefined;
  const trustedRoot = trustedRootSecretRef ? await readTrustedRoot(work, trustedRootSecretRef.name) : undefined;
  const { verifyOciSignature } = await import('../../../oci/signature/verify.ts');
  return verifyOciSignature({
    registry,
    descriptor: resolved.descriptor ?? (await registry.resolve(resolved.digest)),
    reference: resolved.reference,
    provider,
    ...(keys && secretRef ? { keys, keysFrom: `${key.namespace}/${secretRef.name}` } : {}),
    matchOIDCIdentity,
    trustedRoot,
    http,
    clock,
  });
}

async function readTrustedRoot(work: OciWork, name: string): Promise<Buffer> {
  const where = `${work.key.namespace}/${name}`;
  const failed = `failed to read trusted root from secret '${where}'`;
  const secret = await readSecret(work.cluster, work.key.namespace, name).catch(cause => {
    throw new RetryError('VerificationError', failed, { cause });
  });
  const root = secret.bytes('trusted_root.json');
  if (!root) throw new RetryError('VerificationError', `${failed}: 'trusted_root.json' not found in secret '${where}'`);
  return root;
}
