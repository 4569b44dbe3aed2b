import { S3ServiceException } from '@aws-sdk/client-s3';
import { AwsError, awsError } from './aws-error.ts';

/** The HTTP status of S3's answer; undefined when there was none. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

/** Whether the SDK sent the request more than once, so that an earlier try may have done what was asked. */
export function triedAgain(error: unknown): boolean {
  return error instanceof S3ServiceException && (error.$metadata.attempts ?? 1) > 1;
}

/** The code of S3's answer, such as NoSuchKey. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

/** What an exception of S3 means. Answers without a body (to HEAD) have no code, only a status. */
export function s3Error(error: unknown, doing: string): AwsError {
  if (error instanceof AwsError) return error;
  const mapped = awsError(error, doing);
  const status = statusOf(error);
  if (status === 403 && (mapped.code === 'AccessDenied' || mapped.code === 'Unexpected'))
    return new AwsError(
      'AccessDenied',
      `these AWS credentials may not ${doing}: ${said(error)} (without s3:ListBucket on the bucket, S3 says so of objects that do not exist, too)`,
      { cause: error },
    );
  if (status === 301 || nameOf(error) === 'PermanentRedirect')
    return new AwsError('Unexpected', `AWS did not ${doing}: the bucket is in another region; set AWS_REGION to it`, {
      cause: error,
    });
  if (nameOf(error) === 'NoSuchBucket')
    return new AwsError(
      'Unexpected',
      `AWS did not ${doing}: there is no such bucket; see whether the stack is deployed in this region`,
      {
        cause: error,
      },
    );
  if (status !== undefined && status >= 500 && mapped.code === 'Unexpected')
    return new AwsError('Unreachable', `AWS could not ${doing}: S3 answered ${status} (${said(error)}); try again`, {
      cause: error,
    });
  return mapped;
}

function said(error: unknown): string {
  const { name, message } = error as Error;
  return message && message !== 'UnknownError' ? message : name;
}
