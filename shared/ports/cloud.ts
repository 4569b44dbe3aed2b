/**
 * The variables of the process that say who this installation is at the clouds, read at the edge and handed down: credentials
 * among them, so it is never logged.
 */
export type CloudEnvironment = Readonly<Record<string, string>>;

/** Names as the clouds' own tools have them, those that their runtimes set, and the role that our stack has for sources. */
const named = /^(?:(?:AWS|AZURE|GOOGLE|GCE|CLOUDSDK|IDENTITY)_|SLUICE_SOURCES_ROLE_ARN$)/;

/** What of the environment is the clouds' matter; empty variables are none. */
export function cloudEnvironment(env: Record<string, string | undefined>): CloudEnvironment {
  const found = Object.entries(env).filter(
    (entry): entry is [string, string] => named.test(entry[0]) && entry[1] !== undefined && entry[1] !== '',
  );
  return Object.fromEntries(found);
}
