/** For every client of the SDK: by itself it waits for an answer without end. It tries again as AWS_MAX_ATTEMPTS says. */
export const sdkSettings = {
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
} as const;
