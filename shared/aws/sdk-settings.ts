/** For every client of the SDK: by itself it waits for an answer without end. */
export const sdkSettings = {
  maxAttempts: 4,
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
} as const;
