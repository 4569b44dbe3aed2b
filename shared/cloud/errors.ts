import { RetryError } from '../reconcile/errors.ts';

/**
 * What goes wrong when somebody is to be signed in at a cloud; the code is the condition's reason.
 * `AuthenticationFailed`: the cloud, the cluster or the ServiceAccount did not give what was asked for, or the address is none
 * of the provider's, which is given no credentials.
 * `InvalidProviderConfiguration`: what was asked for is nothing that the provider has.
 */
export type CloudErrorCode = 'AuthenticationFailed' | 'InvalidProviderConfiguration';

/** The one error of this room. Never carries a credential, nor an answer that may hold one. Worth a retry. */
export class CloudError extends RetryError {
  declare readonly code: CloudErrorCode;
  constructor(code: CloudErrorCode, message: string, options?: ErrorOptions & { afterMs?: number }) {
    super(code, message, options);
    this.name = 'CloudError';
  }
}

/** The usual one. */
export function notSignedIn(message: string, options?: ErrorOptions & { afterMs?: number }): CloudError {
  return new CloudError('AuthenticationFailed', message, options);
}
