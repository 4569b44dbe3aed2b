/** The signature does not prove what it should; the message says why. Never holds key material. */
export class SignatureError extends Error {
  readonly code = 'InvalidSignature';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SignatureError';
  }
}
