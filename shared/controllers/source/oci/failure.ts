import { OciError } from '../../../oci/errors.ts';
import { findError, messageOfError, ReconcileError, StalledError } from '../../../reconcile/errors.ts';
import { SharedFailure } from '../fetch-once-record.ts';
import type { Failure } from '../source.ts';

/**
 * Why fetching from a registry failed: the reason of FetchFailed and Ready, the message, and whether trying again may help.
 * What has no reason of its own is told with this one, behind `what`. `hint`: said when the registry wants to know who asks.
 */
export function ociFailure(error: unknown, told: { reason: string; what: string; hint?: string | undefined }): Failure {
  const shared = findError(error, SharedFailure);
  if (shared) return { ...shared.failure, error };
  const oci = findError(error, OciError);
  const known = findError(error, ReconcileError);
  const hint = told.hint && (oci?.code === 'AuthenticationFailed' || oci?.code === 'Denied') ? ` (${told.hint})` : '';
  const message = `${known ? messageOfError(error) : `${told.what}: ${messageOfError(error)}`}${hint}`;
  const afterMs = oci?.afterMs;
  return {
    reason: known?.code ?? told.reason,
    message,
    stalled: findError(error, StalledError) !== undefined || oci?.code === 'InvalidReference',
    error,
    ...(afterMs === undefined ? {} : { afterMs }),
  };
}
