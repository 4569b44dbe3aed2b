/** What AWS, or the way there, answered instead, in a sentence that says what to do. */
export function explainAws(error: unknown, { action, region }: { action: string; region: string }): string {
  const { name, message } = error as Error;
  const code = causeCode(error);
  if (/^(CredentialsProviderError|TokenProviderError)$/.test(name))
    return `no AWS credentials were found (${message}); set AWS_PROFILE, or sign in with \`aws sso login\``;
  if (/Expired/.test(name)) return `the AWS credentials have expired; sign in again (${message})`;
  if (refused.has(name))
    return `AWS does not accept the credentials: ${message}; see which are used with \`aws sts get-caller-identity\``;
  if (/^(AccessDenied|AccessDeniedException|UnauthorizedOperation|AuthFailure)$/.test(name))
    return `the credentials may not ${action}, which is asked before anything is deployed: ${message}`;
  if (code && unreachable.has(code))
    return `AWS cannot be reached in ${region} (${code}); see whether the region is enabled for your account, and whether a proxy or AWS_ENDPOINT_URL stands in the way`;
  return `AWS did not answer ${action} in ${region} as it should: ${name}: ${message}`;
}

const refused = new Set([
  'InvalidClientTokenId',
  'UnrecognizedClientException',
  'SignatureDoesNotMatch',
  'InvalidSignatureException',
  'IncompleteSignature',
  'MissingAuthenticationToken',
  'OptInRequired',
]);

const unreachable = new Set([
  'ENOTFOUND',
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'TimeoutError',
]);

function causeCode(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') return at.code;
    if (at.name === 'TimeoutError') return at.name;
  }
  return undefined;
}
