import { StorageError } from '../../../cloud/storage/object-storage.ts';
import { NetworkError } from '../../../network/errors.ts';
import { findError, messageOfError, ReconcileError, RetryError, StalledError } from '../../../reconcile/errors.ts';
import type { Failure } from '../source.ts';

/** Why a bucket could not be listed or fetched: the reason of FetchFailed and Ready, the message, and whether trying again may help. */
export function bucketFailure(error: unknown): Failure {
  const known = findError(error, ReconcileError);
  const retry = findError(error, RetryError);
  return {
    reason: known?.code ?? (cannotBeUsed(error) ? 'AuthenticationFailed' : 'BucketOperationFailed'),
    message: messageOfError(error),
    stalled: findError(error, StalledError) !== undefined,
    error,
    ...(retry?.afterMs === undefined ? {} : { afterMs: retry.afterMs }),
  };
}

/** What Flux says when it cannot even make its client: an address, certificates or a proxy that are none. */
function cannotBeUsed(error: unknown): boolean {
  const storage = findError(error, StorageError)?.code;
  if (storage !== undefined) return storage === 'InvalidAddress' || storage === 'InvalidCredentials';
  return findError(error, NetworkError)?.code === 'InvalidCredentials';
}
