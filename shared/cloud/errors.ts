import { ReconcileError } from '../reconcile/errors.ts';

/**
 * What goes wrong when somebody is to be signed in at a cloud; the code is the condition's reason.
 * `AuthenticationFailed`: the cloud, the cluster or the ServiceAccount did not give what was asked for.
 * `InvalidProviderConfiguration`: the address is none of the provider's, so it is given no credentials.
 */
export type CloudErrorCode = 'AuthenticationFailed' | 'InvalidProviderConfiguration';

/** The one error of this room. Never carries a credential, nor an answer that may hold one. Worth a retry. */
export class CloudError extends ReconcileError {
  declare readonly code: CloudErrorCode;
  /** Milliseconds until the retry, when the cloud said so. */
  readonly afterMs: number | undefined;
  constructor(code: CloudErrorCode, message: string, options?: ErrorOptions & { afterMs?: number | undefined }) {
    super(code, message, options);
    this.name = 'CloudError';
    this.afterMs = options?.afterMs;
  }
}
