/** The manifests cannot be made: what is wrong, in which file, and what to do about it. */
export class BuildError extends Error {
  /** The condition's reason: ArtifactFailed when the source lacks what is to be built. */
  readonly code: 'BuildFailed' | 'ArtifactFailed';
  /** The file of the source, relative to its root. */
  readonly file: string | undefined;
  constructor(message: string, options: BuildErrorOptions = {}) {
    super(bounded(message), options);
    this.name = 'BuildError';
    this.code = options.code ?? 'BuildFailed';
    this.file = options.file;
  }
}

export interface BuildErrorOptions extends ErrorOptions {
  file?: string;
  code?: 'BuildFailed' | 'ArtifactFailed';
}

/** Conditions and events carry the message; a build that complains about every file must not fill them. */
function bounded(message: string): string {
  const limit = 4000;
  return message.length <= limit ? message : `${message.slice(0, limit)}… (shortened)`;
}
