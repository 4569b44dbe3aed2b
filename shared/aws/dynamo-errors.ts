import {
  ConditionalCheckFailedException,
  ResourceNotFoundException,
  TransactionCanceledException,
  TransactionConflictException,
} from '@aws-sdk/client-dynamodb';
import { AwsError, awsError } from './aws-error.ts';

/** Whether a write was not made because its condition, or one of a transaction's, does not hold. */
export function isRefused(error: unknown): boolean {
  if (error instanceof ConditionalCheckFailedException) return true;
  return error instanceof TransactionCanceledException && reasons(error).includes('ConditionalCheckFailed');
}

/** Reasons of a transaction that pass when it is tried again. Of AWS's API reference, TransactWriteItems. */
const passing = new Set(['None', 'TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']);

/** Whether a write met a transaction of someone else, or a transaction met a limit, which the SDK does not try again. */
export function isConflict(error: unknown): boolean {
  if (error instanceof TransactionConflictException) return true;
  if (!(error instanceof TransactionCanceledException)) return false;
  const found = reasons(error);
  return found.length > 0 && found.every(code => passing.has(code));
}

function reasons(error: TransactionCanceledException): string[] {
  return (error.CancellationReasons ?? []).map(({ Code }) => Code ?? 'None');
}

/** Tried again and again, and still others or a limit were in the way. */
export function contended(cause: unknown, doing: string): AwsError {
  const said = cause instanceof Error ? cause.message : String(cause);
  return new AwsError('Throttled', `DynamoDB did not ${doing} in several tries: ${said}; it is tried again later`, {
    cause,
  });
}

/** What an exception of the SDK means. */
export function dynamoError(error: unknown, doing: string, table: string): AwsError {
  if (error instanceof ResourceNotFoundException)
    return new AwsError(
      'Unexpected',
      `there is no DynamoDB table ${table}, or not in this region; check SLUICE_TABLE and AWS_REGION against the stack's output TableName`,
      { cause: error },
    );
  return awsError(error, doing);
}
