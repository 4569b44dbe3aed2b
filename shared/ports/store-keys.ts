/** Longest key of an object, bytes of UTF-8; as S3 has it. */
export const maxKeyBytes = 1024;

/** A key that no object can have. */
export class KeyRefused extends Error {
  readonly code = 'InvalidKey';
  constructor(message: string) {
    super(message);
    this.name = 'KeyRefused';
  }
}
