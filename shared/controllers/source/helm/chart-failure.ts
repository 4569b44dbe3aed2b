import { VersionRangeError } from '../../../api/version.ts';
import { BuildError, type BuildReason, ChartError, inBuild } from '../../../charts/errors.ts';
import { NetworkError } from '../../../network/errors.ts';
import { OciError } from '../../../oci/errors.ts';
import { findError, messageOfError, ReconcileError } from '../../../reconcile/errors.ts';
import type { Outcome } from '../../../reconcile/outcome.ts';
import { SharedFailure } from '../fetch-once-record.ts';
import { type Failure, failed, type SourceWork } from '../source.ts';

/** Reasons that are told by BuildFailed; the others by FetchFailed. */
const ofBuild: ReadonlySet<string> = new Set<BuildReason>([
  'MetadataPatchError',
  'ValuesFilesError',
  'DependencyBuildError',
  'ChartPackageError',
  'ChartVerificationError',
]);

/** Only another spec, or another source, mends these. */
const stalling: ReadonlySet<string> = new Set<BuildReason>([
  'InvalidChartReference',
  'MetadataPatchError',
  'ValuesFilesError',
]);

/** The condition and the outcome of a chart that could not be made. */
export function chartFailed(work: SourceWork, error: unknown): Outcome {
  const failure = chartFailure(error);
  const { reason } = findError(error, SharedFailure)?.failure ?? failure;
  if (reason === 'ChartVerificationError')
    work.condition('SourceVerified', { status: 'False', reason: 'VerificationError', message: failure.message });
  return failed(work, ofBuild.has(reason) ? 'BuildFailed' : 'FetchFailed', failure);
}

/** Why a chart could not be made, with the reasons of Flux's source-controller. */
export function chartFailure(error: unknown): Failure {
  const build = findError(error, BuildError);
  const known = findError(error, ReconcileError);
  const afterMs = findError(error, ChartError)?.afterMs ?? findError(error, OciError)?.afterMs;
  const rest = { error, ...(afterMs === undefined ? {} : { afterMs }) };
  const message = messageOfError(error);
  if (isRefusal(error) && build?.code !== 'DependencyBuildError')
    return {
      reason: 'AuthenticationFailed',
      message: `failed to authenticate with the Helm repository: ${message}`,
      stalled: false,
      ...rest,
    };
  if (build) return { reason: build.code, message: build.message, stalled: stalling.has(build.code), ...rest };
  return { reason: known?.code ?? 'Failed', message, stalled: false, ...rest };
}

/** Whether the server does not accept who we are, or we do not accept its certificate: Flux tells both as one. */
function isRefusal(error: unknown): boolean {
  const codes = [ChartError, OciError, NetworkError].map(
    type => findError<Error & { code: string }>(error, type)?.code,
  );
  return codes.includes('AuthenticationFailed') || codes.includes('TlsFailed');
}

/** Looks for a version of a chart; what is wrong with the reference is another failure than that of the repository. */
export async function inLookup<T>(run: () => Promise<T>, isRegistry: boolean): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const code = findError(error, ChartError)?.code;
    const isReference =
      code === 'NotFound' || code === 'InvalidReference' || findError(error, VersionRangeError) !== undefined;
    // A tag may be pushed at any time, and nothing would wake the object then.
    const reason = isReference && !isRegistry ? 'InvalidChartReference' : 'ChartPullError';
    return inBuild(
      reason,
      () => {
        throw error;
      },
      'failed to get chart version for remote reference',
    );
  }
}
