import { errorChain, truncate } from '../reconcile/errors.ts';

export type AwsCode =
  | 'CredentialsMissing'
  | 'CredentialsRefused'
  | 'AccessDenied'
  | 'RoleRefused'
  | 'ClusterNotFound'
  | 'ClusterNotReady'
  | 'EntryExists'
  | 'PrincipalInvalid'
  | 'RegionMissing'
  | 'InstallationNotFound'
  | 'InstallationNotReady'
  | 'InstallationOutdated'
  | 'LogsMissing'
  | 'Throttled'
  | 'Unreachable'
  | 'Unexpected';

/** Something AWS refused, or could not be asked, and what to do about it. Never carries a credential. */
export class AwsError extends Error {
  readonly code: AwsCode;
  constructor(code: AwsCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AwsError';
    this.code = code;
  }
}

/** What to do about answers that AWS does not give. */
export const notAws =
  'see whether something else answers in its place: a proxy, or what AWS_ENDPOINT_URL and its kin name';

/** By the `name` of the SDK's exceptions: what the services document as common errors, and Node's network errors. */
const codes: Record<string, AwsCode> = {
  CredentialsProviderError: 'CredentialsMissing',
  TokenProviderError: 'CredentialsMissing',
  ExpiredToken: 'CredentialsRefused',
  ExpiredTokenException: 'CredentialsRefused',
  IncompleteSignature: 'CredentialsRefused',
  InvalidAccessKeyId: 'CredentialsRefused',
  InvalidClientTokenId: 'CredentialsRefused',
  InvalidSignatureException: 'CredentialsRefused',
  InvalidToken: 'CredentialsRefused',
  MissingAuthenticationToken: 'CredentialsRefused',
  OptInRequired: 'CredentialsRefused',
  RegionDisabledException: 'CredentialsRefused',
  RequestExpired: 'CredentialsRefused',
  RequestTimeTooSkewed: 'CredentialsRefused',
  SignatureDoesNotMatch: 'CredentialsRefused',
  UnrecognizedClientException: 'CredentialsRefused',
  AccessDenied: 'AccessDenied',
  AccessDeniedException: 'AccessDenied',
  NotAuthorized: 'AccessDenied',
  KmsAccessDenied: 'AccessDenied',
  KmsThrottled: 'Throttled',
  ProvisionedThroughputExceededException: 'Throttled',
  RequestLimitExceeded: 'Throttled',
  SlowDown: 'Throttled',
  RequestThrottled: 'Throttled',
  ThrottledException: 'Throttled',
  Throttling: 'Throttled',
  ThrottlingException: 'Throttled',
  TooManyRequestsException: 'Throttled',
  InternalError: 'Unreachable',
  InternalFailure: 'Unreachable',
  InternalServiceError: 'Unreachable',
  InternalServerError: 'Unreachable',
  ServerException: 'Unreachable',
  ServiceUnavailable: 'Unreachable',
  // What answered is not AWS.
  SyntaxError: 'Unreachable',
  ServiceUnavailableException: 'Unreachable',
  TimeoutError: 'Unreachable',
};

const networkErrors = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/** What an exception of the SDK means. `doing` continues "AWS could not be asked to …". */
export function awsError(error: unknown, doing: string): AwsError {
  if (error instanceof AwsError) return error;
  const code = codeOf(error);
  const said = firstLine(error instanceof Error ? error.message || error.name : String(error));
  return new AwsError(code, text(code, doing, said), { cause: error });
}

/** Some services quote the request in further lines, with the session's token; and others may answer in AWS's stead. */
function firstLine(text: string): string {
  const line = text.trim().split(/[\r\n]/)[0]!;
  return truncate(line.replace(/\p{Cc}/gu, ''), 500);
}

function codeOf(error: unknown): AwsCode {
  for (const link of errorChain(error)) {
    const { name, code } = link as { name?: unknown; code?: unknown };
    if (typeof name === 'string' && Object.hasOwn(codes, name)) return codes[name]!;
    if (typeof code === 'string' && networkErrors.has(code)) return 'Unreachable';
  }
  return 'Unexpected';
}

function text(code: AwsCode, doing: string, said: string): string {
  switch (code) {
    case 'CredentialsMissing':
      return `there are no AWS credentials to ${doing} (${said}); set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, sign in with \`aws sso login\`, or run where a role is attached; \`aws sts get-caller-identity\` shows who you are`;
    case 'CredentialsRefused':
      return `AWS refuses the credentials to ${doing}: ${said}; renew them (\`aws sso login\`, or new keys), check that the region is enabled for the account and that this machine's clock is right`;
    case 'AccessDenied':
      return `these AWS credentials may not ${doing}: ${said}`;
    case 'Throttled':
      return `AWS limits the requests of this account and did not ${doing}: ${said}; try again in a minute`;
    case 'Unreachable':
      return `AWS could not be asked to ${doing}: ${said}; check the region's name and the way from here to AWS (network, proxy, VPC endpoints)`;
    default:
      return `AWS did not ${doing}: ${said}`;
  }
}
