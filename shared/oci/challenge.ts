/** One challenge of a WWW-Authenticate header. */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  scheme: string;
  parameters: Record<string, string | undefined>;
}

/** More is none that a registry sends. */
const maxHeader = 8192;

/**
 * Parses WWW-Authenticate (RFC 9110, 11.6.1): several challenges in one header, quoted values with escapes. What cannot be read
 * ends the parse; what was read before it stays.
 */
export function parseChallenges(header: string | undefined): Challenge[] {
  const challenges: Challenge[] = [];
  if (header === undefined || header.length > maxHeader) return challenges;
  const token = /[ \t,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*(=)[ \t]*("(?:[^"\\]|\\.)*"|[^\s",]*))?/y;
  for (let match = token.exec(header); match; match = token.exec(header)) {
    const [, name = '', equals, value = ''] = match;
    const current = challenges.at(-1);
    if (equals === undefined) challenges.push({ scheme: name.toLowerCase(), parameters: Object.create(null) });
    else if (current) current.parameters[name.toLowerCase()] ??= unquote(value);
    else break;
  }
  return challenges;
}

function unquote(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
}
