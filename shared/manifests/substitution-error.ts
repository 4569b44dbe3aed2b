/** A text with a substitution that cannot be read or carried out. */
export class SubstitutionError extends Error {
  readonly code = 'BuildFailed';
  constructor(message: string) {
    super(message);
    this.name = 'SubstitutionError';
  }
}
