import { codeCommitRegion } from './hosts.ts';
import type { AwsCredentials } from './request.ts';
import { amzDate, signature } from './sigv4.ts';

/** How long CodeCommit takes a signature. */
const lifetimeMs = 15 * 60_000;

/**
 * User and password of a repository of CodeCommit: its URL, signed as AWS's git-remote-codecommit does it, with the method GIT
 * and no payload. Throws CloudError for other URLs.
 */
export function codeCommitLogin(
  keys: AwsCredentials,
  url: URL,
  now: number,
): { username: string; password: string; expiresAt: number } {
  const date = amzDate(now).slice(0, -1);
  const canonical = `GIT\n${url.pathname}\n\nhost:${url.host}\n\nhost\n`;
  const signed = signature(keys, { region: codeCommitRegion(url), service: 'codecommit' }, date, canonical);
  return {
    username: keys.sessionToken ? `${keys.accessKeyId}%${keys.sessionToken}` : keys.accessKeyId,
    password: `${date}Z${signed}`,
    expiresAt: Math.min(now + lifetimeMs, keys.expiresAt),
  };
}
