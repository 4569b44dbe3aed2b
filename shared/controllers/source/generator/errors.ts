/** An artifact cannot be put together as the spec asks. Another revision of the sources may mend it, so it is tried again. */
export class BuildError extends Error {
  readonly code = 'BuildFailed';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BuildError';
  }
}
