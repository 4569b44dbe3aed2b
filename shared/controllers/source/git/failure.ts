import { ArtifactError } from '../../../artifact/errors.ts';
import { GitError, type GitErrorCode } from '../../../git/errors.ts';
import { findError, messageOfError, ReconcileError, RetryError, StalledError } from '../../../reconcile/errors.ts';
import type { Failure } from '../source.ts';

/**
 * Reasons as Flux's source-controller writes them; what is not named here is a failed Git operation. That is also what a
 * server's refusal of the credentials is; only credentials that cannot be used at all are a failed authentication.
 */
const reasons: Partial<Record<GitErrorCode, string>> = {
  InvalidCredentials: 'AuthenticationFailed',
  EmptyRepository: 'EmptyGitRepository',
  InvalidUrl: 'URLInvalid',
};

/** Only another spec mends these. */
const stalling: readonly GitErrorCode[] = ['InvalidUrl', 'InvalidReference', 'Unsupported'];

/** Why a fetch failed: the reason of FetchFailed and Ready, the message, and whether trying again may help. */
export function fetchFailure(error: unknown): Failure {
  // The cluster's own trouble (its Secrets cannot be read) is the kit's to judge.
  return { ...reasonOf(error), error };
}

function reasonOf(error: unknown): Failure {
  const git = findError(error, GitError);
  if (git?.code === 'EmptyRepository')
    return { reason: 'EmptyGitRepository', message: 'git repository is empty', stalled: false };
  if (git) {
    return {
      reason: reasons[git.code] ?? 'GitOperationFailed',
      message: `failed to checkout and determine revision: ${messageOfError(error)}`,
      stalled: stalling.includes(git.code),
    };
  }
  if (findError(error, ArtifactError)?.code === 'NotFound')
    return {
      reason: 'GitOperationFailed',
      message: `failed to sparse checkout directories: ${messageOfError(error)}`,
      stalled: false,
    };
  const known = findError(error, ReconcileError);
  const afterMs = findError(error, RetryError)?.afterMs;
  return {
    ...(afterMs === undefined ? {} : { afterMs }),
    reason: known?.code ?? 'GitOperationFailed',
    message: known ? messageOfError(error) : `failed to checkout and determine revision: ${messageOfError(error)}`,
    stalled: findError(error, StalledError) !== undefined,
  };
}
