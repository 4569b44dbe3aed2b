import { messageOfError } from '../reconcile/errors.ts';

/** What went wrong with a chart, an index or a repository. */
export type ChartErrorCode =
  /** The index is none, or one that Helm refuses. */
  | 'InvalidIndex'
  /** The archive or directory is no chart, or holds what a chart must not. */
  | 'InvalidChart'
  /** Larger than Helm and Flux read. */
  | 'TooLarge'
  /** No such chart, version or file. */
  | 'NotFound'
  /** A name, address or version that is none. */
  | 'InvalidReference'
  /** Values that cannot be read. */
  | 'InvalidValues'
  /** The server's answer is not the file that was asked for. */
  | 'PullFailed'
  /** The server does not accept who we are. */
  | 'AuthenticationFailed'
  /** The bytes are not those of the digest. */
  | 'DigestMismatch';

/** The one error of this room; `message` says what is wrong, and where. */
export class ChartError extends Error {
  readonly code: ChartErrorCode;
  /** Milliseconds until it may go well, when the server said so. */
  readonly afterMs: number | undefined;
  constructor(code: ChartErrorCode, message: string, options?: ErrorOptions & { afterMs?: number }) {
    super(message, options);
    this.name = 'ChartError';
    this.code = code;
    this.afterMs = options?.afterMs;
  }
}

/** Reasons of a failed build as Flux's source-controller writes them, and how their messages begin. */
const summaries = {
  InvalidChartReference: 'invalid chart reference',
  ChartPullError: 'chart pull error',
  MetadataPatchError: 'chart metadata patch error',
  ValuesFilesError: 'values files merge error',
  DependencyBuildError: 'dependency build error',
  ChartPackageError: 'chart package error',
  ChartVerificationError: 'chart verification error',
} as const;

export type BuildReason = keyof typeof summaries;

/** Why a chart could not be made; the code is the condition's reason. */
export class BuildError extends Error {
  readonly code: BuildReason;
  constructor(code: BuildReason, cause: unknown, doing?: string) {
    super([summaries[code], doing, messageOfError(cause)].filter(Boolean).join(': '), { cause });
    this.name = 'BuildError';
    this.code = code;
  }
}

/** Runs a part of a build; what it throws is a BuildError of this reason, unless it is one already. */
export async function inBuild<T>(reason: BuildReason, run: () => T | Promise<T>, doing?: string): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw error instanceof BuildError ? error : new BuildError(reason, error, doing);
  }
}
